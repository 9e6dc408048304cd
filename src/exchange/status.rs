//! A referral's way back. Read [`Exchange::raise_once`] aloud: it is what happens to every event that an agency reports.
//!
//! A system that writes the Task itself comes in through `intake`; what its change of status means, and whether it may
//! make it, is decided here by the same table.

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node, ResourceKey};
use crate::referral::plan::{Extras, FeedEntry, Idempotency, Plan, Share, SharedWith};
use crate::referral::state::{self, Actor, Event, Illegal, Position, State, TaskStatus, TransitionResult};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Party, TaskStatus as Status, task};
use crate::routing::directory::Target;
use crate::security::Caller;
use crate::store::{Stored, StoredReferral};

use super::disposition::audit;
use super::draft::Draft;
use super::event::EventMessage;
use super::record::Record;
use super::remarks::Remarks;
use super::source_status::SourceStatusReading;
use super::{Exchange, disclosure, idempotency, write_target};

/// How often an event that lost a race is raised anew.
const ATTEMPTS: usize = 8;

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
    /// Where the referral stands then
    pub(super) to: Position,
    /// It has to be routed (again)
    pub(super) resend: bool,
    /// Who owns it
    pub(super) owner: Option<String>,
    /// Who takes part in it
    pub(super) parties: Vec<SharedWith>,
    /// Whose client sent it first
    pub(super) author: Option<String>,
}

/// Where a referral stands before a step, and as what the caller acts on it.
#[derive(Debug)]
pub(super) struct ReferralContext {
    pub(super) position: Position,
    pub(super) parties: Vec<Party>,
    pub(super) owner: Option<String>,
}

/// What an event did to a draft.
#[derive(Debug)]
pub(super) struct EventResult {
    /// Is anything to be committed?
    pub(super) changed: bool,
    /// What the record then holds beside the graph, where that changed
    pub(super) extras: Option<serde_json::Value>,
    /// What the change should be read with
    pub(super) remarks: Remarks,
    /// What is remembered of it
    pub(super) detail: String,
}

impl Exchange {
    /// Raises an event on the referral of the Task `id` and answers with the record as it then stands.
    ///
    /// # Errors
    /// An unknown referral, an unreadable event, an illegal move, a stale version.
    pub async fn raise_event(
        &self,
        caller: &Caller,
        id: &str,
        event: &Document,
        if_match: Option<u64>,
        idempotency_key: Option<&str>,
    ) -> Result<Record> {
        let key = ResourceKey::new("Task", id);
        let idempotency = idempotency::of(caller, idempotency_key, &["event", id, event.text()]);
        let mut remarks = Remarks::default();
        for attempt in 1.. {
            if let Some(before) = self.repeated(idempotency.as_ref()).await? {
                remarks = Remarks::read(&before);
                break;
            }
            match self.raise_once(caller, &key, event, if_match, idempotency.clone()).await {
                Ok(found) => {
                    remarks = found;
                    break;
                }
                Err(error) if error.category == Category::Conflict && attempt < ATTEMPTS => {}
                Err(error) => return Err(self.audit_refusal(caller, error).await),
            }
        }
        Ok(Record { remarks, ..self.record(caller, id).await? })
    }

    /// One event, from message to commit.
    async fn raise_once(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        event: &Document,
        if_match: Option<u64>,
        idempotency: Option<Idempotency>,
    ) -> Result<Remarks> {
        let mut message = EventMessage::read(event.root())?;
        let stored = self.referral(caller, key).await?;
        if if_match.is_some_and(|version| version != stored.seq) {
            return Err(write_target::stale(key, stored.seq));
        }
        let at = self.clock.now();
        let context = self.context(caller, &stored, key).await?;
        let parties = stored.current();
        let mut draft = Draft::new(stored.graph, key.clone());
        let event_result =
            self.apply_event(caller, &mut draft, &context, &mut message, (stored.author, stored.extras), at)?;
        if !event_result.changed {
            return Ok(event_result.remarks);
        }
        let mut plan = self.plan(caller, draft, key, parties, event_result.extras, at).await?;
        plan.feed.extend(context.owner.map(|organization| FeedEntry { organization, task: key.clone() }));
        plan.audit.push(audit(caller, "moved", Some(key), event_result.detail, at));
        plan.idempotency = idempotency.map(|asked| Idempotency { answer: event_result.remarks.to_text(), ..asked });
        self.store.commit(plan).await?;
        Ok(event_result.remarks)
    }

