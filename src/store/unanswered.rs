//! Referrals that wait for an answer: whose program they were sent to has said neither yes nor no. They are kept beside the
//! index, so that whoever watches the network is told the oldest of each program without a look at all referrals.

use jiff::Timestamp;

use crate::fhir::{Document, ResourceKey};
use crate::referral::state::{Position, State};
use crate::referral::task::{is_referral_task, position};
use crate::referral::task_edits;

/// Referrals in one state at one program that wait for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// Where they stand
    pub state: State,
    /// The id of the program (HealthcareService); none: no program was found for them
    pub program: Option<String>,
    /// How many
    pub referrals: u64,
    /// Since when the oldest of them is at the program
    pub since: Timestamp,
}

/// Does the referral of a Task wait for an answer?
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AnswerState {
    /// It does, in this state at this program; "" for none
    Awaited { state: State, program: String },
    /// It was answered, or asks nobody
    NotAwaited,
}

impl AnswerState {
    /// Of this resource, if it is a Task.
    pub(super) fn of(key: &ResourceKey, document: &Document) -> Option<Self> {
        let task = document.root();
        let position = (key.kind == "Task").then(|| position(task))?;
        Some(match position.filter(|position| position.awaits_answer() && is_referral_task(task)) {
            Some(Position { state, .. }) => {
                Self::Awaited { state, program: task_edits::program(task).unwrap_or_default() }
            }
            None => Self::NotAwaited,
        })
    }
}
