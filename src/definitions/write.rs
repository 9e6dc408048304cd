//! Writes a structure as the trimmed StructureDefinition that reads as the same structure: for packs, which hold snapshots
//! that were made of differentials.

use serde_json::{Map, Value, json};

use super::read::{ADDITIONAL_BINDING, BEST_PRACTICE, MAX_VALUE_SET, MIN_VALUE_SET};
use super::structure::{
    AdditionalBinding, Binding, Constraint, Element, Literal, Purpose, Slicing, Strength, Structure, StructureKind,
    TypeRef, Usage,
};

/// The JSON of a structure.
pub(super) fn structure_json(structure: &Structure) -> String {
    let kind = match structure.kind {
        StructureKind::Primitive => "primitive-type",
        StructureKind::Complex => "complex-type",
        StructureKind::Resource => "resource",
        StructureKind::Logical => "logical",
    };
    let contexts = structure.contexts.iter().map(|one| json!({ "type": one.kind, "expression": one.expression }));
    let elements = structure.elements.iter().map(element);
    object([
        ("resourceType", json!("StructureDefinition")),
        ("url", json!(structure.url)),
        ("version", json!(structure.version)),
        ("name", json!(structure.name)),
        ("kind", json!(kind)),
        ("abstract", flag(structure.is_abstract)),
        ("context", list(contexts)),
        ("contextInvariant", list(structure.context_invariants.iter().map(|one| json!(one)))),
        ("type", json!(structure.type_name)),
        ("baseDefinition", json!(structure.base)),
        ("derivation", json!(if structure.is_profile { "constraint" } else { "specialization" })),
        ("snapshot", json!({ "element": elements.collect::<Vec<_>>() })),
    ])
    .to_string()
}

fn element(element: &Element) -> Value {
    let content = element.content_reference.as_ref();
    let content = content.map(|id| format!("{}#{id}", element.content_source.as_deref().unwrap_or_default()));
    let mut written = object([
        ("id", json!(element.id)),
        ("path", json!(element.path)),
        ("representation", list(element.is_attribute.then(|| json!("xmlAttr")).into_iter())),
        ("sliceName", json!(element.slice_name)),
        ("sliceIsConstraining", flag(element.slice_is_constraining)),
        ("slicing", element.slicing.as_ref().map_or(Value::Null, slicing)),
        ("min", json!(element.min)),
        ("max", json!(element.max.map_or_else(|| "*".to_owned(), |max| max.to_string()))),
        ("base", object([("path", json!(element.base_path)), ("max", json!(if element.is_list { "*" } else { "1" }))])),
        ("contentReference", json!(content)),
        ("type", list(element.types.iter().map(type_ref))),
        ("maxLength", json!(element.max_length)),
        ("constraint", list(element.constraints.iter().map(constraint))),
        ("mustSupport", flag(element.must_support)),
        ("isModifier", flag(element.is_modifier)),
        ("isSummary", flag(element.is_summary)),
        ("binding", element.binding.as_ref().map_or(Value::Null, binding)),
    ]);
    for (prefix, literal) in [
        ("fixed", &element.fixed),
        ("pattern", &element.pattern),
        ("minValue", &element.min_value),
        ("maxValue", &element.max_value),
    ] {
        if let (Some(Literal { type_name, json }), Some(members)) = (literal, written.as_object_mut()) {
            // It was read from JSON, so it is JSON.
            let value = serde_json::from_str(json).unwrap_or(Value::Null);
            members.insert(format!("{prefix}{type_name}"), value);
        }
    }
    written
}

fn slicing(slicing: &Slicing) -> Value {
    let discriminators = slicing.discriminators.iter().map(|one| json!({ "type": one.kind, "path": one.path }));
    object([
        ("discriminator", list(discriminators)),
        ("ordered", flag(slicing.ordered)),
        ("rules", json!(slicing.rules)),
    ])
}

