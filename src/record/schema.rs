//! What the JSON Schema of a record (<https://json-schema.org/draft/2020-12/schema>) says about a position in it: followed
//! through `properties`, `items`, `$ref`, `allOf` and `$defs`. The schema is complete in itself: what it references is in
//! its `$defs`.

use serde_json::Value;

/// The keyword under which schemas are kept inside others.
pub const DEFINITIONS: &str = "$defs";

/// What a schema expects at a position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// The JSON types that it names; empty: any
    pub types: Vec<String>,
    /// The values that it lists; empty: any
    pub values: Vec<String>,
}

/// What a schema expects at these names, `[]` standing for the items of a list (as [`super::RecordPath::names`] gives
/// them). None: it knows of no such position.
pub fn expected_at(schema: &Value, names: &[&str]) -> Option<Expected> {
    let mut positions = vec![SchemaPosition { schema, root: schema }];
    for name in names {
        positions = positions.iter().flat_map(|position| position.with_parts(schema)).collect();
        positions = positions.iter().filter_map(|position| position.child(name)).collect();
        if positions.is_empty() {
            return None;
        }
    }
    let mut expected = Expected::default();
    for position in positions.iter().flat_map(|position| position.with_parts(schema)) {
        expected.add(position.schema);
    }
    Some(expected)
}

impl Expected {
    /// May a value of this JSON type stand here?
    pub fn allows(&self, kind: &str) -> bool {
        self.types.is_empty()
            || self.types.iter().any(|known| known == kind || (known == "number" && kind == "integer"))
    }

    /// Learns what one part of a schema says.
    fn add(&mut self, schema: &Value) {
        match schema.get("type") {
            Some(Value::String(kind)) => self.types.push(kind.clone()),
            Some(Value::Array(kinds)) => self.types.extend(kinds.iter().filter_map(Value::as_str).map(str::to_owned)),
            _ => {}
        }
        let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        let values: Vec<String> = values.filter_map(Value::as_str).map(str::to_owned).collect();
        // Of two lists what both have is left.
        match self.values.is_empty() {
            true => self.values = values,
            false if values.is_empty() => {}
            false => self.values.retain(|value| values.contains(value)),
        }
    }
}

/// A schema and the one whose `$defs` its local references mean.
#[derive(Debug, Clone, Copy)]
struct SchemaPosition<'s> {
    schema: &'s Value,
    root: &'s Value,
}

impl<'s> SchemaPosition<'s> {
    /// Itself and everything that it draws in: `$ref` and `allOf`.
    fn with_parts(self, whole: &'s Value) -> Vec<SchemaPosition<'s>> {
        let mut parts = Vec::new();
        self.add_parts(whole, &mut parts);
        parts
    }

    fn add_parts(self, whole: &'s Value, parts: &mut Vec<SchemaPosition<'s>>) {
        // A schema that draws in itself says nothing more the second time.
        if parts.iter().any(|part| std::ptr::eq(part.schema, self.schema)) {
            return;
        }
        parts.push(self);
        let reference = self.schema.get("$ref").and_then(Value::as_str);
        if let Some(target) = reference.and_then(|reference| self.resolve(reference, whole)) {
            target.add_parts(whole, parts);
        }
        for part in self.schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            SchemaPosition { schema: part, root: self.root }.add_parts(whole, parts);
        }
    }

    fn resolve(self, reference: &str, whole: &'s Value) -> Option<SchemaPosition<'s>> {
        let (id, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let root = match id {
            "" => self.root,
            id => {
                let mut embedded = whole.get(DEFINITIONS)?.as_object()?.values();
                embedded.find(|schema| schema.get("$id").and_then(Value::as_str) == Some(id))?
            }
        };
        Some(SchemaPosition { schema: root.pointer(pointer)?, root })
    }

    fn child(&self, name: &str) -> Option<SchemaPosition<'s>> {
        let schema = match name {
            "[]" => self.schema.get("items")?,
            _ => self.schema.get("properties")?.get(name)?,
        };
        Some(SchemaPosition { schema, root: self.root })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A schema with another one in its `$defs`, whose local references mean its own `$defs`.
    fn schema() -> Value {
        json!({
            "$defs": {
                "code": { "type": "boolean" },
                "shared": {
                    "$id": "urn:x:shared",
                    "$defs": {
                        "code": { "type": "string", "enum": ["a", "b", "c"] },
                        "item": { "type": "object", "properties": { "n": { "type": ["integer", "null"] } } }
                    },
                    "properties": {
                        "one": { "$ref": "#/$defs/code" },
                        "many": { "type": "array", "items": { "$ref": "#/$defs/item" } }
                    }
                }
            },
            "allOf": [{ "$ref": "urn:x:shared" }, { "properties": { "one": { "enum": ["c", "b", "z"] } } }],
            "properties": {
                "two": { "$ref": "#/$defs/code" },
                "far": { "$ref": "urn:x:shared#/$defs/item" },
                "loop": { "$ref": "#" }
            }
        })
    }

    #[test]
    fn knows_what_stands_where_through_references() {
        let schema = schema();
        let at = |names: &[&str]| expected_at(&schema, names);
        assert_eq!(at(&["many", "[]", "n"]).unwrap().types, ["integer", "null"]);
        assert_eq!(at(&["far", "n"]).unwrap().types, ["integer", "null"]);
        assert_eq!(at(&["two"]).unwrap().types, ["boolean"]);
        assert_eq!(at(&["loop", "loop", "two"]).unwrap().types, ["boolean"]);
        assert_eq!((at(&["three"]), at(&["many", "n"]), at(&["two", "[]"])), (None, None, None));
    }

    #[test]
    fn of_two_lists_of_values_what_both_have_is_expected() {
        assert_eq!(expected_at(&schema(), &["one"]).unwrap().values, ["b", "c"]);
    }

    #[test]
    fn ends_where_schemas_draw_in_each_other() {
        let schema = json!({
            "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "allOf": [{ "$ref": "#/$defs/a" }], "type": "string" } },
            "properties": { "x": { "$ref": "#/$defs/a" } }
        });
        assert_eq!(expected_at(&schema, &["x"]).unwrap().types, ["string"]);
    }

    #[test]
    fn a_whole_number_is_a_number() {
        let expected = Expected { types: vec!["number".to_owned()], values: Vec::new() };
        assert!(expected.allows("integer") && expected.allows("number") && !expected.allows("string"));
        assert!(Expected::default().allows("string"));
    }
}
