//! Which references belong to a referral: those that whoever takes part in it gets to follow, if it was given what they
//! name (`consequences::sharing`). They stop where another matter begins: another referral, or the rest of somebody's
//! care.

use crate::fhir::{Node, ResourceKey};
use crate::referral::{Graph, Resource, is_referral_task};

/// Types that are another matter wherever they are referenced from.
const OTHER_MATTERS: &[&str] = &["Task", "Provenance", "AuditEvent", "Subscription", "Group", "List"];

/// May the reference in `member` of a resource of type `from` be followed to a `to`?
pub(super) fn may_follow(from: &str, member: &str, to: &str) -> bool {
    match (from, member, to) {
        // A household that a referral is for.
        ("Task", "for", "Group") | ("ServiceRequest", "subject", "Group") => true,
        (_, _, to) if OTHER_MATTERS.contains(&to) => false,
        // The request of this referral, and the requests that it fulfils.
        (from, member, "ServiceRequest") => {
            (from == "Task" && member == "focus") || (from == "ServiceRequest" && member == "basedOn")
        }
        // A care plan's activities are other referrals.
        ("CarePlan", "activity", _) => false,
        _ => true,
    }
}

/// The Organization that stands behind who is named: itself, or that of a PractitionerRole. One that is contained is nobody
/// whom the gateway knows.
pub(super) fn organization_behind(graph: &Graph, resource: &Resource) -> Option<ResourceKey> {
    match resource.kind() {
        "Organization" => resource.key(),
        "PractitionerRole" => graph.follow(resource.node(), "organization")?.key(),
        _ => None,
    }
}

/// Are the references in this member of a resource of this type those that it cannot do without: whom or what it is about,
/// or any of a referral's own?
pub(super) fn is_backbone(kind: &str, member: &str) -> bool {
    matches!(kind, "Task" | "ServiceRequest") || matches!(member, "subject" | "patient" | "beneficiary" | "for")
}

/// The reference in the focus of a referral's Task.
pub(super) fn focus(resource: Node<'_>) -> Option<Node<'_>> {
    let is_task = resource.get("resourceType").is_some_and(|kind| kind.is_str("Task"));
    let focus = resource.get("focus")?.get("reference")?;
    (is_task && is_referral_task(resource)).then_some(focus)
}

/// Can a resource of this type be part of a referral that something else references it from?
pub(super) fn is_same_matter(kind: &str) -> bool {
    !OTHER_MATTERS.contains(&kind)
}
