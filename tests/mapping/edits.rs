//! Edits of a record: what a program's system may change, with values that the record's schema allows.

use std::collections::HashMap;

use handoff::fhir::primitive::is_id;
use handoff::mapping::{FieldDescription, ProgramType};
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

/// What may be changed in the records of a program type, and what may stand there.
#[derive(Debug)]
pub(crate) struct Editable {
    fields: Vec<Field>,
}

/// A field that may be changed.
#[derive(Debug)]
struct Field {
    description: FieldDescription,
    places: Vec<SourcePosition>,
}

/// A place of the record, as the names on the way, `[]` for the items of a list.
#[derive(Debug)]
struct SourcePosition {
    names: Vec<String>,
    /// For each name, if it is `[]`: what a new item has to have
    needs: Vec<Vec<(String, Vec<Value>)>>,
    /// Its object has to have it
    is_required: bool,
    /// What may stand there
    values: Vec<Value>,
}

impl Editable {
    /// What a program may change.
    pub(crate) fn of(program: &ProgramType) -> Self {
        let mut samples = Samples { schema: program.schema_json(), known: HashMap::new() };
        let is_own = |field: &FieldDescription| field.read_only.is_none() && !field.record[0].ends_with("id");
        let fields = program.map.fields().into_iter().filter(is_own);
        let fields = fields.map(|description| {
            let mut places: Vec<SourcePosition> = description.record.iter().map(|path| samples.place(path)).collect();
            if description.via.starts_with("id(") {
                // What is told by id alone is one that FHIR takes.
                for place in &mut places {
                    place.values.retain(|value| value.as_str().is_some_and(is_id));
                }
            }
            Field { description, places }
        });
        Self { fields: fields.collect() }
    }

    fn field(&self, edit: &Edit) -> &Field {
        &self.fields[edit.field % self.fields.len()]
    }
}

impl Edit {
    /// The place that it changes, in words.
    pub(crate) fn place<'e>(&self, editable: &'e Editable) -> &'e str {
        &editable.field(self).description.record[0]
    }

    /// What it does, in words.
    pub(crate) fn message(&self, editable: &Editable) -> String {
        let field = editable.field(self);
        let value = &field.places[0].values[self.value % field.places[0].values.len()];
        match self.what {
            9 => "adds a member".to_owned(),
            7 | 8 => format!("removes {}", self.place(editable)),
            _ => format!("sets {} to {value}", self.place(editable)),
        }
    }

    /// The members of FHIR that it writes or removes, and what its record places are called.
    pub(crate) fn names(&self, editable: &Editable) -> Vec<String> {
        let description = &editable.field(self).description;
        let steps = description.fhir.iter().flat_map(|path| path.split(['.', '[', ']', '=', ',', '|', ' ']));
        steps.filter(|step| !step.is_empty()).map(str::to_owned).collect()
    }

    /// Does it take something away?
    pub(crate) fn removes(&self) -> bool {
        (7..9).contains(&self.what)
    }

    /// Does it add a member that no field knows?
    pub(crate) fn is_unknown(&self) -> bool {
        self.what == 9
    }

    /// Changes a record. `grow`: may it add items to lists?
    pub(crate) fn apply(&self, editable: &Editable, record: &mut Value, grow: bool) {
        if self.what == 9 {
            return self.add_unknown(record);
        }
        for (which, place) in editable.field(self).places.iter().enumerate() {
            let value = (self.what < 7 || which > 0).then(|| place.values[self.value % place.values.len()].clone());
            self.set(place, 0, record, value, grow);
        }
    }

    fn set(&self, place: &SourcePosition, at: usize, value: &mut Value, new: Option<Value>, grow: bool) {
        let name = &place.names[at];
        let is_last = at + 1 == place.names.len();
        if name == "[]" {
            let Some(items) = value.as_array_mut() else { return };
            if is_last {
                // A list of plain values.
                items.splice(.., new);
                return;
            }
            let choice = self.item % (items.len() + 1);
            if choice == items.len() {
                if !grow || new.is_none() {
                    return;
                }
                let needs = place.needs[at].iter();
                let needs = needs.map(|(name, values)| (name.clone(), values[self.value % values.len()].clone()));
                items.push(Value::Object(needs.collect()));
            }
            return self.set(place, at + 1, &mut items[choice], new, grow);
        }
        let Some(object) = value.as_object_mut() else { return };
        if is_last {
            match new {
                None if place.is_required => None,
                Some(value) => object.insert(name.clone(), value),
                None => object.shift_remove(name),
            };
            return;
        }
        if new.is_none() && !object.contains_key(name) {
            return;
        }
        let empty = if place.names[at + 1] == "[]" { json!([]) } else { json!({}) };
        let inner = object.entry(name.clone()).or_insert(empty);
        self.set(place, at + 1, inner, new, grow);
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
fn segments(path: &str) -> Vec<String> {
    let mut names = Vec::new();
    for name in path.split('.') {
        match name.strip_suffix("[]") {
            Some(list) => names.extend([list.to_owned(), "[]".to_owned()]),
            None => names.push(name.to_owned()),
        }
    }
    names
}

// === what a schema allows

/// Values of every kind that a record holds; each place takes those that its schema allows.
const VALUES: &[&str] = &[
    "true",
    "false",
    "1",
    "30",
    "45",
    "1.10",
    "0",
    "250",
    "1e2",
    "3.00",
    "\"alpha\"",
    "\"b-2\"",
    "\"5r\"",
    "\"x é 🏠\"",
    "\"2026\"",
    "\"2026-05\"",
    "\"2026-05-06\"",
    "\"2026-05-06T07:08:09Z\"",
    "\"2026-05-06T07:08:09.5+02:00\"",
    "\"USD\"",
    "\"MXN\"",
    "\"urn:example:codes\"",
    "\"http://snomed.info/sct\"",
    "\"P30D\"",
    "\"09:30:00\"",
    "\"00123\"",
    "\"555-0100\"",
];

/// What stands where in a schema, and what may be written there.
struct Samples<'s> {
    schema: &'s Value,
    /// By the keywords that speak of a place
    known: HashMap<String, Vec<Value>>,
}

