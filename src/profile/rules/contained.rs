//! Resources inside a resource (<https://hl7.org/fhir/R4/references.html#contained>): they have an id of their own and no
//! life of their own (invariants dom-2 to dom-5).

use std::collections::HashSet;

use crate::definitions::StructureKind;
use crate::fhir::{Key, Kind, Node};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// Every resource type that can contain others.
pub(in crate::profile) fn applies(definition: Definition<'_>) -> bool {
    let Definition { structure, index, .. } = definition;
    let can_contain = structure.kind == StructureKind::Resource && structure.child(index, "contained").is_some();
    index == 0 && can_contain
}

pub(in crate::profile) fn check(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let Some(contained) = node.get("contained") else { return };
    if context.scope.container != node {
        let text = "a contained resource contains others";
        let hint = "put all of them side by side into the contained of the outermost resource";
        context.report(Finding::error(Key::Contained, contained, text).hint(hint));
        return;
    }
    let mentioned = mentioned(node);
    let mut ids = HashSet::new();
    for resource in contained.items().filter(|resource| resource.is_object()) {
        match resource.str("id") {
            None => {
                let text = "a contained resource has no id, so nothing can refer to it";
                context.report(Finding::error(Key::Contained, resource, text).about_missing("id"));
            }
            Some(id) => {
                if !mentioned.contains(&*format!("#{id}")) && !refers_to_container(resource) {
                    let text = "nothing refers to this contained resource";
                    let hint = "refer to it with # and its id, or leave it out";
                    context.report(Finding::error(Key::Contained, resource, text).hint(hint));
                }
                if !ids.insert(id) {
                    let text = "another contained resource has the same id";
                    context.report(Finding::error(Key::Contained, resource.get("id").unwrap_or(resource), text));
                }
            }
        }
        for (name, what) in
            [("versionId", "version"), ("lastUpdated", "date of change"), ("security", "security label")]
        {
            if let Some(own) = resource.get("meta").and_then(|meta| meta.get(name)) {
                let text = format!("a contained resource has no {what} of its own");
                context.report(Finding::error(Key::Contained, own, text).about_name());
            }
        }
    }
}

/// Every text of the resource, and of what it contains, that begins with `#`; that includes canonicals and URIs. A contained
/// Questionnaire may refer to a contained ValueSet.
fn mentioned(node: Node<'_>) -> HashSet<String> {
    let texts = node.descendants().filter(|inner| inner.kind() == Kind::String && inner.text().starts_with("\"#"));
    texts.filter_map(|inner| Some(inner.as_str()?.into_owned())).collect()
}

fn refers_to_container(node: Node<'_>) -> bool {
    node.descendants().any(|inner| inner.is_str("#"))
}
