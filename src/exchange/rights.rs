//! Who may send what. What a caller may *see* is the store's to answer, with the caller's scope; this is what it may do.

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, Node, ResourceKey};
use crate::referral::kept_types::{self, KEPT_OF_AGENCIES};
use crate::security::{Caller, Role};
use crate::store::Stored;

use super::message::{Entry, EntryRequest};

/// May this caller send such a message at all?
///
/// # Errors
/// `Forbidden`, naming the first entry that is not this role's to send.
pub(super) fn may_send(caller: &Caller, entries: &[Entry<'_>]) -> Result<()> {
    for entry in entries {
        match caller.role {
            Role::Ehr | Role::Agency => {}
            Role::Engineer => return Err(refused("an engineer's client creates nothing; use $validate", entry)),
            Role::Auditor | Role::Administrator => {
                let text = format!("a client with the role {} reads and writes no resources of people", caller.role);
                return Err(refused(&text, entry));
            }
        }
        let EntryRequest::Create { .. } = entry.ask else { continue };
        let kind = entry.kind();
        if !kept_types::is_kept(&kind) {
            return Err(not_kept(&kind, entry.resource));
        }
        refuse_messages(entry)?;
        if caller.role == Role::Agency && !KEPT_OF_AGENCIES.contains(&kind.as_ref()) {
            let text =
                format!("an agency's client does not create a {kind}; it creates {}", KEPT_OF_AGENCIES.join(", "));
            return Err(refused(&text, entry));
        }
    }
    Ok(())
}

/// Nothing would come of a resource of this type.
fn not_kept(kind: &str, resource: Option<Node<'_>>) -> Error {
    let text = format!("a {kind} is not taken in: {}", kept_types::why_not(kind));
    let node = resource.map(|resource| resource.get("resourceType").unwrap_or(resource));
    let issue = Issue::error(Key::NotSupported, resource.map(Node::path).unwrap_or_default(), text)
        .maybe_at(node.map(Node::position))
        .hint(format!("taken in are {}", kept_types::KEPT_TYPES.join(", ")));
    Error::unprocessable(vec![issue])
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
