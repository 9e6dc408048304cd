//! Reads a StructureDefinition or SearchParameter resource, whole or trimmed, into what the house works with.
//!
//! The pack holds trimmed resources in the same JSON, so this is the only reader.

use std::collections::HashMap;

use super::differential::{DifferentialElement, MaxCardinality};
use super::search_parameter::{Component, SearchParameter};
use super::structure::{
    AdditionalBinding, Binding, CORE_URL, Constraint, Context, Discriminator, Element, Literal, Purpose, Slicing,
    Strength, Structure, StructureKind, TypeRef, Usage,
};
use crate::fhir::{Issue, Key, Node};

/// Says which FHIR type stands behind a `System.` type.
const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
pub(super) const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
pub(super) const MIN_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-minValueSet";
/// Two URLs were published for the one extension.
pub(super) const ADDITIONAL_BINDING: [&str; 2] = [
    "http://hl7.org/fhir/StructureDefinition/additional-binding",
    "http://hl7.org/fhir/tools/StructureDefinition/additional-binding",
];
pub(super) const BEST_PRACTICE: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-bestpractice";
const ELEMENT: &str = "http://hl7.org/fhir/StructureDefinition/Element";

impl Structure {
    /// Reads a StructureDefinition.
    ///
    /// # Errors
    /// One issue where something is missing without which it cannot be used.
    pub fn read(node: Node<'_>) -> Result<Self, Box<Issue>> {
        let type_name = required_text(node, "type")?.rsplit('/').next().unwrap_or_default().to_owned();
        let kind = match required_text(node, "kind")?.as_str() {
            "primitive-type" => StructureKind::Primitive,
            "complex-type" => StructureKind::Complex,
            "resource" => StructureKind::Resource,
            "logical" => StructureKind::Logical,
            other => return Err(Box::new(unusable(node, format!("the kind {other} is unknown")))),
        };
        let is_differential = node.get("snapshot").is_none();
        let list = node
            .get(if is_differential { "differential" } else { "snapshot" })
            .ok_or_else(|| Box::new(unusable(node, "there is neither a snapshot nor a differential")))?;
        let mut structure = Self {
            url: required_text(node, "url")?,
            version: text(node, "version"),
            name: text(node, "name").unwrap_or_else(|| type_name.clone()),
            kind,
            type_name,
            is_abstract: flag(node, "abstract"),
            is_profile: is_constraint(node),
            base: text(node, "baseDefinition"),
            contexts: node.list("context").filter_map(context).collect(),
            context_invariants: texts(node, "contextInvariant"),
            elements: Vec::new(),
            is_differential,
            package: std::sync::Arc::from(""),
        };
        for element in list.list("element") {
            let element = read_element(element, &structure)?;
            structure.elements.push(element);
        }
        if structure.elements.is_empty() {
            return Err(Box::new(unusable(node, "it has no elements")));
        }
        link_elements(&mut structure.elements);
        Ok(structure)
    }
}

impl Structure {
    /// Reads the differential of a StructureDefinition: elements with what they say, apart from what they do not say.
    pub(super) fn read_differential(node: Node<'_>) -> Result<Vec<DifferentialElement>, Box<Issue>> {
        let structure = Self::read(node)?;
        let elements = node.get("differential").into_iter().flat_map(|list| list.list("element"));
        let stated = |node: Node<'_>| {
            let max = match text(node, "max") {
                None => MaxCardinality::NotStated,
                Some(max) => max.parse().map_or(MaxCardinality::Many, MaxCardinality::Number),
            };
            let element = read_element(node, &structure)?;
            Ok(DifferentialElement { element, has_id: node.get("id").is_some(), min: number(node, "min"), max })
        };
        elements.map(stated).collect()
    }
}

/// Does it constrain a type that another structure defines? It may say so; and a type is never based on itself, whatever
/// is said.
pub(super) fn is_constraint(node: Node<'_>) -> bool {
    let base = node.str("baseDefinition");
    let is_of_own_type = base.is_some_and(|base| base.rsplit('/').next().map(str::to_owned) == text(node, "type"));
    is_of_own_type || node.str("derivation").is_some_and(|how| how == "constraint")
}

impl SearchParameter {
    /// Reads a SearchParameter.
    ///
    /// # Errors
    /// One issue where something is missing without which it cannot be used.
    pub fn read(node: Node<'_>) -> Result<Self, Box<Issue>> {
        Ok(Self {
            url: required_text(node, "url")?,
            code: required_text(node, "code")?,
            base: texts(node, "base"),
            kind: required_text(node, "type")?,
            expression: text(node, "expression"),
            targets: texts(node, "target"),
            components: node
                .list("component")
                .filter_map(|part| {
                    Some(Component { definition: text(part, "definition")?, expression: text(part, "expression")? })
                })
                .collect(),
        })
    }
}

