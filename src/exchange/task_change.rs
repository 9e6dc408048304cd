//! What a Task means that somebody wrote over one that was there before: which event, and whether the caller may raise it
//! and change the members that it changed. Decided by the same table as the events that agencies report.

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, Node};
use crate::referral::plan::Sharing;
use crate::referral::reason::Reason;
use crate::referral::state::{self, Event, Position, TaskStatus as Status};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Party, task};
use crate::security::Caller;
use crate::store::Stored;

use super::context::{ReferralContext, illegal, no_matching_event};
use super::referrals::{Referrals, context_of};

/// Members of a Task that its owner may write; the rest is the requester's (SDOHCC 3.0.0: the target sets status,
/// reasons, notes and outputs).
const TARGET_WRITES: &[&str] = &[
    "meta",
    "text",
    "contained",
    "extension",
    "status",
    "statusReason",
    "businessStatus",
    "lastModified",
    "executionPeriod",
    "note",
    "output",
    "relevantHistory",
];

/// Members of a Task that nobody changes once the referral is sent: it would be another referral.
const FIXED: &[&str] = &["focus", "for", "requester", "intent"];

/// What a written Task means for a referral that was there before.
#[derive(Debug)]
pub(super) struct TaskChange {
    /// The event that the change means; none where only the content changed
    pub(super) event: Option<Event>,
    /// Where the referral stood
    pub(super) from: Position,
    /// Where the referral stands then
    pub(super) to: Position,
    /// Why, where that is coded
    pub(super) reason: Option<Reason>,
    /// Id of the program that it was routed to
    pub(super) program: Option<String>,
    /// And the type of that
    pub(super) program_type: Option<String>,
    /// It has to be routed (again)
    pub(super) resend: bool,
    /// Who takes part in it, and what they see
    pub(super) sharing: Sharing,
}

/// What a written Task means for the referral that was there before.
///
/// # Errors
/// An illegal move, or a change that is not this party's to make.
pub(super) async fn task_change_of(
    referrals: &Referrals,
    caller: &Caller,
    stored: &Stored,
    after: Node<'_>,
) -> Result<TaskChange> {
    let referral = referrals.open_referral(caller, &stored.key).await?;
    let context = context_of(caller, &referral, &stored.key)?;
    let before = stored.document.root();
    let claimed = task::position(after).unwrap_or(Position::DRAFT);
    let status =
        if matches!(claimed.status, Status::Received | Status::Ready) { Status::Requested } else { claimed.status };
    let status_reason = StatusReason {
        reason: task::status_reason(after),
        text: after.get("statusReason").and_then(|reason| reason.str("text")).map(std::borrow::Cow::into_owned),
    };
    let event = event_between(context.position, claimed, context.parties.first().copied());
    let to = match event {
        Some(event) => {
            let step = context.step(event, &status_reason).map_err(|error| with_status_position(error, after))?;
            if step.through.is_some() {
                return Err(with_status_position(illegal(context.position, event, &context.parties), after));
            }
            step.to
        }
        None if status == context.position.status => context.position,
        None => {
            return Err(with_status_position(no_matching_event(context.position, status, &context.parties), after));
        }
    };
    let moved_owner = member_differs(before, after, "owner");
    check_member_changes(&context, before, after, moved_owner)?;
    let unsettled =
        matches!(context.position.status, Status::Draft | Status::Requested) && to.status == Status::Requested;
    let resend = unsettled && (event == Some(Event::Send) || moved_owner || context.owner().is_none());
    let (program, program_type) = (task_edits::program(before), task_edits::program_type(before));
    let (from, reason, sharing) = (context.position, status_reason.reason, context.sharing);
    Ok(TaskChange { event, from, to, reason, program, program_type, resend, sharing })
}

