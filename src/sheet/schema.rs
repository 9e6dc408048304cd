//! What the JSON Schema of a record says about a place of it (<https://json-schema.org/draft/2020-12/schema>): enough to
//! check a column set with. The schema is complete in itself: what it references is in its `$defs`.

use serde_json::Value;

/// What may stand at a place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Expected {
    /// The JSON types that are named; empty: any
    pub(super) types: Vec<String>,
    /// The values that are listed; empty: any
    pub(super) values: Vec<String>,
}

/// What the schema expects at these names, `[]` standing for the items of a list. None: it knows of no such place.
pub(super) fn at(schema: &Value, names: &[&str]) -> Option<Expected> {
    let mut places = vec![(schema, schema)];
    for name in names {
        let all: Vec<(&Value, &Value)> = places.iter().flat_map(|place| parts(*place, schema)).collect();
        places = all.iter().filter_map(|(place, root)| Some((child(place, name)?, *root))).collect();
        if places.is_empty() {
            return None;
        }
    }
    let mut expected = Expected::default();
    for (place, _) in places.iter().flat_map(|place| parts(*place, schema)) {
        match place.get("type") {
            Some(Value::String(kind)) => expected.types.push(kind.clone()),
            Some(Value::Array(kinds)) => {
                expected.types.extend(kinds.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
        let values: Vec<String> = strings(place.get("enum")).collect();
        // Of two lists what both have is left.
        match expected.values.is_empty() {
            true => expected.values = values,
            false if values.is_empty() => {}
            false => expected.values.retain(|value| values.contains(value)),
        }
    }
    Some(expected)
}

fn strings(list: Option<&Value>) -> impl Iterator<Item = String> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

fn child<'s>(place: &'s Value, name: &str) -> Option<&'s Value> {
    if name == "[]" { place.get("items") } else { place.get("properties")?.get(name) }
}

/// A part of the schema and everything that it draws in, each with the schema that its local references mean.
fn parts<'s>((place, root): (&'s Value, &'s Value), whole: &'s Value) -> Vec<(&'s Value, &'s Value)> {
    let mut found = vec![(place, root)];
    if let Some(target) = place.get("$ref").and_then(Value::as_str).and_then(|to| resolve(to, root, whole)) {
        found.extend(parts(target, whole));
    }
    for part in place.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        found.extend(parts((part, root), whole));
    }
    found
}

fn resolve<'s>(reference: &str, root: &'s Value, whole: &'s Value) -> Option<(&'s Value, &'s Value)> {
    let (id, pointer) = reference.split_once('#').unwrap_or((reference, ""));
    if id.is_empty() {
        return Some((root.pointer(pointer)?, root));
    }
    let mut embedded = whole.get("$defs")?.as_object()?.values();
    let root = embedded.find(|schema| schema.get("$id").and_then(Value::as_str) == Some(id))?;
    Some((root.pointer(pointer)?, root))
}
