//! A referral's way back. Read [`RaisedEvent::build`] aloud: it is what happens to every event that an agency reports.
//!
//! A system that writes the Task itself comes in through `intake`; what its change of status means, and whether it may
//! make it, is decided by the same table (`task_change`).

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::precondition::Validators;
use crate::fhir::{Document, Issue, Preconditions, ResourceKey};
use crate::limits::ContentLimits;
use crate::referral::plan::Plan;
use crate::referral::state::{Event, Position};
use crate::referral::task_edits::{self, StatusReason};
use crate::security::Caller;

use super::audit::audit;
use super::consequences::Consequence;
use super::context::ReferralContext;
use super::draft::Draft;
use super::event_message::EventMessage;
use super::parts::Ids;
use super::referrals::{Referrals, context_of, plan_of_draft};
use super::remarks::Remarks;
use super::report;
use super::size;
use super::source_status::SourceStatusReading;
use super::stale;
use super::step::{Built, Change};
use super::timeline::{leading_to, through};

/// What lets events happen.
pub(super) struct Events {
    pub(super) referrals: Arc<Referrals>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) limits: ContentLimits,
}

/// An event that an agency reports.
pub(super) struct RaisedEvent<'a> {
    pub(super) events: &'a Events,
    pub(super) caller: &'a Caller,
    /// The referral's Task
    pub(super) task: &'a ResourceKey,
    pub(super) event: &'a Document,
    /// What it depends on; versions are those of the referral's record
    pub(super) conditions: Preconditions,
}

/// What an event did to a draft.
#[derive(Debug)]
pub(super) struct EventResult {
    /// Is anything to be committed?
    pub(super) changed: bool,
    /// What the change should be read with
    pub(super) remarks: Remarks,
    /// What is remembered of it
    pub(super) detail: String,
}

impl Change for RaisedEvent<'_> {
    type Outcome = Remarks;

    async fn build(&self, at: Timestamp) -> Result<Built<Remarks>> {
        let Self { events, caller, task, .. } = self;
        let mut message = EventMessage::read(self.event.root())?;
        let stored = events.referrals.open_referral(caller, task, false).await?;
        stale::check(&self.conditions, task, Validators::of_version(stored.seq))?;
        let context = context_of(caller, &stored, task)?;
        let mut draft = Draft::new(stored.graph, (*task).clone(), stored.extras);
        let result = events.apply(caller, &context, &mut draft, &mut message, at)?;
        if !result.changed {
            return Ok(Built::nothing(result.remarks));
        }
        let (mut plan, graph) = plan_of_draft(caller, &context, draft, at)?;
        plan.audit.push(audit(caller, "moved", Some(task), through("event", &result.detail), at));
        Ok(Built { plan, context: graph, outcome: result.remarks, refused: None })
    }

    fn tell(&self, remarks: &mut Remarks, consequences: Vec<Consequence>) {
        remarks.add(consequences.into_iter().map(|consequence| consequence.issue));
    }

    fn remember(&self, _: &Plan, remarks: &Remarks) -> String {
        remarks.to_text()
    }
}

impl Events {
    /// Lets an event happen to a draft of the referral.
    ///
    /// # Errors
    /// An illegal move, or what the program's map cannot take.
    pub(super) fn apply(
        &self,
        caller: &Caller,
        context: &ReferralContext,
        draft: &mut Draft,
        message: &mut EventMessage,
        at: Timestamp,
    ) -> Result<EventResult> {
        let reading = SourceStatusReading::of(
            message,
            self.referrals.programs.vocabularies(),
            context.position,
            &context.parties,
        )?;
        {
            let referral = draft.referral()?;
            if let Some(reading) = reading.as_ref().filter(|reading| reading.is_repeated(message, referral.task.node()))
            {
                let remarks = Remarks::of(&reading.remark(context.position.state).into_iter().collect::<Vec<_>>());
                return Ok(EventResult { changed: false, remarks, detail: String::new() });
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
            draft.keep_version(at)?;
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
        if message.has_words() {
            size::check_task(draft.task_bytes(), false, &self.limits)?;
        }
        let mut issues = self.report(draft, message, caller, at)?;
        issues.splice(0..0, reading.as_ref().and_then(|reading| reading.remark(to.state)));
        let result = reading.map(|reading| format!("; source status {}", reading.result())).unwrap_or_default();
        let said = format!("{}{result}", message.event.code());
        let reason = message.status_reason.reason.filter(|_| message.event != Event::Note);
        let detail = leading_to(&said, to.state, reason);
        Ok(EventResult { changed: true, remarks: Remarks::of(&issues), detail })
    }

    /// What the event reports goes through the program's map, as if the record had been written.
    pub(super) fn report(
        &self,
        draft: &mut Draft,
        message: &EventMessage,
        caller: &Caller,
        at: Timestamp,
    ) -> Result<Vec<Issue>> {
        let mut issues = Vec::new();
        let reported = [
            ("services", report::service(message, caller, at)),
            ("enrollment", report::enrollment(message, at)),
            ("referral.appointment", message.appointment.clone()),
            ("outcomes", report::outcome(message, at)),
        ];
        for (name, item) in reported {
            let Some(item) = item else { continue };
            let put = {
                let referral = draft.referral()?;
                let map = &self.referrals.program_type(referral.task.node()).map;
                map.add_item(name, &item, &referral, &draft.extras, &mut || self.ids.next())?
            };
            draft.apply(&put)?;
            issues.extend(put.issues);
        }
        if message.event == Event::Complete {
            report::ensure_output(draft)?;
        }
        Ok(issues)
    }
}

/// The reason that is written: the one given; for a state that the guide wants one for, at least in words.
fn status_reason(message: &EventMessage, to: Position) -> StatusReason {
    if message.status_reason.is_present() {
        return message.status_reason.clone();
    }
    StatusReason { reason: to.state.reasons().first().copied(), text: None }
}