// === elements ===

fn read_element(node: Node<'_>, structure: &Structure) -> Result<Element, Box<Issue>> {
    let path = required_text(node, "path")?;
    let max = text(node, "max");
    let base = node.get("base");
    let content = text(node, "contentReference").and_then(|at| {
        let (url, id) = at.split_once('#')?;
        Some((url.to_owned(), id.to_owned()))
    });
    let base_max = base.and_then(|base| text(base, "max"));
    let mut element = Element {
        id: text(node, "id").unwrap_or_else(|| path.clone()),
        name: path.rsplit('.').next().unwrap_or_default().to_owned(),
        slice_name: text(node, "sliceName"),
        slice_is_constraining: flag(node, "sliceIsConstraining"),
        base_path: base.and_then(|base| text(base, "path")),
        slicing: node.get("slicing").map(slicing),
        min: number(node, "min").unwrap_or(0),
        max: max.as_deref().and_then(|max| max.parse().ok()),
        is_list: base_max.or(max).is_some_and(|max| max != "1" && max != "0"),
        is_attribute: node.list("representation").any(|how| how.is_str("xmlAttr")),
        types: node.list("type").map(type_ref).collect(),
        content_source: content.as_ref().map(|(url, _)| url.clone()).filter(|url| !is_own(url, structure)),
        content_reference: content.map(|(_, id)| id),
        binding: node.get("binding").and_then(binding),
        constraints: node.list("constraint").filter_map(constraint).collect(),
        max_length: number(node, "maxLength"),
        is_modifier: flag(node, "isModifier"),
        is_summary: flag(node, "isSummary"),
        must_support: flag(node, "mustSupport"),
        path,
        ..Element::default()
    };
    for member in node.members() {
        let name = member.name();
        for (prefix, slot) in [
            ("fixed", &mut element.fixed),
            ("pattern", &mut element.pattern),
            ("minValue", &mut element.min_value),
            ("maxValue", &mut element.max_value),
        ] {
            if let Some(type_name) = name.strip_prefix(prefix).filter(|rest| !rest.is_empty()) {
                *slot = Some(Literal { type_name: type_name.to_owned(), json: member.text().to_owned() });
            }
        }
    }
    normalize(&mut element, structure);
    Ok(element)
}

/// Does a content reference with this URL stay in the structure?
fn is_own(url: &str, structure: &Structure) -> bool {
    url.is_empty() || url.split('|').next() == Some(&structure.url)
}

/// R4 gives `Resource.id` the type string; the text of the standard says id. Constraints that the element's type
/// brings along are left to the type, so that none runs twice.
fn normalize(element: &mut Element, structure: &Structure) {
    let depth = element.path.matches('.').count();
    if depth == 1
        && element.name == "id"
        && structure.kind == StructureKind::Resource
        && let Some(only) = element.types.first_mut()
    {
        "id".clone_into(&mut only.code);
    }
    let types = &element.types;
    if depth > 0 {
        element.constraints.retain(|rule| {
            rule.source.as_deref().is_none_or(|source| {
                source != ELEMENT
                    && !source
                        .strip_prefix(CORE_URL)
                        .is_some_and(|name| types.iter().any(|allowed| allowed.code == name))
            })
        });
    }
}

fn type_ref(node: Node<'_>) -> TypeRef {
    let code = text(node, "code").unwrap_or_default();
    let code = match code.strip_prefix("http://hl7.org/fhirpath/System.") {
        None => code,
        Some(system) => extension(node, FHIR_TYPE).unwrap_or_else(|| system.to_lowercase()),
    };
    TypeRef {
        code,
        target_profiles: texts(node, "targetProfile"),
        profiles: texts(node, "profile"),
        aggregation: texts(node, "aggregation"),
    }
}

fn binding(node: Node<'_>) -> Option<Binding> {
    Some(Binding {
        strength: Strength::from_code(&node.str("strength")?)?,
        value_set: text(node, "valueSet"),
        max_value_set: extension(node, MAX_VALUE_SET),
        min_value_set: extension(node, MIN_VALUE_SET),
        additional: extensions(node, &ADDITIONAL_BINDING).filter_map(additional_binding).collect(),
    })
}