/// The status that a new referral Task has.
///
/// # Errors
/// If it claims to be further than the table lets it begin.
pub(super) fn initial_status(task: Node<'_>) -> Result<Status> {
    let status = task.str("status").and_then(|code| Status::from_code(&code)).unwrap_or(Status::Draft);
    match status {
        Status::Draft => Ok(Status::Draft),
        Status::Requested | Status::Received | Status::Ready => Ok(Status::Requested),
        other => {
            let text = format!("a new referral Task begins as draft or requested, not as {}", other.code());
            Err(with_status_position(Error::refused(Key::IllegalMove, "Task.status", text), task))
        }
    }
}

/// May whoever stands so change what it changed?
fn check_member_changes(context: &ReferralContext, before: Node<'_>, after: Node<'_>, moved_owner: bool) -> Result<()> {
    let requester = context.parties.contains(&Party::Requester);
    let mut names: Vec<&str> = before.members().chain(after.members()).map(Node::name).collect();
    names.sort_unstable();
    names.dedup();
    let mut issues = Vec::new();
    for name in names.into_iter().filter(|name| member_differs(before, after, name)) {
        let plain = name.trim_start_matches('_');
        let sent = context.position.status != Status::Draft;
        let why = if !requester && !TARGET_WRITES.contains(&plain) && !matches!(plain, "id" | "resourceType") {
            "is the requester's to change"
        } else if sent && FIXED.contains(&plain) {
            "is fixed once the referral is sent; send a new Task instead"
        } else if moved_owner
            && name == "owner"
            && !matches!(context.position.status, Status::Draft | Status::Requested)
        {
            "is fixed once the owner has accepted; cancel, and send a new Task instead"
        } else {
            continue;
        };
        let place = after.get(name).map_or(after.position(), Node::position);
        let path = format!("{}.{name}", after.path());
        issues.push(Issue::error(Key::ReadOnly, path, format!("Task.{name} {why}")).at(place));
    }
    issues.extend(check_routed_extensions(before, after));
    if issues.is_empty() { Ok(()) } else { Err(Error::unprocessable(issues)) }
}

/// Which program the referral was routed to is the gateway's to say: it decides the shape of the record.
fn check_routed_extensions(before: Node<'_>, after: Node<'_>) -> Option<Issue> {
    let differs = |read: fn(Node<'_>) -> Option<String>| matches!((read(before), read(after)), (before, Some(after)) if before.as_ref() != Some(&after));
    if !differs(task_edits::program) && !differs(task_edits::program_type) {
        return None;
    }
    let text = "the program that a referral was routed to is the gateway's to say; name another owner instead";
    let place = after.get("extension").map_or(after.position(), Node::position);
    Some(Issue::error(Key::ReadOnly, format!("{}.extension", after.path()), text).at(place))
}

/// The event that leads from where the referral stands to what a Task now says, if anything changed.
fn event_between(from: Position, claimed: Position, party: Option<Party>) -> Option<Event> {
    if claimed.status != from.status {
        let written = if claimed.status == Status::Ready { Status::Received } else { claimed.status };
        return state::implied_event(from.status, written, Some(claimed.state));
    }
    if claimed.state == from.state {
        return None;
    }
    // Only businessStatus changed: the event whose row leads from here to there without a change of status.
    let party = party?;
    let events = state::possible_events(from, party).into_iter();
    events.filter(|event| *event != Event::Note).find(|event| {
        state::step(from, *event, party, None, true).is_ok_and(|step| {
            step.to == Position { status: from.status, state: claimed.state } && step.through.is_none()
        })
    })
}

/// Does the member differ, beyond white space?
fn member_differs(before: Node<'_>, after: Node<'_>, name: &str) -> bool {
    match (before.get(name), after.get(name)) {
        (Some(old), Some(new)) => old.text() != new.text() && old.to_value() != new.to_value(),
        (None, None) => false,
        _ => true,
    }
}

/// The same error, said about Task.status as it stands in the source.
fn with_status_position(mut error: Error, task: Node<'_>) -> Error {
    for issue in &mut error.issues {
        issue.path = format!("{}.status", task.path());
        issue.position = task.get("status").map(Node::position);
    }
    error
}
