//! Who may send what. What a caller may *see* is the store's to answer, with the caller's scope; this is what it may do.

use crate::definitions::own;
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node, ResourceKey};
use crate::security::{Caller, Role};
use crate::store::Stored;

use super::message::{Entry, EntryRequest};

/// What an agency may create through FHIR: what it did and found for a referral that it owns (SDOHCC, "direct light":
/// the target posts Procedures and what else its outputs reference). Referrals come from requesters.
const AGENCY_CREATES: &[&str] = &[
    "Procedure",
    "Observation",
    "DocumentReference",
    "QuestionnaireResponse",
    "Condition",
    "Goal",
    "CarePlan",
    "CareTeam",
    "Communication",
    "Encounter",
    "EpisodeOfCare",
    "Appointment",
    "Practitioner",
    "PractitionerRole",
    "RelatedPerson",
    "Provenance",
];

/// May this caller send such a message at all?
///
/// # Errors
/// `Forbidden`, naming the first entry that is not this role's to send.
pub(super) fn may_send(caller: &Caller, entries: &[Entry<'_>]) -> Result<()> {
    for entry in entries {
        let EntryRequest::Create { .. } = entry.ask else {
            match caller.role {
                Role::Ehr | Role::Agency => continue,
                Role::Engineer | Role::Auditor | Role::Administrator => {
                    let text =
                        format!("a client with the role {} reads and writes no resources of people", caller.role);
                    return Err(refused(&text, entry));
                }
            }
        };
        let kind = entry.kind();
        if own::KINDS.contains(&kind.as_ref()) {
            let text = format!("a {kind} is not taken in: the definitions of this gateway come with its program");
            return Err(refused(&text, entry));
        }
        if kind == "AuditEvent" {
            return Err(refused("an AuditEvent is not taken in: the gateway writes its own", entry));
        }
        if kind == "Subscription" {
            let text = "a Subscription is not taken in: nothing is sent by this gateway; ask for what is new with \
                        Task?_lastUpdated=gt and the newest time that you saw";
            return Err(refused(text, entry));
        }
        refuse_messages(entry)?;
        match caller.role {
            Role::Ehr => {}
            Role::Agency if AGENCY_CREATES.contains(&kind.as_ref()) => {}
            Role::Agency => {
                let text =
                    format!("an agency's client does not create a {kind}; it creates {}", AGENCY_CREATES.join(", "));
                return Err(refused(&text, entry));
            }
            Role::Engineer => return Err(refused("an engineer's client creates nothing; use $validate", entry)),
            Role::Auditor | Role::Administrator => {
                let text = format!("a client with the role {} creates nothing", caller.role);
                return Err(refused(&text, entry));
            }
        }
    }
    Ok(())
}

/// A transaction is carried out where it is posted to the base; stored as a resource it would do nothing.
fn refuse_messages(entry: &Entry<'_>) -> Result<()> {
    let Some(resource) = entry.resource.filter(|_| entry.kind() == "Bundle") else { return Ok(()) };
    let Some(node) = resource.get("type") else { return Ok(()) };
    if !["transaction", "batch", "message"].iter().any(|kind| node.is_str(kind)) {
        return Ok(());
    }
    let text = "a transaction, batch or message is not stored as a Bundle: nothing in it would be carried out";
    let issue = Issue::error(Key::BundleRule, node.path(), text).at(node.position());
    Err(Error::unprocessable(vec![issue.hint("post it to the base, as POST [base] without /Bundle")]))
}

fn refused(text: &str, entry: &Entry<'_>) -> Error {
    let path = entry.resource.map(Node::path).unwrap_or_default();
    let issue = Issue::error(Key::Forbidden, path, text).maybe_at(entry.resource.map(Node::position));
    Error::new(Category::Forbidden, issue)
}

/// May this caller replace the stored resource? Whoever sent it may; a Task also whoever owns it, within the moves that
/// the state machine leaves to the owner.
///
/// # Errors
/// `Forbidden`, saying whose it is.
pub(super) fn may_replace(caller: &Caller, stored: &Stored) -> Result<()> {
    let own = stored.author.as_deref() == Some(caller.organization.as_str());
    if own || (stored.key.kind == "Task" && !stored.public) {
        return Ok(());
    }
    let whose = if stored.public { "belongs to the gateway's directory" } else { "was sent by another organization" };
    Err(Error::forbidden(format!("{} {whose}; only its sender changes it", stored.key)))
}

/// A PUT to an id that is not there (or not for this caller).
pub(super) fn no_update_as_create(key: &ResourceKey) -> Error {
    let issue = Issue::error(Key::NotFound, "", format!("{key} is not known here"))
        .hint("create with POST to the type; the gateway gives the id");
    Error::new(Category::NotFound, issue)
}