fn additional_binding(node: Node<'_>) -> Option<AdditionalBinding> {
    Some(AdditionalBinding {
        purpose: Purpose::from_code(&extension(node, "purpose")?),
        value_set: extension(node, "valueSet")?,
        usage: extensions(node, &["usage"]).filter_map(|one| usage(one.get("valueUsageContext")?)).collect(),
        any: extensions(node, &["any"]).any(|one| flag(one, "valueBoolean")),
    })
}

fn usage(node: Node<'_>) -> Option<Usage> {
    let code = node.get("code")?;
    let codings = node.get("valueCodeableConcept").into_iter().flat_map(|concept| concept.list("coding"));
    Some(Usage {
        system: text(code, "system"),
        code: text(code, "code")?,
        values: codings.filter_map(|coding| Some((text(coding, "system"), text(coding, "code")?))).collect(),
    })
}

fn constraint(node: Node<'_>) -> Option<Constraint> {
    Some(Constraint {
        key: text(node, "key")?,
        is_error: node.str("severity").is_none_or(|severity| severity == "error"),
        is_best_practice: extensions(node, &[BEST_PRACTICE]).any(|one| flag(one, "valueBoolean")),
        human: text(node, "human").unwrap_or_default(),
        expression: text(node, "expression")?,
        source: text(node, "source"),
    })
}

fn slicing(node: Node<'_>) -> Slicing {
    Slicing {
        discriminators: node
            .list("discriminator")
            .filter_map(|one| Some(Discriminator { kind: text(one, "type")?, path: text(one, "path")? }))
            .collect(),
        ordered: flag(node, "ordered"),
        rules: text(node, "rules").unwrap_or_else(|| "open".to_owned()),
    }
}

fn context(node: Node<'_>) -> Option<Context> {
    Some(Context { kind: text(node, "type")?, expression: text(node, "expression")? })
}

/// Tells every element its parent and children, by the ids (which keep slices apart) or, failing that, the paths.
pub(super) fn link_elements(elements: &mut [Element]) {
    let mut by_id: HashMap<String, u32> = HashMap::new();
    for index in 0..elements.len() {
        let element = &elements[index];
        let above = |text: &str| text.rsplit_once('.').and_then(|(above, _)| by_id.get(above).copied());
        let parent = above(&element.id).or_else(|| above(&element.path));
        by_id.insert(element.id.clone(), index as u32);
        by_id.entry(element.path.clone()).or_insert(index as u32);
        elements[index].parent = parent;
        if let Some(parent) = parent {
            elements[parent as usize].children.push(index as u32);
        }
    }
}

// === members ===

fn text(node: Node<'_>, name: &str) -> Option<String> {
    node.str(name).map(std::borrow::Cow::into_owned)
}

fn texts(node: Node<'_>, name: &str) -> Vec<String> {
    node.list(name).filter_map(Node::as_str).map(std::borrow::Cow::into_owned).collect()
}

fn flag(node: Node<'_>, name: &str) -> bool {
    node.get(name).and_then(Node::as_bool).unwrap_or(false)
}

fn number(node: Node<'_>, name: &str) -> Option<u32> {
    node.get(name).and_then(Node::as_number).and_then(|digits| digits.parse().ok())
}

/// The extensions with one of these URLs.
fn extensions<'a>(node: Node<'a>, urls: &[&str]) -> impl Iterator<Item = Node<'a>> {
    node.list("extension").filter(move |extension| {
        let url = extension.get("url");
        url.is_some_and(|url| urls.iter().any(|wanted| url.is_str(wanted)))
    })
}

/// The value of the extension with this URL, where it is a string of some kind.
fn extension(node: Node<'_>, url: &str) -> Option<String> {
    let found = extensions(node, &[url]).next()?;
    found
        .members()
        .find(|member| member.name().starts_with("value"))
        .and_then(Node::as_str)
        .map(std::borrow::Cow::into_owned)
}

fn required_text(node: Node<'_>, name: &str) -> Result<String, Box<Issue>> {
    text(node, name).ok_or_else(|| Box::new(unusable(node, format!("{name} is missing"))))
}

fn unusable(node: Node<'_>, why: impl std::fmt::Display) -> Issue {
    let what = node.str("url").or_else(|| node.str("path")).unwrap_or_default();
    let text = if what.is_empty() {
        format!("the definition cannot be used: {why}")
    } else {
        format!("the definition {what} cannot be used: {why}")
    };
    Issue::error(Key::DefinitionInvalid, node.path(), text).at(node.position())
}