    /// Lets an event happen to a draft. `author` and `extras` are those of the referral as it is stored.
    ///
    /// # Errors
    /// An illegal move, or what the program's map cannot take.
    pub(super) fn apply_event(
        &self,
        caller: &Caller,
        draft: &mut Draft,
        context: &ReferralContext,
        message: &mut EventMessage,
        (author, extras): (Option<String>, serde_json::Value),
        at: Timestamp,
    ) -> Result<EventResult> {
        let reading =
            SourceStatusReading::of(message, self.programs.vocabularies(), context.position, &context.parties)?;
        {
            let referral = draft.referral()?;
            if let Some(reading) = reading.as_ref().filter(|reading| reading.is_repeated(message, referral.task.node()))
            {
                let remarks = Remarks::of(&reading.remark(context.position.state).into_iter().collect::<Vec<_>>());
                return Ok(EventResult { changed: false, extras: None, remarks, detail: String::new() });
            }
        }
        let step = context.step(message.event, &message.status_reason)?;
        let to = Position {
            state: message.completion_state().filter(|_| message.event == Event::Complete).unwrap_or(step.to.state),
            ..step.to
        };
        if let Some(through) = step.through {
            draft.edit_task(|edits, task| {
                task_edits::set_position_and_reason(edits, task, through, &StatusReason::default(), at);
            })?;
            draft.keep_version(author, at)?;
        }
        draft.edit_task(|edits, task| {
            if message.event != Event::Note {
                task_edits::set_position_and_reason(edits, task, to, &status_reason(message, to), at);
            }
            if let Some(note) = &message.note {
                task_edits::note(edits, task, Some(&caller.organization), note, at);
            }
            if let Some(reading) = &reading {
                reading.write_to_task(edits, task, at);
            }
        })?;
        let (extras, mut issues) = self.report(draft, message, caller, extras, at)?;
        issues.splice(0..0, reading.as_ref().and_then(|reading| reading.remark(to.state)));
        let result = reading.map(|reading| format!("; source status {}", reading.result())).unwrap_or_default();
        let detail = format!("{}{result}", message.event.code());
        Ok(EventResult { changed: true, extras, remarks: Remarks::of(&issues), detail })
    }

    /// What the event reports goes through the program's map, as if the record had been written.
    fn report(
        &self,
        draft: &mut Draft,
        message: &EventMessage,
        caller: &Caller,
        mut extras: serde_json::Value,
        at: Timestamp,
    ) -> Result<(Option<serde_json::Value>, Vec<Issue>)> {
        let mut changed = false;
        let mut issues = Vec::new();
        let reported = [
            ("services", super::report::service(message, caller, at)),
            ("enrollment", super::report::enrollment(message, at)),
            ("referral.appointment", message.appointment.clone()),
            ("outcomes", super::report::outcome(message, at)),
        ];
        for (name, item) in reported {
            let Some(item) = item else { continue };
            let put = {
                let referral = draft.referral()?;
                let program = self.programs.get(&task_edits::program_type(referral.task.node()).unwrap_or_default());
                program.map.add_item(name, &item, &referral, &extras, &mut || self.ids.next())?
            };
            draft.apply(&put)?;
            issues.extend(put.issues);
            if put.extras_changed {
                extras = put.extras;
                changed = true;
            }
        }
        if message.event == Event::Complete {
            super::report::ensure_output(draft)?;
        }
        Ok((changed.then_some(extras), issues))
    }

