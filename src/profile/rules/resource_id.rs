//! The logical id of a resource (<https://hl7.org/fhir/R4/resource.html#id>).

use crate::definitions::StructureKind;
use crate::fhir::{Key, Node, primitive};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// The `id` that stands in a resource itself.
pub(in crate::profile) fn applies(definition: Definition<'_>) -> bool {
    let is_resource = definition.structure.kind == StructureKind::Resource && definition.element.parent == Some(0);
    is_resource && definition.element.name == "id"
}

pub(in crate::profile) fn check(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    if !node.as_str().is_some_and(|id| primitive::is_id(&id)) {
        let hint = match node.as_str() {
            Some(id) if id.starts_with('#') => Some("leave out the #; it belongs to references only"),
            Some(id) if id.contains(':') => Some("a URN belongs in Bundle.entry.fullUrl"),
            _ => None,
        };
        let text = "the value is no resource id: expected 1 to 64 of A-Z a-z 0-9 - .";
        context.report(Finding::error(Key::InvalidId, node, text).hint_if(hint.map(str::to_owned)));
    }
}