fn type_ref(allowed: &TypeRef) -> Value {
    let texts = |texts: &[String]| list(texts.iter().map(|text| json!(text)));
    object([
        ("code", json!(allowed.code)),
        ("profile", texts(&allowed.profiles)),
        ("targetProfile", texts(&allowed.target_profiles)),
        ("aggregation", texts(&allowed.aggregation)),
    ])
}

fn constraint(rule: &Constraint) -> Value {
    let best_practice = rule.is_best_practice.then(|| json!({ "url": BEST_PRACTICE, "valueBoolean": true }));
    object([
        ("extension", list(best_practice.into_iter())),
        ("key", json!(rule.key)),
        ("severity", json!(if rule.is_error { "error" } else { "warning" })),
        ("human", json!(rule.human)),
        ("expression", json!(rule.expression)),
        ("source", json!(rule.source)),
    ])
}

fn binding(binding: &Binding) -> Value {
    let strength = match binding.strength {
        Strength::Example => "example",
        Strength::Preferred => "preferred",
        Strength::Extensible => "extensible",
        Strength::Required => "required",
    };
    let set = |url: &str, set: &Option<String>| {
        let set = set.as_ref()?;
        Some(json!({ "url": url, "valueCanonical": set }))
    };
    let sets = [set(MAX_VALUE_SET, &binding.max_value_set), set(MIN_VALUE_SET, &binding.min_value_set)];
    let extensions = sets.into_iter().flatten().chain(binding.additional.iter().map(additional));
    object([("extension", list(extensions)), ("strength", json!(strength)), ("valueSet", json!(binding.value_set))])
}

fn additional(binding: &AdditionalBinding) -> Value {
    let purpose = match binding.purpose {
        Purpose::Maximum => "maximum",
        Purpose::Minimum => "minimum",
        Purpose::Required => "required",
        Purpose::Extensible => "extensible",
        Purpose::Preferred => "preferred",
        Purpose::Current => "current",
        Purpose::Design => "ui",
    };
    let mut parts = vec![
        json!({ "url": "purpose", "valueCode": purpose }),
        json!({ "url": "valueSet", "valueCanonical": binding.value_set }),
    ];
    parts.extend(binding.usage.iter().map(usage));
    if binding.any {
        parts.push(json!({ "url": "any", "valueBoolean": true }));
    }
    json!({ "url": ADDITIONAL_BINDING[0], "extension": parts })
}

fn usage(usage: &Usage) -> Value {
    let coding = |system: &Option<String>, code: &str| object([("system", json!(system)), ("code", json!(code))]);
    let codings = usage.values.iter().map(|(system, code)| coding(system, code));
    let concept = object([("coding", list(codings))]);
    let context = object([("code", coding(&usage.system, &usage.code)), ("valueCodeableConcept", concept)]);
    json!({ "url": "usage", "valueUsageContext": context })
}

/// What is there of these members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

/// A list, where it has items.
fn list(items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    if items.is_empty() { Value::Null } else { Value::Array(items) }
}

/// A flag, where it is set.
fn flag(is_set: bool) -> Value {
    if is_set { Value::Bool(true) } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::definitions::loaded::Definitions;
    use crate::fhir::Document;

    #[test]
    fn what_is_written_reads_as_the_same() {
        let r4 = Definitions::r4().unwrap();
        let profiles =
            ["vitalsigns", "bp", "shareableplandefinition", "patient-genderIdentity", "elementdefinition-de"];
        for name in r4.resource_types().iter().map(String::as_str).chain(profiles).chain(["Element", "Timing", "code"])
        {
            let Some(known) = r4.structure(name) else { panic!("{name}") };
            let document = Document::parse(structure_json(&known)).unwrap();
            let read = Structure::read(document.root()).unwrap();
            assert_eq!(Structure { package: Arc::clone(&known.package), ..read }, *known, "{name}");
        }
    }
}