    /// The draft as a plan: what is written, what is beside it, who sees it now.
    pub(super) async fn plan(
        &self,
        caller: &Caller,
        draft: Draft,
        task: &ResourceKey,
        parties: Vec<SharedWith>,
        extras: Option<serde_json::Value>,
        at: Timestamp,
    ) -> Result<Plan> {
        let mut authors = std::collections::BTreeMap::new();
        for key in draft.changed() {
            let stored = self.store.read(&caller.scope(), key, None).await?;
            let stored = stored.ok_or_else(|| Error::not_found(key))?;
            authors.insert(key.clone(), stored.author);
        }
        let resources = disclosure::disclosed(&draft.graph, task);
        Ok(Plan {
            shares: vec![Share { task: task.clone(), before: parties.clone(), parties, resources }],
            extras: extras.map(|value| Extras { task: task.clone(), value }).into_iter().collect(),
            writes: draft.writes(&authors, &caller.organization, at)?,
            ..Plan::default()
        })
    }

    /// The referral of this Task, as the caller sees it, with its history.
    pub(super) async fn referral(&self, caller: &Caller, key: &ResourceKey) -> Result<StoredReferral> {
        let stored = self.store.referral(&caller.scope(), key, true).await?;
        stored.ok_or_else(|| Error::not_found("the referral"))
    }

    /// Where a referral stands, and as what the caller acts on it.
    pub(super) async fn context(
        &self,
        caller: &Caller,
        stored: &StoredReferral,
        key: &ResourceKey,
    ) -> Result<ReferralContext> {
        let task = stored.graph.resolve(&key.to_string()).ok_or_else(|| Error::not_found("the referral"))?;
        let owner = self.owner_of(task.node(), &stored.graph).await?;
        let mut parties = stored.parties_of(&caller.organization);
        // A Task that was no referral until now is shared with nobody: who sent it asks.
        if stored.parties.is_empty() && stored.author.as_ref() == Some(&caller.organization) {
            parties.push(Party::Requester);
        }
        // What an owner may do comes first.
        parties.sort_by_key(|party| *party != Party::Owner);
        let position = task::position(task.node()).unwrap_or(DRAFT);
        Ok(ReferralContext { position, parties, owner })
    }

    /// Id of the organization that owns a Task, itself or through its program.
    pub(super) async fn owner_of(&self, task: Node<'_>, graph: &Graph) -> Result<Option<String>> {
        let Some(owner) = task.get("owner") else { return Ok(None) };
        Ok(match self.directory().await?.resolve(owner, graph) {
            Some(Target::Organization(organization)) => Some(organization.id.clone()),
            Some(Target::Program(program)) => Some(program.organization.id.clone()),
            None => None,
        })
    }

    /// What a written Task means for the referral that was there before.
    ///
    /// # Errors
    /// An illegal move, or a change that is not this party's to make.
    pub(super) async fn task_change_of(&self, caller: &Caller, stored: &Stored, after: Node<'_>) -> Result<TaskChange> {
        let referral = self.referral(caller, &stored.key).await?;
        let context = self.context(caller, &referral, &stored.key).await?;
        let before = stored.document.root();
        let claimed = task::position(after).unwrap_or(DRAFT);
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
        context.check_member_changes(before, after, moved_owner)?;
        let unsettled =
            matches!(context.position.status, Status::Draft | Status::Requested) && to.status == Status::Requested;
        let resend = unsettled && (event == Some(Event::Send) || moved_owner || context.owner.is_none());
        let parties = referral.current();
        Ok(TaskChange { event, to, resend, owner: context.owner, parties, author: stored.author.clone() })
    }
}

const DRAFT: Position = Position { status: TaskStatus::Draft, state: State::Draft };

impl ReferralContext {
    /// Where the event leads, for the party of the caller that may raise it.
    /// Where an event leads from here.
    ///
    /// # Errors
    /// Why it leads nowhere.
    pub(super) fn step(&self, event: Event, status_reason: &StatusReason) -> Result<TransitionResult> {
        let mut refused = Err(Illegal::Actor(&[]));
        for party in &self.parties {
            match state::step(self.position, event, *party, status_reason.reason, status_reason.text.is_some()) {
                Ok(step) => return Ok(step),
                Err(why) => refused = Err(why),
            }
        }
        match refused {
            Ok(step) => Ok(step),
            Err(Illegal::Reason) => {
                let text = format!("the event {} needs a reason", event.code());
                Err(Error::refused(Key::ReasonRequired, "reason", text))
            }
            Err(Illegal::Actor(by)) => Err(forbidden_event(event, by)),
            Err(Illegal::Transition) => Err(illegal(self.position, event, &self.parties)),
        }
    }

