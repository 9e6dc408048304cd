//! Edits of a record: what a program's system may change, with values that the record's schema allows.

use handoff::mapping::{FieldDescription, Program};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// One change of a record.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    field: usize,
    item: usize,
    value: usize,
    what: u8,
}

/// Some changes, of members that no field knows among them.
pub(crate) fn edits(most: usize) -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(of_kinds(10), 0..=most)
}

/// One change of a field.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    of_kinds(9)
}

fn of_kinds(kinds: u8) -> impl Strategy<Value = Edit> {
    (any::<usize>(), any::<usize>(), any::<usize>(), 0..kinds).prop_map(|(field, item, value, what)| Edit {
        field,
        item,
        value,
        what,
    })
}

/// The fields that a program may change.
pub(crate) fn writable(program: &Program) -> Vec<FieldDescription> {
    let fields = program.map.fields().into_iter();
    fields.filter(|field| field.read_only.is_none() && !field.record[0].ends_with("id")).collect()
}

impl Edit {
    /// The place that it changes, in words.
    pub(crate) fn place(&self, program: &Program) -> String {
        let fields = writable(program);
        fields[self.field % fields.len()].record[0].clone()
    }

    /// Changes a record. `grow`: may it add items to lists?
    pub(crate) fn apply(&self, program: &Program, record: &mut Value, grow: bool) {
        if self.what == 9 {
            return self.add_unknown(record);
        }
        let fields = writable(program);
        let field = &fields[self.field % fields.len()];
        let schema = program.schema_json();
        for (which, path) in field.record.iter().enumerate() {
            let names = segments(path);
            let value = (self.what < 7 || which > 0).then(|| {
                let at = schema_at(schema, &names);
                sample(&at, self.value)
            });
            self.set(schema, record, &names, &mut Vec::new(), value, grow);
        }
    }

    fn set(
        &self,
        schema: &Value,
        at: &mut Value,
        names: &[String],
        walked: &mut Vec<String>,
        value: Option<Value>,
        grow: bool,
    ) {
        let Some((name, rest)) = names.split_first() else { return };
        walked.push(name.clone());
        if name == "[]" {
            let Some(items) = at.as_array_mut() else { return };
            let choice = self.item % (items.len() + 1);
            if choice == items.len() {
                if !grow || value.is_none() {
                    return;
                }
                let mut item = Map::new();
                for needed in required(schema, walked) {
                    let mut path = walked.clone();
                    path.push(needed.clone());
                    item.insert(needed, sample(&schema_at(schema, &path), self.value));
                }
                items.push(Value::Object(item));
            }
            return self.set(schema, &mut items[choice], rest, walked, value, grow);
        }
        let Some(object) = at.as_object_mut() else { return };
        if rest.is_empty() {
            let around = &walked[..walked.len() - 1];
            match value {
                None if required(schema, around).contains(name) => None,
                Some(value) => object.insert(name.clone(), value),
                None => object.shift_remove(name),
            };
            return;
        }
        if value.is_none() && !object.contains_key(name) {
            return;
        }
        let empty = if rest[0] == "[]" { json!([]) } else { json!({}) };
        let inner = object.entry(name.clone()).or_insert(empty);
        self.set(schema, inner, rest, walked, value, grow);
        if inner.as_object().is_some_and(Map::is_empty) || inner.as_array().is_some_and(Vec::is_empty) {
            object.shift_remove(name);
        }
    }

    /// Adds a member that no field knows to some object of the record.
    fn add_unknown(&self, record: &mut Value) {
        let mut places = Vec::new();
        objects(record, String::new(), &mut places);
        let place = &places[self.item % places.len()];
        let value = serde_json::from_str(["1.10", "[{}, null]", "{\"a\": \"b\"}", "\"x\""][self.value % 4]).unwrap();
        let name = ["own", "local", "z"][self.field % 3];
        record.pointer_mut(place).unwrap().as_object_mut().unwrap().insert(name.to_owned(), value);
    }
}

fn objects(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                objects(value, format!("{at}/{name}"), places);
            }
            places.push(at);
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                objects(value, format!("{at}/{number}"), places);
            }
        }
        _ => {}
    }
}

/// `a.b[].c` as names, `[]` for items.
pub(crate) fn segments(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in path.split('.') {
        match name.strip_suffix("[]") {
            Some(list) => names.extend([list.to_owned(), "[]".to_owned()]),
            None => names.push(name.to_owned()),
        }
    }
    names
}

// === schemas

/// The keywords that speak of a place, those that are drawn in among them.
fn schema_at(schema: &Value, names: &[String]) -> Vec<Value> {
    let mut at = vec![(schema.clone(), schema.clone())];
    for name in names {
        let parts: Vec<_> = at.iter().flat_map(|(part, root)| parts(part, root, schema)).collect();
        at = parts
            .into_iter()
            .filter_map(|(part, root)| {
                let inner = if name == "[]" { part.get("items") } else { part.get("properties")?.get(name) };
                Some((inner?.clone(), root))
            })
            .collect();
        assert!(!at.is_empty(), "the schema knows no {name} of {names:?}");
    }
    at.iter().flat_map(|(part, root)| parts(part, root, schema)).map(|(part, _)| part).collect()
}

fn parts(part: &Value, root: &Value, whole: &Value) -> Vec<(Value, Value)> {
    let mut found = vec![(part.clone(), root.clone())];
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let (id, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = match id {
            "" => root.clone(),
            id => whole["$defs"].as_object().unwrap().values().find(|kept| kept["$id"] == id).unwrap().clone(),
        };
        let target = root.pointer(pointer).unwrap().clone();
        found.extend(parts(&target, &root, whole));
    }
    for inner in part.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        found.extend(parts(inner, root, whole));
    }
    found
}

fn required(schema: &Value, names: &[String]) -> Vec<String> {
    let parts = schema_at(schema, names);
    let names = parts.iter().filter_map(|part| part.get("required")?.as_array()).flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A value that the schema allows.
fn sample(parts: &[Value], seed: usize) -> Value {
    let get = |keyword: &str| parts.iter().find_map(|part| part.get(keyword));
    if let Some(values) = get("enum").and_then(Value::as_array) {
        return values[seed % values.len()].clone();
    }
    let pick = |values: &[&str]| serde_json::from_str::<Value>(values[seed % values.len()]).unwrap();
    match get("type").and_then(Value::as_str) {
        Some("boolean") => Value::Bool(seed.is_multiple_of(2)),
        Some("integer") => pick(&["1", "30", "45"]),
        Some("number") => pick(&["1.10", "0", "250", "1e2", "3.00"]),
        Some("string") => match get("pattern").and_then(Value::as_str) {
            Some(pattern) if pattern.contains("[A-Z]{3}") => pick(&["\"USD\"", "\"MXN\""]),
            Some(pattern) if pattern.starts_with("^[0-9]{4}-") => {
                pick(&["\"2026-05-06T07:08:09Z\"", "\"2026-05-06T07:08:09.5+02:00\""])
            }
            Some(pattern) if pattern.contains('S') => pick(&["\"urn:example:codes\"", "\"http://snomed.info/sct\""]),
            Some(_) => pick(&["\"2026\"", "\"2026-05\"", "\"2026-05-06\""]),
            None => pick(&["\"alpha\"", "\"b-2\"", "\"5r\"", "\"x é 🏠\""]),
        },
        other => panic!("no sample for {other:?}"),
    }
}
