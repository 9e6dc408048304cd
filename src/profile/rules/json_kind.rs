//! The JSON that each type is written in, and arrays exactly where an element can repeat
//! (<https://hl7.org/fhir/R4/json.html#primitive>, <https://hl7.org/fhir/R4/json.html#repeat>).

use super::empty;
use crate::fhir::{Key, Kind, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;
use crate::profile::schema::{JsonKind, ValueSchema};

/// Is it written as the primitive type demands? If not, that is reported.
pub(in crate::profile) fn check_primitive(
    node: Node<'_>,
    json: JsonKind,
    value: &ValueSchema,
    context: &mut CheckContext<'_, '_>,
) -> bool {
    match (node.kind(), json) {
        (Kind::String, JsonKind::String) | (Kind::Number, JsonKind::Number) | (Kind::Bool, JsonKind::Bool) => true,
        (Kind::Null, _) => {
            empty::null(node, context);
            false
        }
        (found, _) => {
            let expected = json.describe();
            let text = match value.type_name.as_str() {
                "string" | "boolean" => format!("expected {expected}, found {found}"),
                type_name => format!("expected {expected} ({type_name}), found {found}"),
            };
            let hint = match (found, json) {
                (Kind::Number | Kind::Bool, JsonKind::String) => Some("write the value in double quotes"),
                (Kind::String, JsonKind::Number | JsonKind::Bool) => Some("write the value without quotes"),
                _ => None,
            };
            context.report(Finding::error(Key::WrongType, node, text).hint_if(hint.map(str::to_owned)));
            false
        }
    }
}

/// Is it an object, as every type that is no primitive is? If not, that is reported.
pub(in crate::profile) fn check_object(
    node: Node<'_>,
    value: &ValueSchema,
    context: &mut CheckContext<'_, '_>,
) -> bool {
    match node.kind() {
        Kind::Object => return true,
        Kind::Null => empty::null(node, context),
        found => {
            let text = format!("expected an object ({}), found {found}", value.type_name);
            context.report(Finding::error(Key::WrongType, node, text));
        }
    }
    false
}

/// A single value where an array belongs.
pub(in crate::profile) fn not_an_array(node: Node<'_>, value: &ValueSchema, context: &mut CheckContext<'_, '_>) {
    if node.kind() != Kind::Null {
        let text = format!("expected an array of {}, found {}", value.type_name, node.kind());
        context
            .report(Finding::error(Key::WrongType, node, text).hint("write the value in [ ]: the element can repeat"));
    }
}

/// An array where a single value belongs.
pub(in crate::profile) fn not_one_value(node: Node<'_>, value: &ValueSchema, context: &mut CheckContext<'_, '_>) {
    let text = format!("expected one value ({}), found an array", value.type_name);
    context.report(
        Finding::error(Key::WrongType, node, text).hint("write the value without [ ]: the element does not repeat"),
    );
}