    /// May this party change what it changed?
    fn check_member_changes(&self, before: Node<'_>, after: Node<'_>, moved_owner: bool) -> Result<()> {
        let requester = self.parties.contains(&Party::Requester);
        let mut names: Vec<&str> = before.members().chain(after.members()).map(Node::name).collect();
        names.sort_unstable();
        names.dedup();
        let mut issues = Vec::new();
        for name in names.into_iter().filter(|name| member_differs(before, after, name)) {
            let plain = name.trim_start_matches('_');
            let sent = self.position.status != Status::Draft;
            let why = if !requester && !TARGET_WRITES.contains(&plain) && !matches!(plain, "id" | "resourceType") {
                "is the requester's to change"
            } else if sent && FIXED.contains(&plain) {
                "is fixed once the referral is sent; send a new Task instead"
            } else if moved_owner
                && name == "owner"
                && !matches!(self.position.status, Status::Draft | Status::Requested)
            {
                "is fixed once the owner has accepted; cancel, and send a new Task instead"
            } else {
                continue;
            };
            let place = after.get(name).map_or(after.position(), Node::position);
            let path = format!("{}.{name}", after.path());
            issues.push(Issue::error(Key::ReadOnly, path, format!("Task.{name} {why}")).at(place));
        }
        if issues.is_empty() { Ok(()) } else { Err(Error::unprocessable(issues)) }
    }
}

/// The status that a new referral Task has.
///
/// # Errors
/// If it claims to be further than the table lets it begin.
pub(super) fn initial_status(task: Node<'_>) -> Result<TaskStatus> {
    let status = task.str("status").and_then(|code| TaskStatus::from_code(&code)).unwrap_or(TaskStatus::Draft);
    match status {
        Status::Draft => Ok(Status::Draft),
        Status::Requested | Status::Received | Status::Ready => Ok(Status::Requested),
        other => {
            let text = format!("a new referral Task begins as draft or requested, not as {}", other.code());
            Err(with_status_position(Error::refused(Key::IllegalMove, "Task.status", text), task))
        }
    }
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

/// The reason that is written: the one given; for a state that the guide wants one for, at least in words.
fn status_reason(message: &EventMessage, to: Position) -> StatusReason {
    if message.status_reason.is_present() {
        return message.status_reason.clone();
    }
    StatusReason { reason: to.state.reasons().first().copied(), text: None }
}

fn illegal(from: Position, event: Event, parties: &[Party]) -> Error {
    let text = format!("{} is not possible from here: {}", event.code(), describe_position(from, parties));
    Error::refused(Key::IllegalMove, "event", text)
}

fn no_matching_event(from: Position, to: TaskStatus, parties: &[Party]) -> Error {
    let text = format!("Task.status cannot become {} from here: {}", to.code(), describe_position(from, parties));
    Error::refused(Key::IllegalMove, "Task.status", text)
}

/// Where a referral stands and what may follow, for people.
fn describe_position(from: Position, parties: &[Party]) -> String {
    let mut events: Vec<&str> = Vec::new();
    for event in parties.iter().flat_map(|party| state::possible_events(from, *party)) {
        if !events.contains(&event.code()) {
            events.push(event.code());
        }
    }
    let follow = if events.is_empty() { "nothing".to_owned() } else { events.join(", ") };
    format!(
        "the referral is {} (Task.status {}); what you may raise now: {follow}",
        from.state.code(),
        from.status.code()
    )
}

fn forbidden_event(event: Event, by: &[Actor]) -> Error {
    let who: Vec<&str> = by.iter().map(|actor| actor.name()).collect();
    let who = if who.is_empty() { "a party of the referral".to_owned() } else { who.join(" or ") };
    let text = format!("the event {} is for {who} to raise", event.code());
    Error::new(Category::Forbidden, Issue::error(Key::NotYourMove, "event", text))
}

/// The same error, said about Task.status as it stands in the source.
fn with_status_position(mut error: Error, task: Node<'_>) -> Error {
    for issue in &mut error.issues {
        issue.path = format!("{}.status", task.path());
        issue.position = task.get("status").map(Node::position);
    }
    error
}
