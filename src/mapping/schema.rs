//! The JSON Schema of a record (<https://json-schema.org/draft/2020-12/schema>): compiled once, complete in itself, and
//! asked what stands at a path when a map is checked.

use serde_json::{Map, Value};

use crate::fhir::{Document, Issue, Key};
use crate::record::schema::{self, DEFINITIONS, Expected};

/// A record's schema.
#[derive(Debug)]
pub struct RecordSchema {
    json: Value,
    validator: jsonschema::Validator,
}

impl RecordSchema {
    /// Compiles a schema after taking the shared schemas that it references into its `$defs`: `shared` gives the one with an
    /// `$id`, and its name.
    ///
    /// # Errors
    /// What is wrong with it; the issue's path is the file.
    pub(super) fn new(
        file: &str,
        mut json: Value,
        shared: impl Fn(&str) -> Option<(String, Value)>,
    ) -> Result<Self, Issue> {
        let refuse = |message: String| Issue::error(Key::MapInvalid, file, message);
        embed(&mut json, &shared);
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        let validator = options.build(&json).map_err(|error| refuse(format!("no usable JSON Schema: {error}")))?;
        Ok(Self { json, validator })
    }

    /// The schema.
    pub fn json(&self) -> &Value {
        &self.json
    }

    /// What is wrong with a record. Paths are JSON pointers; texts show no values.
    pub fn check(&self, record: &Value) -> Vec<Issue> {
        // Most records are as they should be, which is told without looking for words.
        if self.validator.is_valid(record) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(record);
        errors
            .map(|error| {
                let path = error.instance_path().to_string();
                Issue::error(Key::RecordInvalid, path, error.masked_with("the value").to_string())
            })
            .collect()
    }

    /// What it expects at this path of names, `[]` standing for the items of a list. None: it knows of no such place.
    pub(super) fn at(&self, path: &[&str]) -> Option<Expected> {
        schema::expected_at(&self.json, path)
    }
}

/// Takes every shared schema that is referenced by its `$id` into the `$defs`, so that the schema can be given away.
fn embed(json: &mut Value, shared: &impl Fn(&str) -> Option<(String, Value)>) {
    let mut wanted = Vec::new();
    references(json, &mut wanted);
    let own = json.get("$id").cloned();
    let mut at = 0;
    while let Some(reference) = wanted.get(at).cloned() {
        at += 1;
        let id = reference.split('#').next().unwrap_or_default();
        if id.is_empty() || own.as_ref().and_then(Value::as_str) == Some(id) {
            continue;
        }
        let Some((name, schema)) = shared(id) else { continue };
        references(&schema, &mut wanted);
        if let Some(members) = json.as_object_mut() {
            let kept = members.entry(DEFINITIONS).or_insert_with(|| Value::Object(Map::new()));
            if let Some(kept) = kept.as_object_mut() {
                kept.entry(name).or_insert(schema);
            }
        }
    }
}

/// Lets a schema say this as well.
pub(super) fn narrow(json: &mut Value, part: Value) {
    let is_nothing = part.as_object().is_none_or(Map::is_empty);
    if let Some(members) = json.as_object_mut().filter(|_| !is_nothing)
        && let Some(parts) = members.entry("allOf").or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
    {
        parts.push(part);
    }
}

/// Lets a schema show an example (<https://json-schema.org/draft/2020-12/json-schema-validation#name-examples>).
pub(super) fn show(json: &mut Value, example: Option<&Value>) {
    if let Some((members, example)) = json.as_object_mut().zip(example) {
        members.insert("examples".to_owned(), Value::Array(vec![example.clone()]));
    }
}

/// Every `$ref` in a schema.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(reference) if name == "$ref" && !found.contains(reference) => {
                        found.push(reference.clone());
                    }
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Reads a schema file.
///
/// # Errors
/// Where it is no JSON object; the issue's path is the file.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<Value, Issue> {
    let document = Document::parse_bytes(bytes, crate::fhir::Limits::default())
        .map_err(|issue| Issue::error(Key::MapInvalid, file, issue.text.clone()).maybe_at(issue.position))?;
    if !document.root().is_object() {
        return Err(Issue::error(Key::MapInvalid, file, "expected a JSON object"));
    }
    Ok(document.root().to_value())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn schemas() -> RecordSchema {
        let shared = json!({
            "$id": "urn:x:shared",
            "$defs": { "code": { "type": "string", "enum": ["a", "b"] } },
            "properties": { "one": { "$ref": "#/$defs/code" }, "many": { "type": "array", "items": { "$ref": "#/$defs/item" } } },
            "required": ["one"]
        });
        let shared = {
            let mut shared = shared;
            shared["$defs"]["item"] =
                json!({ "type": "object", "properties": { "n": { "type": ["integer", "null"] } } });
            shared
        };
        let own = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "urn:x:own",
            "allOf": [{ "$ref": "urn:x:shared" }],
            "properties": { "one": { "const": "a" }, "two": { "type": "boolean" } }
        });
        let named = |id: &str| (shared["$id"] == id).then(|| ("shared".to_owned(), shared.clone()));
        RecordSchema::new("own", own, named).unwrap()
    }

    #[test]
    fn knows_what_stands_where_through_references() {
        let schema = schemas();
        assert_eq!(schema.at(&["one"]).unwrap().values, ["a", "b"]);
        assert_eq!(schema.at(&["many", "[]", "n"]).unwrap().types, ["integer", "null"]);
        assert_eq!(schema.at(&["two"]).unwrap().types, ["boolean"]);
        assert_eq!(schema.at(&["three"]), None);
    }

    #[test]
    fn checks_with_what_it_took_in_and_shows_no_values() {
        let schema = schemas();
        assert!(schema.check(&json!({ "one": "a", "many": [{ "n": 1 }] })).is_empty());
        let issues = schema.check(&json!({ "one": "a", "many": [{ "n": "secret" }] }));
        assert_eq!(issues.len(), 1);
        assert_eq!(issues[0].path, "/many/0/n");
        assert!(!issues[0].text.contains("secret"), "{}", issues[0].text);
        assert_eq!(schema.check(&json!({ "one": "b" })).len(), 1);
    }
}
