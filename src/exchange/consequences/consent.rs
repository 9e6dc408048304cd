//! What may no longer be shared when a consent is given or taken back: the referral ends, and its owner takes part in it no
//! longer.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::edit::Edits;
use crate::fhir::{Document, Reference, ResourceKey};
use crate::referral::Party;
use crate::referral::plan::{Plan, Share, SharedWith, Write};
use crate::referral::reason::Reason;
use crate::referral::state::{self, Actor, Event, Position};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Referral, Resource};
use crate::security::Caller;
use crate::security::consent::ConsentDecision;
use crate::store::Resources;

use super::concerned::Concerned;
use crate::exchange::audit::{audit, consent_asked};
use crate::exchange::consent::ConsentCheck;
use crate::exchange::context::owner_among;

/// The Tasks of the person whom a Consent is about that is written.
pub(super) async fn concerned(store: &dyn Resources, write: &Write) -> Result<Vec<ResourceKey>> {
    if write.key.kind != "Consent" {
        return Ok(Vec::new());
    }
    let person = write.document.root().get("patient").and_then(|patient| patient.str("reference"));
    let person = person.and_then(|person| Reference::parse(&person)?.local(None));
    match person {
        Some(person) => store.sharing(&person).await,
        None => Ok(Vec::new()),
    }
}

/// Ends the referral, where consent forbids now that its owner sees it.
pub(super) async fn apply(
    check: &ConsentCheck,
    caller: &Caller,
    plan: &mut Plan,
    concerned: &mut Concerned,
    at: Timestamp,
) -> Result<()> {
    let Concerned { task, stored } = concerned;
    let before: Vec<SharedWith> = stored.current();
    let Some(owner) = owner_among(&before).map(str::to_owned) else { return Ok(()) };
    let Some(resource) = stored.graph.resolve(&task.to_string()).cloned() else { return Ok(()) };
    let Ok(referral) = Referral::read(&stored.graph, &resource) else { return Ok(()) };
    let position = referral.position();
    if position.status.is_terminal() {
        return Ok(());
    }
    let decision = check.ask(caller, &referral, &owner, at).await?;
    let permitted = matches!(decision, ConsentDecision::Permitted { .. });
    plan.audit.push(consent_asked(caller, task, &owner, permitted, at));
    let ConsentDecision::Refused { reason, .. } = decision else { return Ok(()) };
    let status_reason = StatusReason::new(Reason::ConsentDenied, reason);
    let Ok(step) = state::step(position, Event::Forbid, Actor::Gateway, status_reason.reason, true) else {
        return Ok(());
    };
    let write = task_write(&resource, task, step.to, &status_reason, at)?;
    stored.graph.insert(Resource::new(task.to_string(), write.version, write.document.clone()));
    plan.writes.push(Write { author: stored.author.clone(), ..write });
    plan.audit.push(audit(caller, "forbidden", Some(task), Reason::ConsentDenied.code().to_owned(), at));
    let parties = before.iter().filter(|with| with.party != Party::Owner).cloned().collect();
    plan.shares.push(Share { task: task.clone(), before, parties, resources: Vec::new() });
    Ok(())
}

fn task_write(
    resource: &Resource,
    key: &ResourceKey,
    to: Position,
    status_reason: &StatusReason,
    at: Timestamp,
) -> Result<Write> {
    let node = resource.node();
    let version = resource.version + 1;
    let mut edits = Edits::new(node);
    task_edits::set_position_and_reason(&mut edits, node, to, status_reason, at);
    edits.stamp(&key.id, version, at);
    let document = Arc::new(Document::parse(edits.finish())?);
    Ok(Write { key: key.clone(), version, document, updated: at, author: None, public: false })
}
