//! Compiles definitions into a [`Schema`]: elements of all parts are brought together by name, and every rule that one
//! of them states is made ready to run (<https://hl7.org/fhir/R4/elementdefinition.html#interpretation>).
//!
//! A snapshot repeats what it inherits, so of a type and its profiles only the profiles are asked for rules, and of an
//! element and its slices only the slices: what a rule says is then said once, by whoever said it last.

use std::sync::Arc;

use super::definition::{Definition, definitions, resolve_parts};
use super::name_table::NameTable;
use super::part::Part;
use super::registry::Registry;
use super::rules::invariant;
use super::rules::rule::{self, Rule, SourcedRule};
use super::schema::{Content, ElementSchema, InnerResourceRule, JsonKind, Limit, Member, Schema, ValueSchema};
use super::slicing::{self, Variants};
use crate::definitions::Resolved;
use crate::definitions::structure::{Element, Structure, StructureKind, TypeRef};

/// Compiles the schema that is made of these parts.
pub(super) fn compile(registry: &Registry, parts: &[Part]) -> Schema {
    let structures = resolve_parts(registry, parts);
    let mut schema = Schema {
        name: structures.first().map_or_else(String::new, |(structure, index)| name_of(structure, *index)),
        is_resource: structures
            .iter()
            .any(|(structure, index)| *index == 0 && structure.kind == StructureKind::Resource),
        names: NameTable::new([].into_iter()),
        members: Vec::new(),
        elements: Vec::new(),
        required: Vec::new(),
        bounded: Vec::new(),
        sliced: Vec::new(),
        supported: Vec::new(),
        slices: 0,
        rules: Vec::new(),
        invariants: Vec::new(),
    };
    let wholes: Vec<Definition<'_>> = definitions(registry, &structures).collect();
    for definition in &wholes {
        rule::of_object(*definition, &mut schema.rules);
        if definition.index == 0 {
            invariant::add(*definition, &mut schema.invariants);
        }
    }
    for definitions in elements(registry, &structures) {
        add(&mut schema, &definitions);
    }
    schema.names = NameTable::new(schema.members.iter().map(|member| member.name.as_str()));
    schema
}

fn name_of(structure: &Structure, index: u32) -> String {
    structure.element(index).map_or_else(|| structure.type_name.clone(), |element| element.path.clone())
}

