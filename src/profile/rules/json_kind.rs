//! The JSON that each type is written in, and arrays exactly where an element can repeat
//! (<https://hl7.org/fhir/R4/json.html#primitive>, <https://hl7.org/fhir/R4/json.html#repeat>).

use super::empty;
use crate::fhir::{Key, Kind, Node};
use crate::profile::finding::Finding;
use crate::profile::schema::{Json, ValueSchema};
use crate::profile::walk::Walk;

/// Is it written as the primitive type demands? If not, that is reported.
pub(in crate::profile) fn is_primitive(
    node: Node<'_>,
    json: Json,
    value: &ValueSchema,
    walk: &mut Walk<'_, '_>,
) -> bool {
    match (node.kind(), json) {
        (Kind::String, Json::String) | (Kind::Number, Json::Number) | (Kind::Bool, Json::Bool) => true,
        (Kind::Null, _) => {
            empty::null(node, walk);
            false
        }
        (found, _) => {
            let expected = json.describe();
            let text = match value.type_name.as_str() {
                "string" | "boolean" => format!("expected {expected}, found {found}"),
                type_name => format!("expected {expected} ({type_name}), found {found}"),
            };
            let hint = match (found, json) {
                (Kind::Number | Kind::Bool, Json::String) => Some("write the value in double quotes"),
                (Kind::String, Json::Number | Json::Bool) => Some("write the value without quotes"),
                _ => None,
            };
            walk.report(Finding::error(Key::WrongType, node, text).hint_if(hint.map(str::to_owned)));
            false
        }
    }
}

/// Is it an object, as every type that is no primitive is? If not, that is reported.
pub(in crate::profile) fn is_object(node: Node<'_>, value: &ValueSchema, walk: &mut Walk<'_, '_>) -> bool {
    match node.kind() {
        Kind::Object => return true,
        Kind::Null => empty::null(node, walk),
        found => {
            let text = format!("expected an object ({}), found {found}", value.type_name);
            walk.report(Finding::error(Key::WrongType, node, text));
        }
    }
    false
}

/// A single value where an array belongs.
pub(in crate::profile) fn not_an_array(node: Node<'_>, value: &ValueSchema, walk: &mut Walk<'_, '_>) {
    if node.kind() != Kind::Null {
        let text = format!("expected an array of {}, found {}", value.type_name, node.kind());
        walk.report(Finding::error(Key::WrongType, node, text).hint("write the value in [ ]: the element can repeat"));
    }
}

/// An array where a single value belongs.
pub(in crate::profile) fn not_one_value(node: Node<'_>, value: &ValueSchema, walk: &mut Walk<'_, '_>) {
    let text = format!("expected one value ({}), found an array", value.type_name);
    walk.report(
        Finding::error(Key::WrongType, node, text).hint("write the value without [ ]: the element does not repeat"),
    );
}
