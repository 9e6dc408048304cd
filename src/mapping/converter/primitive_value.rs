//! The primitive types of FHIR (<https://hl7.org/fhir/R4/datatypes.html#primitive>) as values of a record.

use serde_json::Value;

use crate::fhir::{Kind, primitive};

/// A value of the record as a primitive of this type; a list where the record has one.
pub(super) fn primitive_of(kind: &str, value: &Value) -> Result<Value, String> {
    let expected = || format!("expected {}", primitive::describe(kind));
    match value {
        Value::Array(items) => {
            items.iter().map(|item| primitive_of(kind, item)).collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        Value::String(text) if !is_number(kind) && kind != "boolean" => {
            primitive::is_valid(kind, text).then(|| value.clone()).ok_or_else(expected)
        }
        Value::Number(number) if is_number(kind) => {
            primitive::is_valid(kind, number.as_str()).then(|| value.clone()).ok_or_else(expected)
        }
        Value::Bool(_) if kind == "boolean" => Ok(value.clone()),
        _ => Err(expected()),
    }
}

/// Is the primitive type written as a JSON number?
fn is_number(kind: &str) -> bool {
    matches!(kind, "integer" | "positiveInt" | "unsignedInt" | "decimal")
}

/// Is it a type whose values are single?
pub(in crate::mapping) fn is_primitive(kind: &str) -> bool {
    kind.starts_with(|first: char| first.is_ascii_lowercase())
}

/// The kind of JSON value that a primitive type has.
pub(in crate::mapping) fn json_kind(kind: &str) -> Kind {
    match kind {
        "boolean" => Kind::Bool,
        _ if is_number(kind) => Kind::Number,
        _ => Kind::String,
    }
}