/// The elements of all parts, those of one name together, in the order of the first part.
fn elements<'a>(registry: &'a Registry, structures: &'a [(Arc<Structure>, u32)]) -> Vec<Vec<Definition<'a>>> {
    let mut elements: Vec<Vec<Definition<'a>>> = Vec::new();
    for (structure, index) in structures {
        // The value of a primitive stands in the JSON itself; what has members is its sibling.
        let is_value = |element: &Element| structure.kind == StructureKind::Primitive && element.name == "value";
        for (at, element) in structure.children(*index).filter(|(_, element)| !is_value(element)) {
            let definition = Definition { registry, structure, index: at, element };
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
    let (min, max) = limits(definitions);
    let is_list = first.element.is_list;
    if min.count > 0 {
        schema.required.push(position);
    }
    if max.as_ref().is_some_and(|max| is_list || max.count == 0) {
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
    let slicings = slicing::compile(definitions, &mut schema.slices);
    if !slicings.is_empty() {
        schema.sliced.push(position);
    }
    let supported = definitions.iter().find(|definition| definition.element.must_support).map(Definition::origin);
    if supported.is_some() {
        schema.supported.push(position);
    }
    schema.elements.push(ElementSchema {
        name: first.element.name.clone(),
        is_list,
        min,
        max,
        values,
        slicings,
        variants: Variants::default(),
        parts: definitions.iter().map(Definition::part).collect(),
        supported,
    });
}

/// The narrowest limits, each from whoever states it first.
fn limits(definitions: &[Definition<'_>]) -> (Limit, Option<Limit>) {
    let origin = |definition: &Definition<'_>| definition.origin();
    let mut min = Limit { count: 0, origin: Arc::default() };
    let mut max: Option<Limit> = None;
    for definition in definitions {
        let element = definition.element;
        if element.min > min.count {
            min = Limit { count: element.min, origin: origin(definition) };
        }
        if let Some(count) = element.max.filter(|count| max.as_ref().is_none_or(|max| *count < max.count)) {
            max = Some(Limit { count, origin: origin(definition) });
        }
    }
    (min, max)
}

/// The types of an element; one that shares another's content has that one's.
fn types(definition: &Definition<'_>) -> Vec<TypeRef> {
    let structure = definition.structure;
    let content = structure.element(structure.content_of(definition.index));
    content.map_or_else(Vec::new, |element| element.types.clone())
}

/// A value of a type that an element may have, with what these definitions say about it.
pub(super) fn value(definitions: &[Definition<'_>], allowed: &TypeRef) -> ValueSchema {
    let (mut rules, mut invariants) = (Vec::new(), Vec::new());
    let mut refused = None;
    for definition in effective(definitions) {
        invariant::add(definition, &mut invariants);
        match definition.type_ref(allowed) {
            Some(allowed) => rule::of_value(definition, &allowed, &mut rules),
            None => refused = Some(definition.origin()),
        }
    }
    ValueSchema {
        type_name: allowed.code.clone(),
        content: content(definitions, allowed, &mut rules),
        rules,
        invariants,
        refused,
    }
}

/// What a value of an element holds that is in these slices: `key` is the position of its type among those of the element,
/// and then, for each slice, the positions of slicing and slice.
pub(super) fn variant(registry: &Registry, element: &ElementSchema, key: &[u16]) -> ValueSchema {
    let mut parts = element.parts.clone();
    let (position, slices) = key.split_first().map_or((0, &[][..]), |(position, slices)| (*position, slices));
    for pair in slices.chunks_exact(2) {
        let slicing = element.slicings.get(usize::from(pair[0]));
        let slice = slicing.and_then(|slicing| slicing.slices.get(usize::from(pair[1])));
        parts.extend(slice.map(|slice| slice.part.clone()));
    }
    let resolved = resolve_parts(registry, &parts);
    let definitions: Vec<Definition<'_>> = definitions(registry, &resolved).collect();
    // The first definition is the type's own, which knows all types of a choice.
    let content = definitions.first().and_then(|first| {
        let structure = Arc::clone(first.structure);
        let content = structure.content_of(first.index);
        structure.element(content)?.types.get(usize::from(position)).cloned()
    });
    value(&definitions, &content.unwrap_or_default())
}

/// The definitions that have the last word: profiles before types, slices before what they slice.
fn effective<'a>(definitions: &[Definition<'a>]) -> Vec<Definition<'a>> {
    let is_profiled = definitions.iter().any(|definition| definition.structure.is_profile);
    let kept = definitions.iter().filter(|definition| definition.structure.is_profile || !is_profiled);
    let is_sliced = |definition: &Definition<'_>| {
        definitions.iter().any(|other| {
            Arc::ptr_eq(other.structure, definition.structure)
                && other.index != definition.index
                && other.element.slice_name.is_some()
        })
    };
    kept.filter(|definition| definition.element.slice_name.is_some() || !is_sliced(definition)).copied().collect()
}

/// What stands inside a value of this type: what the definitions themselves say about the inside, and the type's own
/// definition where one of them leaves it to that.
fn content(definitions: &[Definition<'_>], allowed: &TypeRef, rules: &mut Vec<SourcedRule>) -> Content {
    let Some(Definition { registry, element, .. }) = definitions.first().copied() else { return Content::Unknown };
    if allowed.code == "Resource" {
        let rules = definitions.iter().filter_map(inner_resource_rule).collect();
        return Content::Resource { is_contained: element.name == "contained", rules };
    }
    let mut parts: Vec<Part> = Vec::new();
    for definition in definitions {
        let part = definition.inside().unwrap_or_else(|| type_part(definition, allowed, rules));
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    let is_plain = parts.len() == 1 && parts[0].structure == allowed.code;
    match registry.definitions().structure(&allowed.code).map(|structure| structure.kind) {
        Some(StructureKind::Primitive) => {
            let sibling = (!element.is_attribute).then(|| registry.number_of(parts));
            Content::Primitive { json: JsonKind::of(&allowed.code), sibling }
        }
        Some(_) if allowed.code == "Extension" && is_plain => Content::Extension(registry.number_of(parts)),
        Some(_) => Content::Object(registry.number_of(parts)),
        None => Content::Unknown,
    }
}

/// The type as a whole, or the profile of it that the definition demands. Of several profiles a value has to meet one,
/// which is a rule of its own.
fn type_part(definition: &Definition<'_>, allowed: &TypeRef, rules: &mut Vec<SourcedRule>) -> Part {
    let of_type = Part { structure: allowed.code.clone(), element: 0 };
    let Some(type_ref) = definition.type_ref(allowed) else { return of_type };
    let [profile] = &type_ref.profiles[..] else { return of_type };
    let mut push_unresolved = |used: Option<String>| {
        let rule = Rule::Unresolved { profile: profile.clone(), used };
        rules.push(SourcedRule { rule, origin: definition.origin() });
    };
    match definition.view().nearest_structure(profile).filter(|it| it.definition.type_name == allowed.code) {
        Some(Resolved { definition, is_exact }) => {
            let part = Part::of(&definition, 0);
            if !is_exact {
                push_unresolved(Some(part.structure.clone()));
            }
            part
        }
        None => {
            push_unresolved(None);
            of_type
        }
    }
}

/// What a definition demands of a resource that stands in its element.
fn inner_resource_rule(definition: &Definition<'_>) -> Option<InnerResourceRule> {
    let structure = definition.structure;
    let has_inside = structure.children(definition.index).next().is_some();
    let types: Vec<&TypeRef> =
        definition.element.types.iter().filter(|it| it.code != "Resource" || !it.profiles.is_empty()).collect();
    let types: Vec<TypeRef> = types
        .into_iter()
        .map(|it| TypeRef { profiles: definition.with_versions(&it.profiles), ..it.clone() })
        .collect();
    if !structure.is_profile || (types.is_empty() && !has_inside) {
        return None;
    }
    let inside = has_inside.then(|| definition.part());
    Some(InnerResourceRule { types, inside, origin: definition.origin() })
}
