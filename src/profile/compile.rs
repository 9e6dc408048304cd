//! Compiles definitions into a [`Schema`]: elements of all parts are brought together by name, and every rule that one
//! of them states is made ready to run (<https://hl7.org/fhir/R4/elementdefinition.html#interpretation>).

use std::sync::Arc;

use super::names::Names;
use super::rules::{self, Rule};
use super::schema::{Content, ElementSchema, Json, Member, Part, Schema, ValueSchema};
use super::schemas::Schemas;
use crate::definitions::structure::{Element, Structure, StructureKind, TypeRef};

/// One definition of an element, with what surrounds it.
#[derive(Clone, Copy)]
pub(super) struct Definition<'a> {
    pub(super) schemas: &'a Schemas,
    pub(super) structure: &'a Arc<Structure>,
    pub(super) index: u32,
    pub(super) element: &'a Element,
}

/// Compiles the schema that is made of these parts.
pub(super) fn compile(schemas: &Schemas, parts: &[Part]) -> Schema {
    let structures: Vec<(Arc<Structure>, u32)> = parts
        .iter()
        .filter_map(|part| Some((schemas.definitions().structure(&part.structure)?, part.element)))
        .collect();
    let mut schema = Schema {
        name: structures.first().map_or_else(String::new, |(structure, index)| name_of(structure, *index)),
        is_resource: structures
            .iter()
            .any(|(structure, index)| *index == 0 && structure.kind == StructureKind::Resource),
        names: Names::new([].into_iter()),
        members: Vec::new(),
        elements: Vec::new(),
        required: Vec::new(),
        bounded: Vec::new(),
        rules: Vec::new(),
    };
    for (structure, index) in &structures {
        if let Some(element) = structure.element(*index) {
            rules::of_object(Definition { schemas, structure, index: *index, element }, &mut schema.rules);
        }
    }
    for definitions in elements(schemas, &structures) {
        add(&mut schema, &definitions);
    }
    schema.names = Names::new(schema.members.iter().map(|member| member.name.as_str()));
    schema
}

fn name_of(structure: &Structure, index: u32) -> String {
    structure.element(index).map_or_else(|| structure.type_name.clone(), |element| element.path.clone())
}

/// The elements of all parts, those of one name together, in the order of the first part.
fn elements<'a>(schemas: &'a Schemas, structures: &'a [(Arc<Structure>, u32)]) -> Vec<Vec<Definition<'a>>> {
    let mut elements: Vec<Vec<Definition<'a>>> = Vec::new();
    for (structure, index) in structures {
        // The value of a primitive stands in the JSON itself; what has members is its sibling.
        let is_value = |element: &Element| structure.kind == StructureKind::Primitive && element.name == "value";
        for (at, element) in structure.children(*index).filter(|(_, element)| !is_value(element)) {
            let definition = Definition { schemas, structure, index: at, element };
            match elements.iter_mut().find(|known| known[0].element.name == element.name) {
                Some(known) => known.push(definition),
                None => elements.push(vec![definition]),
            }
        }
    }
    elements
}

/// Adds an element with everything that is said about it.
fn add(schema: &mut Schema, definitions: &[Definition<'_>]) {
    let Some(first) = definitions.first() else { return };
    let position = schema.elements.len() as u16;
    let min = definitions.iter().map(|definition| definition.element.min).max().unwrap_or(0);
    let max = definitions.iter().filter_map(|definition| definition.element.max).min();
    let is_list = first.element.is_list;
    if min > 0 {
        schema.required.push(position);
    }
    if max.is_some_and(|max| is_list || max == 0) {
        schema.bounded.push(position);
    }
    let mut values = Vec::new();
    for allowed in types(first) {
        let value = value(definitions, &allowed);
        let name = first.element.name_for(&value.type_name);
        let mut member = |name, is_sibling| {
            schema.members.push(Member { name, element: position, value: values.len() as u16, is_sibling });
        };
        if matches!(value.content, Content::Primitive { sibling: Some(_), .. }) {
            member(format!("_{name}"), true);
        }
        member(name, false);
        values.push(value);
    }
    schema.elements.push(ElementSchema { name: first.element.name.clone(), is_list, min, max, values });
}

/// The types of an element; one that shares another's content has that one's.
fn types(definition: &Definition<'_>) -> Vec<TypeRef> {
    let structure = definition.structure;
    let content = structure.element(structure.content_of(definition.index));
    content.map_or_else(Vec::new, |element| element.types.clone())
}

fn value(definitions: &[Definition<'_>], allowed: &TypeRef) -> ValueSchema {
    let mut rules: Vec<Rule> = Vec::new();
    for definition in definitions {
        rules::of_value(*definition, allowed, &mut rules);
    }
    ValueSchema { type_name: allowed.code.clone(), content: content(definitions, allowed), rules }
}

/// What stands inside a value of this type: what the definitions themselves say about the inside, and the type's own
/// definition where one of them leaves it to that.
fn content(definitions: &[Definition<'_>], allowed: &TypeRef) -> Content {
    let Some(Definition { schemas, element, .. }) = definitions.first().copied() else { return Content::Unknown };
    if allowed.code == "Resource" {
        return Content::Resource { is_contained: element.name == "contained" };
    }
    let whole = || Part { structure: allowed.code.clone(), element: 0 };
    let mut parts: Vec<Part> = Vec::new();
    for Definition { structure, index, .. } in definitions {
        let content = structure.content_of(*index);
        let has_inside = structure.children(content).next().is_some();
        let part = if has_inside { Part { structure: key(structure), element: content } } else { whole() };
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    match schemas.definitions().structure(&allowed.code).map(|structure| structure.kind) {
        Some(StructureKind::Primitive) => {
            let sibling = (!element.is_attribute).then(|| schemas.number(parts));
            Content::Primitive { json: Json::of(&allowed.code), sibling }
        }
        Some(_) => Content::Object(schemas.number(parts)),
        None => Content::Unknown,
    }
}

/// The name by which a structure is found again: the type, or the canonical URL of a profile with its version.
fn key(structure: &Structure) -> String {
    match &structure.version {
        Some(version) if structure.is_profile => format!("{}|{version}", structure.url),
        _ if structure.is_profile => structure.url.clone(),
        _ => structure.type_name.clone(),
    }
}
