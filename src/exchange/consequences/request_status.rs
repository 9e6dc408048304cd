//! What the request says of itself moves the Task that asks for it (SDOH Clinical Care 3.0.0: the requester controls
//! ServiceRequest.status): revoked calls it off, and so does doNotPerform; on-hold lets it wait, active lets it go on,
//! entered-in-error takes it back.

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::{Issue, Key, Node, ResourceKey};
use crate::referral::modifiers;
use crate::referral::plan::Plan;
use crate::referral::reason::Reason;
use crate::referral::state::{self, Actor, Event, Position};
use crate::referral::task_edits::StatusReason;
use crate::referral::{Party, Resource, task};
use crate::security::Caller;

use super::concerned::Concerned;
use crate::exchange::audit::audit;
use crate::exchange::timeline::leading_to;

/// What a request says that is not to be performed, whatever its status.
const FORBIDDEN: &str = "not to be performed";

/// Moves the Task, where its request was put into another status. Says so to whoever did that.
pub(super) fn apply(
    caller: &Caller,
    plan: &mut Plan,
    concerned: &mut Concerned,
    at: Timestamp,
) -> Result<Option<Issue>> {
    let Some(request) = concerned.graph.follow(concerned.task()?.node(), "focus") else { return Ok(None) };
    let Some((before, after)) = change_of(plan, concerned, request) else { return Ok(None) };
    let node = concerned.task()?.node();
    let position = task::position(node).unwrap_or(Position::DRAFT);
    let waits = task::status_reason(node) == Some(Reason::RequestOnHold);
    let (event, actor, reason) = match after.as_str() {
        _ if before == after => return Ok(None),
        "revoked" | FORBIDDEN => (Event::Cancel, Party::Requester.into(), Some(Reason::Withdrawn)),
        "entered-in-error" => (Event::Void, Party::Requester.into(), None),
        "on-hold" => (Event::Hold, Actor::Gateway, Some(Reason::RequestOnHold)),
        "active" if waits => (Event::Resume, Actor::Gateway, None),
        _ => return Ok(None),
    };
    let Ok(step) = state::step(position, event, actor, reason, true) else { return Ok(None) };
    // It stands there already, for that reason.
    if step.to == position && task::status_reason(node) == reason {
        return Ok(None);
    }
    let status_reason = StatusReason { reason, text: None };
    concerned.move_to(plan, step, &status_reason, at)?;
    let detail = leading_to(&format!("{}; request {after}", event.code()), step.to.state, reason);
    plan.audit.push(audit(caller, "moved", Some(&concerned.task), detail, at));
    let text = format!("the request is {after}, so {} is {} now", concerned.task, step.to.status.code());
    Ok(Some(Issue::information(Key::TaskFollowed, "", text)))
}

/// What the request said of itself before what is written, and says now; nothing where it is not written, or new. One that
/// the Task contains is written with it.
fn change_of(plan: &Plan, concerned: &Concerned, request: &Resource) -> Option<(String, String)> {
    let replacing =
        |key: &ResourceKey| concerned.changes(plan).find(|write| write.key == *key && write.replaces.is_some());
    let Some((_, id)) = request.url.split_once('#') else {
        let write = replacing(&request.key()?)?;
        return Some((says(write.replaces.as_ref()?.root()), says(write.document.root())));
    };
    let contained = |task: Node<'_>| {
        let mut all = task.list("contained");
        all.find(|one| one.get("id").is_some_and(|own| own.is_str(id))).map(says)
    };
    let write = replacing(&concerned.task)?;
    Some((contained(write.replaces.as_ref()?.root())?, contained(write.document.root())?))
}

/// Does it say another thing of itself now, so that Tasks may move?
pub(super) fn says_another_thing(before: Node<'_>, after: Node<'_>) -> bool {
    after.get("resourceType").is_some_and(|kind| kind.is_str("ServiceRequest")) && says(before) != says(after)
}

/// What the request says of itself: its status, unless that counts no longer.
fn says(request: Node<'_>) -> String {
    match request.str("status").unwrap_or_default() {
        never_meant if never_meant == "entered-in-error" => never_meant.into_owned(),
        _ if modifiers::forbids(request).is_some() => FORBIDDEN.to_owned(),
        status => status.into_owned(),
    }
}
