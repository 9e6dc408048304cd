//! A status that an agency says in the words of its own system: judged, turned into the event that it means where it
//! means one, and kept in any case.

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::{Issue, Key, Node};
use crate::referral::source_status::{StatusMatch, judge};
use crate::referral::state::{self, Position, State, TaskStatus};
use crate::referral::task_edits;
use crate::referral::vocabulary::{StatusWord, Vocabularies};
use crate::referral::{Party, SourceStatus};

use super::event_message::EventMessage;

/// A status that was judged.
#[derive(Debug)]
pub(super) struct SourceStatusReading {
    status: SourceStatus,
    verdict: StatusMatch,
    /// What the word may mean
    states: Vec<State>,
    /// What whoever said it should know
    remark: Option<Issue>,
}

impl SourceStatusReading {
    /// Judges the status of a message, if it says one, for a referral that stands at `from`. Where the status means an
    /// event and none was said, the message says it from then on.
    ///
    /// # Errors
    /// `Forbidden`, where it is not the agency that owns the referral who speaks.
    pub(super) fn of(
        message: &mut EventMessage,
        vocabularies: &Vocabularies,
        from: Position,
        parties: &[Party],
    ) -> Result<Option<Self>> {
        let Some(status) = message.source.clone() else { return Ok(None) };
        if !parties.contains(&Party::Owner) {
            let text = format!("a status in the words of another system is for {} to say", Party::Owner.name());
            return Err(Error::new(Category::Forbidden, Issue::error(Key::NotYourMove, "sourceStatus", text)));
        }
        let vocabulary = vocabularies.of_system(&status.system, status.version.as_deref());
        let word = vocabulary.and_then(|vocabulary| vocabulary.word(&status.code));
        let verdict = match word {
            Some(_) if message.is_explicit => StatusMatch::Beside,
            _ => judge(word, from, Party::Owner, message.status_reason.reason),
        };
        let remark = match word {
            Some(word) => remark(&verdict, word, from),
            None => Some(unmapped(&status, vocabularies)),
        };
        if let (StatusMatch::Moves { .. }, Some(word)) = (&verdict, word) {
            apply_match(message, &verdict, word, from);
        } else if !message.is_explicit && message.note.is_none() {
            // A reason that moves nothing is a remark.
            message.note = message.status_reason.text.take();
        }
        let states = word.map(|word| word.states.clone()).unwrap_or_default();
        Ok(Some(Self { status, verdict, states, remark }))
    }

    /// Was the same said before, with nothing beside it? Then nothing changes: systems say every night what they said the
    /// night before.
    pub(super) fn is_repeated(&self, message: &EventMessage, task: Node<'_>) -> bool {
        let silent = message.note.is_none()
            && message.service.is_none()
            && message.appointment.is_none()
            && message.enrollment.is_none()
            && message.outcome.is_none();
        let moves = message.is_explicit || matches!(self.verdict, StatusMatch::Moves { .. });
        silent && !moves && task_edits::is_last_source_status(task, &self.status)
    }

    /// Keeps it with the Task.
    pub(super) fn write_to_task<'t>(&self, edits: &mut Edits<'t>, task: Node<'t>, at: Timestamp) {
        task_edits::record_source_status(edits, task, &self.status, &self.verdict, at);
    }

    /// What whoever said it should know, now that the referral stands at `to`.
    pub(super) fn remark(&self, to: State) -> Option<Issue> {
        if self.verdict == StatusMatch::Beside && !self.states.contains(&to) {
            let text = format!("the status is kept; it does not mean {}, where the event led", to.code());
            return Some(Issue::warning(Key::StatusKept, "sourceStatus.code", text));
        }
        self.remark.clone()
    }

    /// What was made of it, by its code.
    pub(super) fn result(&self) -> &'static str {
        self.verdict.code()
    }
}

/// Lets the message say the event that the status means, with the reason that goes with it. Where the guide wants words
/// and nobody gave any, they are those of the status.
fn apply_match(message: &mut EventMessage, verdict: &StatusMatch, word: &StatusWord, from: Position) {
    let StatusMatch::Moves { event, reason, state } = verdict else { return };
    message.event = *event;
    message.completion_state = Some(*state);
    let to = state::step(from, *event, Party::Owner, *reason, true).map(|step| step.to.status);
    let explained =
        [TaskStatus::Rejected, TaskStatus::Cancelled, TaskStatus::Failed, TaskStatus::OnHold].map(Ok).contains(&to);
    if explained {
        let status_reason = &mut message.status_reason;
        status_reason.reason = status_reason.reason.or(*reason);
        let words = message.source.as_ref().and_then(|status| status.text.as_deref()).unwrap_or(word.text());
        status_reason.text.get_or_insert_with(|| words.to_owned());
    }
}

/// What is said of a known word that moved nothing although it disagrees.
fn remark(verdict: &StatusMatch, word: &StatusWord, from: Position) -> Option<Issue> {
    let stays = format!("it is kept, and the referral stays {}", from.state.code());
    let (text, hint) = match verdict {
        StatusMatch::Undecided => (
            format!("{} may mean {}; {stays}", word.text(), word.meanings()),
            "say which with a reason, or with the event",
        ),
        StatusMatch::Unreachable(state) if from.status.is_terminal() => (
            format!("{} means {}, and the referral has ended; {stays}", word.text(), state.code()),
            "raise the event correct first, if the end was recorded wrongly",
        ),
        StatusMatch::Unreachable(state) => (
            format!("{} means {}, and no single event leads there; {stays}", word.text(), state.code()),
            "raise the events that lead there, one after the other",
        ),
        _ => return None,
    };
    Some(Issue::warning(Key::StatusKept, "sourceStatus.code", text).hint(hint))
}

fn unmapped(status: &SourceStatus, vocabularies: &Vocabularies) -> Issue {
    let SourceStatus { system, version, code, .. } = status;
    let version = version.as_deref().map(|version| format!("|{version}")).unwrap_or_default();
    let known = vocabularies.of_system(system, None).is_some();
    let (path, what) = if known { ("sourceStatus.code", "row") } else { ("sourceStatus.system", "table") };
    let text =
        format!("there is no {what} for {code:.60} of {system:.120}{version:.40}; it is kept, and moves nothing");
    Issue::warning(Key::StatusUnmapped, path, text)
}
