//! Whether a provision of a Consent names who would receive the referral: by type and id, by identifier, or through a
//! resource that came along.

use super::disclosure::{Disclosure, ProvisionKind, Recipient};
use crate::fhir::{Identifier, Node, Reference, Truth};
use crate::referral::Resource;
use crate::referral::consent_rule::NOT_RECEIVING;

/// Does the provision name the recipient? A permit is for its recipients only, and for everybody where it has none; a
/// denial for other roles than recipients cannot be decided.
pub(super) fn names_recipient(provision: Node<'_>, kind: ProvisionKind, disclosure: &Disclosure<'_>) -> Truth {
    let mut answer = Truth::No;
    let mut any_recipient = false;
    for actor in provision.list("actor") {
        let roles = actor.get("role").into_iter().flat_map(|role| role.list("coding"));
        if { roles }.any(|role| role.str("code").is_some_and(|code| NOT_RECEIVING.contains(&&*code))) {
            answer = if kind == ProvisionKind::Deny { answer.or(Truth::Unknown) } else { answer };
            continue;
        }
        any_recipient = true;
        answer = answer.or(actor.get("reference").map_or(Truth::Unknown, |named| is_recipient(named, disclosure)));
    }
    if kind != ProvisionKind::Deny && !any_recipient { Truth::Yes } else { answer }
}

fn is_recipient(named: Node<'_>, disclosure: &Disclosure<'_>) -> Truth {
    let by_name = is_organization(named, disclosure);
    if by_name != Truth::Unknown {
        return by_name;
    }
    let Some(text) = named.str("reference") else { return Truth::Unknown };
    let found = disclosure.referral.graph.target(named).map(Resource::node);
    let kind = found.and_then(|node| node.str("resourceType"));
    match (kind.as_deref().or(Reference::parse(&text).and_then(|parsed| parsed.kind())), found) {
        (Some("Patient" | "RelatedPerson" | "Device"), _) => Truth::No,
        // A role stands for its organization.
        (Some("PractitionerRole"), Some(role)) => {
            role.get("organization").map_or(Truth::Unknown, |named| is_organization(named, disclosure))
        }
        _ => Truth::Unknown,
    }
}

/// Is the recipient the Organization that this Reference names?
fn is_organization(named: Node<'_>, disclosure: &Disclosure<'_>) -> Truth {
    let recipient = disclosure.recipient;
    let by_identifier = is_identified(named.get("identifier").into_iter(), recipient);
    if by_identifier != Truth::Unknown {
        return by_identifier;
    }
    let Some(text) = named.str("reference") else { return Truth::Unknown };
    if recipient.identifiers.iter().any(|identifier| identifier.value == text) {
        return Truth::Yes;
    }
    if let Some(Reference::Relative { kind: "Organization", id, .. }) = Reference::parse(&text) {
        return (id == recipient.organization).into();
    }
    match disclosure.referral.graph.target(named) {
        Some(found) if found.kind() == "Organization" => is_identified(found.node().list("identifier"), recipient),
        _ => Truth::Unknown,
    }
}

/// Yes where an identifier is the recipient's; no where the recipient has another one of the same system.
fn is_identified<'n>(identifiers: impl Iterator<Item = Node<'n>>, recipient: &Recipient<'_>) -> Truth {
    let mut answer = Truth::Unknown;
    for identifier in identifiers.filter_map(Identifier::read) {
        for own in recipient.identifiers.iter().filter(|own| own.system == identifier.system) {
            if own.value == identifier.value {
                return Truth::Yes;
            }
            answer = Truth::No;
        }
    }
    answer
}
