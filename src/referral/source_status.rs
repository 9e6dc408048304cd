//! What a status in somebody else's words means for a referral.
//!
//! Such words lose: the result of a Coordinated Entry referral in HMIS is one of three, and `Canceled` of another system
//! is said of a person who declined and of one who was not found. So the status is always kept as it came, and the
//! referral moves only where the word disagrees with where it stands, means one state, and one event leads there.
//! Nothing is guessed; what stays as it is, is said to.

use super::party::Party;
use super::reason::Reason;
use super::state::{self, Event, Position, State};
use super::vocabulary::StatusWord;

/// A status as somebody else said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStatus {
    /// The URL of the code system
    pub system: String,
    /// Its version, where it is said
    pub version: Option<String>,
    /// The code
    pub code: String,
    /// Words beside it
    pub text: Option<String>,
    /// Since when, where it is said, as it was written
    pub at: Option<String>,
}

/// What a status means for a referral that stands somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatusMatch {
    /// The referral stands where the word says, or finer
    Agrees,
    /// It disagrees, and this leads where it says
    Moves {
        /// What happened
        event: Event,
        /// Why
        reason: Option<Reason>,
        /// Where it leads
        state: State,
    },
    /// It disagrees, and may mean several states
    Undecided,
    /// It disagrees, and no single event leads from here to what it means
    Unreachable(State),
    /// No table has the word
    Unmapped,
    /// An event came with it, and says what happened
    Beside,
}

impl StatusMatch {
    /// The code that is kept with the status.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Moves { .. } => "moved",
            Self::Undecided => "undecided",
            Self::Unreachable(_) => "unreachable",
            Self::Unmapped => "unmapped",
            Self::Beside => "beside-event",
        }
    }
}

/// Judges what a word of `by` means for a referral that stands at `from`. A reason that came with it tells apart what the
/// word does not: `Canceled`, because nobody could be reached.
pub fn judge(word: Option<&StatusWord>, from: Position, by: Party, reason: Option<Reason>) -> StatusMatch {
    let Some(word) = word else { return StatusMatch::Unmapped };
    let by_reason = reason.and_then(|reason| state_by_reason(word, reason));
    let stands = word.states.contains(&from.state);
    // A word that is said of what has ended says so of a referral that waits after a missed appointment.
    let ends = word.states.iter().all(|state| state.may_end());
    if stands && by_reason.is_none_or(|state| state == from.state) && (!ends || from.status.is_terminal()) {
        return StatusMatch::Agrees;
    }
    let wanted = by_reason.or(stands.then_some(from.state)).or(word.own);
    let Some(wanted) = wanted else { return StatusMatch::Undecided };
    match state::event_towards(from, wanted, ends, by, reason) {
        Some((event, reason)) => StatusMatch::Moves { event, reason, state: wanted },
        None => StatusMatch::Unreachable(wanted),
    }
}

/// The one state among those that a word may mean which this reason is given for.
fn state_by_reason(word: &StatusWord, reason: Reason) -> Option<State> {
    let mut states = word.states.iter().copied().filter(|state| state.reasons().contains(&reason));
    let first = states.next()?;
    states.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::state::TaskStatus;

    fn word(states: &[State], own: Option<State>) -> StatusWord {
        StatusWord { code: "w".to_owned(), display: None, states: states.to_vec(), own }
    }

    fn at(status: TaskStatus, state: State) -> Position {
        Position { status, state }
    }

    #[test]
    fn a_coarse_word_leaves_the_finer_state_alone() {
        let accepted = word(&[State::Accepted, State::Enrolled, State::InService], Some(State::Accepted));
        let judged = |position| judge(Some(&accepted), position, Party::Owner, None);
        assert_eq!(judged(at(TaskStatus::InProgress, State::InService)), StatusMatch::Agrees);
        let sent = judged(at(TaskStatus::Requested, State::Sent));
        assert_eq!(sent, StatusMatch::Moves { event: Event::Accept, reason: None, state: State::Accepted });
        let over = judged(at(TaskStatus::Completed, State::NeedMet));
        assert_eq!(over, StatusMatch::Unreachable(State::Accepted), "an end reopens by a correction alone");
    }

    #[test]
    fn a_word_that_may_mean_several_states_moves_nothing_without_a_reason() {
        let cancelled = word(&[State::DeclinedByClient, State::UnableToContact, State::Moved], None);
        let sent = at(TaskStatus::Requested, State::Sent);
        assert_eq!(judge(Some(&cancelled), sent, Party::Owner, None), StatusMatch::Undecided);
        let told = judge(Some(&cancelled), sent, Party::Owner, Some(Reason::UnableToContact));
        let reason = Some(Reason::UnableToContact);
        assert_eq!(told, StatusMatch::Moves { event: Event::Decline, reason, state: State::UnableToContact });
        let beside = judge(Some(&cancelled), sent, Party::Owner, Some(Reason::AtCapacity));
        assert_eq!(beside, StatusMatch::Undecided, "a reason that speaks of none of them tells nothing apart");
    }

    #[test]
    fn a_reason_says_more_than_where_the_referral_stands() {
        let open = word(&[State::Sent, State::NeedsClientAction], Some(State::Sent));
        let sent = at(TaskStatus::Requested, State::Sent);
        assert_eq!(judge(Some(&open), sent, Party::Owner, None), StatusMatch::Agrees);
        let reason = Some(Reason::ClientAction);
        let told = judge(Some(&open), sent, Party::Owner, reason);
        assert_eq!(told, StatusMatch::Moves { event: Event::Hold, reason, state: State::NeedsClientAction });
    }

    #[test]
    fn what_no_table_has_is_not_guessed() {
        assert_eq!(judge(None, at(TaskStatus::Requested, State::Sent), Party::Owner, None), StatusMatch::Unmapped);
    }
}
