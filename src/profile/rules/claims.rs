//! The profiles that a resource claims to meet in `meta.profile` (<https://hl7.org/fhir/R4/resource.html#Meta>).
//!
//! The types of the standard are checked anyway. What is claimed beyond them and cannot be checked is said once for each
//! profile, never passed over.

use super::Rule;
use crate::definitions::{CORE, StructureKind};
use crate::fhir::Node;
use crate::profile::compile::Definition;
use crate::profile::findings::Finding;
use crate::profile::walk::Walk;

/// Every resource type.
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Option<Rule> {
    let is_resource = definition.structure.kind == StructureKind::Resource && definition.index == 0;
    is_resource.then_some(Rule::Claims)
}

pub(in crate::profile) fn check(node: Node<'_>, walk: &mut Walk<'_, '_>) {
    let Some(meta) = node.get("meta") else { return };
    for claim in meta.list("profile") {
        let Some(canonical) = claim.as_str() else { continue };
        say(claim, &canonical, walk);
    }
}

/// Says of a profile that it is not checked, unless it is a type of the standard.
pub(in crate::profile) fn say(node: Node<'_>, canonical: &str, walk: &mut Walk<'_, '_>) {
    let url = canonical.split('|').next().unwrap_or(canonical);
    let types = walk.schemas.definitions();
    if url.strip_prefix(CORE).is_some_and(|name| types.is_resource_type(name)) {
        return;
    }
    let is_known = types.structure(canonical).is_some();
    walk.report_once(canonical, || {
        if is_known {
            let text = format!("the profile {canonical} is at hand, but what it adds to its type is not checked yet");
            Finding::not_checked(node, text)
                .hint("its base type was checked; check the profile with another validator for now")
        } else {
            let text = format!("the profile {canonical} is not at hand; only its base type was checked");
            Finding::not_checked(node, text)
        }
    });
}