impl Samples<'_> {
    fn place(&mut self, path: &str) -> SourcePosition {
        let names = segments(path);
        let mut needs = Vec::new();
        for at in 0..names.len() {
            let mut needed = Vec::new();
            if names[at] == "[]" {
                for name in required(self.schema, &names[..=at]) {
                    let inner: Vec<String> = names[..=at].iter().cloned().chain([name.clone()]).collect();
                    needed.push((name, self.values(&inner)));
                }
            }
            needs.push(needed);
        }
        let (last, around) = names.split_last().unwrap();
        let is_required = last != "[]" && required(self.schema, around).contains(last);
        let values = self.values(&names);
        SourcePosition { names, needs, is_required, values }
    }

    /// What may stand at a place.
    fn values(&mut self, names: &[String]) -> Vec<Value> {
        let mut parts = schema_at(self.schema, names);
        for part in &mut parts {
            let Some(part) = part.as_object_mut() else { continue };
            for name in ["$ref", "allOf", "description", "title", "examples"] {
                part.shift_remove(name);
            }
        }
        let schema = json!({ "allOf": parts });
        let values = self.known.entry(schema.to_string()).or_insert_with(|| allowed(&schema, &parts));
        assert!(!values.is_empty(), "no value of VALUES may stand at {names:?}: {schema}");
        values.clone()
    }
}

fn allowed(schema: &Value, parts: &[Value]) -> Vec<Value> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let message = parts.iter().filter_map(|part| part.get("enum")?.as_array()).flatten().cloned();
    let usual = VALUES.iter().map(|text| serde_json::from_str::<Value>(text).unwrap());
    // FHIR writes whole numbers in digits alone.
    let whole = parts.iter().any(|part| part["type"] == "integer");
    let is_whole = |value: &Value| value.to_string().bytes().all(|byte| byte.is_ascii_digit());
    let fits = |value: &Value| validator.is_valid(value) && (!whole || is_whole(value));
    let mut values: Vec<Value> = message.chain(usual).filter(fits).collect();
    if values.is_empty() && parts.iter().any(|part| part["type"] == "array") {
        let inner = parts.iter().find_map(|part| part.get("items")).cloned().unwrap_or(json!(true));
        values = allowed(&inner, std::slice::from_ref(&inner)).into_iter().map(|item| json!([item])).collect();
    }
    values
}

/// The keywords that speak of a place, those that are drawn in among them.
fn schema_at(schema: &Value, names: &[String]) -> Vec<Value> {
    let mut at = vec![(schema, schema)];
    for name in names {
        let parts: Vec<_> = at.iter().flat_map(|(part, root)| parts(part, root, schema)).collect();
        at = parts
            .into_iter()
            .filter_map(|(part, root)| {
                let inner = if name == "[]" { part.get("items") } else { part.get("properties")?.get(name) };
                Some((inner?, root))
            })
            .collect();
        assert!(!at.is_empty(), "the schema knows no {name} of {names:?}");
    }
    at.iter().flat_map(|(part, root)| parts(part, root, schema)).map(|(part, _)| part.clone()).collect()
}

fn parts<'s>(part: &'s Value, root: &'s Value, whole: &'s Value) -> Vec<(&'s Value, &'s Value)> {
    let mut found = vec![(part, root)];
    if let Some(reference) = part.get("$ref").and_then(Value::as_str) {
        let (id, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = match id {
            "" => root,
            id => whole["$defs"].as_object().unwrap().values().find(|kept| kept["$id"] == id).unwrap(),
        };
        found.extend(parts(root.pointer(pointer).unwrap(), root, whole));
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
