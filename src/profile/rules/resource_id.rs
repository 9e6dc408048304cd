//! The logical id of a resource (<https://hl7.org/fhir/R4/resource.html#id>).

use super::Rule;
use crate::definitions::StructureKind;
use crate::fhir::{Key, Node, primitive};
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;
use crate::profile::walk::Walk;

/// The `id` that stands in a resource itself.
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Option<Rule> {
    let is_resource = definition.structure.kind == StructureKind::Resource && definition.element.parent == Some(0);
    (is_resource && definition.element.name == "id").then_some(Rule::ResourceId)
}

pub(in crate::profile) fn check(node: Node<'_>, walk: &mut Walk<'_, '_>) {
    if !node.as_str().is_some_and(|id| primitive::is_id(&id)) {
        let hint = match node.as_str() {
            Some(id) if id.starts_with('#') => Some("leave out the #; it belongs to references only"),
            Some(id) if id.contains(':') => Some("a URN belongs in Bundle.entry.fullUrl"),
            _ => None,
        };
        let text = "the value is no resource id: expected 1 to 64 of A-Z a-z 0-9 - .";
        walk.report(Finding::error(Key::InvalidId, node, text).hint_if(hint.map(str::to_owned)));
    }
}
