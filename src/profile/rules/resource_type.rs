//! A resource is an object that says which type it is (<https://hl7.org/fhir/R4/json.html#resources>).

use std::borrow::Cow;

use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;
use crate::profile::part::SchemaRef;

/// The schema of the resource's type; nothing, and a finding, if it has none.
pub(in crate::profile) fn schema(node: Node<'_>, context: &mut CheckContext<'_, '_>) -> Option<SchemaRef> {
    let Some(member) = node.get("resourceType") else {
        let text = if node.is_object() {
            "the object has no resourceType, so it is no resource".to_owned()
        } else {
            format!("expected a resource (a JSON object with a resourceType), found {}", node.kind())
        };
        context.report(Finding::error(Key::NotAResource, node, text));
        return None;
    };
    let name = member.as_str().unwrap_or(Cow::Borrowed(""));
    let schema = context.registry.resource(&name);
    if schema.is_none() {
        let types = context.registry.definitions().resource_types();
        let hint = nearest(&name, types.iter().map(String::as_str)).map(|known| format!("did you mean \"{known}\"?"));
        let text = "the resourceType is no resource type of FHIR R4";
        context.report(Finding::error(Key::UnknownType, member, text).hint_if(hint));
    }
    schema
}
