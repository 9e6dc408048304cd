//! A move that somebody made by writing the Task (`task_change`), carried out as the event is that it means: passing through
//! the same versions, with the same outputs, and what the event brings into the record by itself.

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::{Document, Issue, Node, ResourceKey};
use crate::referral::plan::{Extras, Plan};
use crate::referral::state::Event;
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Resource};
use crate::security::Caller;
use crate::store::Stored;

use super::draft::Draft;
use super::event_message::EventMessage;
use super::raise_event::Events;
use super::task_change::TaskChange;

/// The code of the output that names the person's place in the program.
const ENROLLMENT: &str = "enrollment";

/// A Task that somebody wrote, and what it is part of.
pub(super) struct WrittenMove<'w> {
    pub(super) events: &'w Events,
    pub(super) caller: &'w Caller,
    pub(super) change: &'w TaskChange,
    /// The Task as it was
    pub(super) stored: &'w Stored,
    /// What the message brings, and what that references
    pub(super) message: &'w Graph,
    /// What else the message writes: that is not written twice
    pub(super) written: &'w [&'w ResourceKey],
}

impl WrittenMove<'_> {
    /// Adds what is written to the plan: the Task as `text`, and what its event makes. Gives what the change should be read
    /// with.
    ///
    /// # Errors
    /// What the program's map cannot take; a fault, if a text cannot be read.
    pub(super) fn add_to_plan(&self, plan: &mut Plan, text: &str, at: Timestamp) -> Result<Vec<Issue>> {
        let mut draft = self.draft(text, at)?;
        let mut issues = Vec::new();
        if let Some(event) = self.change.event.filter(|event| self.brings_its_own(*event, text)) {
            issues = self.report(&mut draft, event, at)?;
            let is_twice = |key: &ResourceKey| *key != self.stored.key && self.written.contains(&key);
            if draft.changed_keys().any(is_twice) {
                // The message says itself what the event would say.
                draft = self.draft(text, at)?;
                issues.clear();
            }
        }
        plan.writes.extend(draft.writes(&self.caller.organization, at)?);
        let task = self.stored.key.clone();
        plan.extras.extend(draft.changed_extras().map(|value| Extras { task, value }));
        Ok(issues)
    }

    /// The referral with the Task as it is written, and its version before that where the move passes through one.
    fn draft(&self, text: &str, at: Timestamp) -> Result<Draft> {
        let task = &self.stored.key;
        let mut graph = self.message.clone();
        for resource in self.change.graph.resources() {
            if graph.resolve(&resource.url).is_none() {
                graph.insert(resource.clone());
            }
        }
        let whole = Resource::new(task.to_string(), self.stored.version, self.stored.whole().clone());
        graph.insert(whole.sent_by(self.stored.author.as_deref()));
        let mut draft = Draft::new(graph, task.clone(), self.change.extras.clone());
        if let Some(through) = self.change.through {
            draft.edit_task(|edits, task| {
                task_edits::set_position_and_reason(edits, task, through, &StatusReason::default(), at);
            })?;
            draft.keep_version(at)?;
        }
        draft.write_task(text)?;
        Ok(draft)
    }

    /// Does this event bring something into the record that the writer has not said?
    fn brings_its_own(&self, event: Event, text: &str) -> bool {
        match event {
            Event::Complete => true,
            Event::Enroll => {
                let before = enrollments(self.stored.whole().root());
                Document::parse(text).is_ok_and(|task| enrollments(task.root()) <= before)
            }
            _ => false,
        }
    }

    fn report(&self, draft: &mut Draft, event: Event, at: Timestamp) -> Result<Vec<Issue>> {
        let reason = StatusReason { reason: self.change.reason.code(), text: None };
        self.events.report(draft, &EventMessage::of_move(event, reason), self.caller, at)
    }
}

/// How many outputs of a Task name the person's place in a program.
fn enrollments(task: Node<'_>) -> usize {
    let names = |output: &Node<'_>| {
        let codings = output.get("type").into_iter().flat_map(|kind| kind.list("coding"));
        codings.into_iter().any(|coding| coding.get("code").is_some_and(|code| code.is_str(ENROLLMENT)))
    };
    task.list("output").filter(names).count()
}
