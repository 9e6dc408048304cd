//! What a Task means that somebody wrote over one that was there before: which event, and whether the caller may raise it
//! and change the members that it changed. Decided by the same table as the events that agencies report.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, Node};
use crate::referral::claim::{Claim, MeantEvent};
use crate::referral::plan::Sharing;
use crate::referral::reason::Reason;
use crate::referral::state::{Event, Position, TaskStatus as Status, TransitionResult};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Party, task};
use crate::security::Caller;
use crate::store::{Stored, StoredReferral};

use super::contained;
use super::context::{ReferralContext, contradicted, no_matching_event};
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
    /// A position of a version of its own that the move passes through
    pub(super) through: Option<Position>,
    /// Where the referral stands then
    pub(super) to: Position,
    /// What becomes of the Task's reason
    pub(super) reason: WrittenReason,
    /// Id of the program that it was routed to
    pub(super) program: Option<String>,
    /// And the type of that
    pub(super) program_type: Option<String>,
    /// It has to be routed (again)
    pub(super) resend: bool,
    /// Who takes part in it, and what they see
    pub(super) sharing: Sharing,
    /// The referral as it was, as far as whoever wrote sees it
    pub(super) graph: Graph,
    /// What its record holds beside the graph
    pub(super) extras: Value,
}

/// What becomes of the reason in a written Task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WrittenReason {
    /// It stays as it was written
    AsWritten,
    /// It was given for the move: with this code
    Given(Option<Reason>),
    /// None was given, and an older one speaks of an older status: this, where there is one
    Replaced(StatusReason),
}

impl WrittenReason {
    /// The coded reason that a referral moves for.
    pub(super) fn code(&self) -> Option<Reason> {
        match self {
            Self::AsWritten => None,
            Self::Given(reason) => *reason,
            Self::Replaced(status_reason) => status_reason.reason,
        }
    }
}

/// A move that a written Task means.
struct Move {
    event: Event,
    step: TransitionResult,
    reason: WrittenReason,
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
    let referral = referrals.open_referral(caller, &stored.key, false).await?;
    let context = context_of(caller, &referral, &stored.key)?;
    let before = stored.document.root();
    let moved = move_of(&context, before, after)?;
    let moved_owner = member_differs(before, after, "owner");
    check_member_changes(&context, before, after, moved_owner)?;
    let (event, through, to, reason) = match moved {
        Some(Move { event, step, reason }) => (Some(event), step.through, step.to, reason),
        None => (None, None, context.position, WrittenReason::AsWritten),
    };
    let unsettled =
        matches!(context.position.status, Status::Draft | Status::Requested) && to.status == Status::Requested;
    let resend = unsettled && (event == Some(Event::Send) || moved_owner || context.owner().is_none());
    let (program, program_type) = (task_edits::program(before), task_edits::program_type(before));
    let (from, sharing) = (context.position, context.sharing);
    let StoredReferral { graph, extras, .. } = referral;
    Ok(TaskChange { event, from, through, to, reason, program, program_type, resend, sharing, graph, extras })
}

/// The move that a written Task means; nothing where it says that the referral stands where it stood.
fn move_of(context: &ReferralContext, before: Node<'_>, after: Node<'_>) -> Result<Option<Move>> {
    let from = context.position;
    let written = StatusReason { reason: task::status_reason(after), text: task::status_reason_text(after) };
    // A reason that was there before speaks of where the referral stood, unless the move wants one and nothing else is said.
    let is_new = member_differs(before, after, "statusReason");
    let given = if is_new { written.clone() } else { StatusReason::default() };
    match move_for(context, after, &given) {
        Err(error)
            if !is_new && written.is_present() && error.issues.iter().any(|it| it.key == Key::ReasonRequired) =>
        {
            move_for(context, after, &written)
        }
        moved => moved,
    }
    .map_err(|error| with_place(error, from, after))
}

fn move_for(context: &ReferralContext, after: Node<'_>, given: &StatusReason) -> Result<Option<Move>> {
    let from = context.position;
    let status = after.str("status").and_then(|code| Status::from_code(&code)).unwrap_or(Status::Draft);
    let state = task::said_state(after).filter(|state| *state != from.state);
    let claim = Claim { status, state, reason: given.reason }.normalized();
    if !claim.moves(from) {
        return Ok(None);
    }
    let Some(MeantEvent { event, reason }) = claim.event(from, &context.parties) else {
        return Err(no_matching_event(from, claim, &context.parties));
    };
    let status_reason = StatusReason { reason, text: given.text.clone() };
    let mut step = context.step(event, &status_reason)?;
    if let Some(state) = claim.state.filter(|state| event == Event::Complete && state.is_completion()) {
        step.to.state = state;
    }
    let is_said = claim.state.is_none_or(|state| state == step.to.state)
        && (claim.status == step.to.status || claim.is_usual(from, event));
    if !is_said {
        return Err(contradicted(event, step.to, claim));
    }
    let reason = if given.is_present() {
        WrittenReason::Given(reason)
    } else {
        let reason = reason.or(step.to.state.reasons().first().copied());
        WrittenReason::Replaced(StatusReason { reason, text: None })
    };
    Ok(Some(Move { event, step, reason }))
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
    if !requester {
        let is_owners = |name: &str| TARGET_WRITES.contains(&name.trim_start_matches('_'));
        issues.extend(contained::changes_of_requesters_parts(before, after, is_owners));
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

/// Does the member differ, beyond white space?
fn member_differs(before: Node<'_>, after: Node<'_>, name: &str) -> bool {
    match (before.get(name), after.get(name)) {
        (Some(old), Some(new)) => old.text() != new.text() && old.to_value() != new.to_value(),
        (None, None) => false,
        _ => true,
    }
}

/// The same error, said about the element of the Task that the move is read from.
fn with_place(error: Error, from: Position, task: Node<'_>) -> Error {
    let moves_status = task.get("status").is_some_and(|status| !status.is_str(from.status.code()));
    let name = if moves_status { "status" } else { "businessStatus" };
    let issues = error.issues.into_iter().map(|issue| {
        let name = if issue.key == Key::ReasonRequired { "statusReason" } else { name };
        let place = task.get(name).or(task.get("status")).map(Node::position);
        Issue { path: format!("{}.{name}", task.path()), position: place, ..issue }
    });
    Error { category: error.category, issues: issues.collect() }
}

/// The same error, said about Task.status as it stands in the source.
fn with_status_position(mut error: Error, task: Node<'_>) -> Error {
    for issue in &mut error.issues {
        issue.path = format!("{}.status", task.path());
        issue.position = task.get("status").map(Node::position);
    }
    error
}
