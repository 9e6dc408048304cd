//! Which event is meant by a Task that a system writes itself: the one of the table (`state`) that leads from where the
//! referral stands to what the Task then says of itself. So whoever writes the Task and whoever raises an event make the
//! same move, or are refused for the same reason.
//!
//! A system that knows nothing of our states says Task.status alone; then it is the usual event of SDOH Clinical Care. It
//! must not know how a Task came in.

use super::party::Party;
use super::reason::Reason;
use super::state::{self, Event as E, Position, State as S, TABLE, TaskStatus as T, Transition};

/// Where a written Task says that the referral stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Task.status
    pub status: T,
    /// The state in Task.businessStatus, where it says another one than before
    pub state: Option<S>,
    /// The coded reason
    pub reason: Option<Reason>,
}

/// An event, with the reason that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MeantEvent {
    /// What happened
    pub event: E,
    /// The reason that was given, or the one that the state stands for
    pub reason: Option<Reason>,
}

impl Claim {
    /// The claim as the table has it: `received` and `ready` are never written, but read as that the agency has it.
    #[must_use]
    pub fn normalized(self) -> Self {
        match self.status {
            T::Received | T::Ready => Self { status: T::Requested, state: self.state.or(Some(S::Received)), ..self },
            _ => self,
        }
    }

    /// Does it say that the referral moved?
    pub fn moves(self, from: Position) -> bool {
        self.status != from.status || self.state.is_some_and(|state| state != from.state)
    }

    /// The event that is meant, for one who acts as these parties; where none leads there, the event whose refusal says
    /// why. None, where no event ever leads there.
    pub fn event(self, from: Position, by: &[Party]) -> Option<MeantEvent> {
        let usual = usual_event(from.status, self.status);
        let usual_leads = usual.and_then(|event| by.iter().find_map(|party| self.led_to(from, event, *party, false)));
        let exact = || {
            let events = TABLE.iter().map(|row| row.event).filter(|event| *event != E::Note);
            let mut all = by.iter().flat_map(|party| events.clone().map(move |event| (event, *party)));
            all.find_map(|(event, party)| self.led_to(from, event, party, true))
        };
        let refused = || {
            let reason = self.reason;
            self.event_from_elsewhere(from, usual).map(|event| MeantEvent { event, reason })
        };
        match self.state {
            Some(_) => exact().or(usual_leads).or_else(refused),
            None => usual_leads.or_else(exact).or_else(refused),
        }
    }

    /// The event with its reason, where it leads from here to what is claimed; to the state alone, unless it has to be
    /// exact: some reasons make another status of it.
    fn led_to(self, from: Position, event: E, by: Party, is_exact: bool) -> Option<MeantEvent> {
        let implied = self.state.filter(|_| self.reason.is_none()).map_or(&[][..], S::reasons);
        let mut reasons = std::iter::once(self.reason).chain(implied.iter().copied().map(Some));
        let leads = |reason: &Option<Reason>| {
            state::step(from, event, by, *reason, true).is_ok_and(|step| {
                let state = completed(step.to.state);
                self.state.is_none_or(|claimed| completed(claimed) == state)
                    && (!is_exact || step.to.status == self.status)
            })
        };
        reasons.find(leads).map(|reason| MeantEvent { event, reason })
    }

    /// Is the event the usual one of the change of status? Some reasons make another status of it than the one that is said.
    pub fn is_usual(self, from: Position, event: E) -> bool {
        self.status != from.status && usual_event(from.status, self.status) == Some(event)
    }

    /// The event that leads to what is claimed, though not from here, or not for who claims it: one that leaves from here
    /// before the others; else the usual one of a status that changes, else one that leads to the state.
    fn event_from_elsewhere(self, from: Position, usual: Option<E>) -> Option<E> {
        let rows = || TABLE.iter().filter(|row| row.event != E::Note && (row.status, row.state) != (None, None));
        let leaves_from_here = |row: &&Transition| {
            row.from.contains(&from.status) && (row.within.is_empty() || row.within.contains(&from.state))
        };
        let is_meant = |row: &&Transition| match self.state.map(completed) {
            Some(state) => {
                let is_state = row.state == Some(state) || row.by_reason.iter().any(|(_, other, _)| *other == state);
                is_state && row.status.is_none_or(|status| status == self.status)
            }
            None => row.status == Some(self.status),
        };
        let of_state = |row: &&Transition| row.state.is_some() && row.state == self.state.map(completed);
        let exact = rows().filter(is_meant).find(leaves_from_here).or_else(|| rows().find(is_meant));
        let is_moved = self.status != from.status;
        let usual = usual.filter(|_| is_moved);
        exact.map(|row| row.event).or(usual).or_else(|| rows().find(of_state).map(|row| row.event))
    }
}

/// How far a need was met is said beside its completion.
fn completed(state: S) -> S {
    if matches!(state, S::NeedMet | S::NeedPartiallyMet) { S::ServicesRendered } else { state }
}

/// What a changed Task.status means where nothing finer is said, as SDOH Clinical Care has it.
fn usual_event(from: T, to: T) -> Option<E> {
    Some(match (from, to) {
        (T::Draft, T::Requested) => E::Send,
        (T::Rejected, T::Requested) | (T::Completed | T::Failed, T::InProgress) => E::Correct,
        (T::OnHold, T::InProgress) => E::Resume,
        (_, T::InProgress) => E::Start,
        (_, T::Accepted) => E::Accept,
        (_, T::Rejected) => E::Decline,
        (_, T::OnHold) => E::Hold,
        (_, T::Completed) => E::Complete,
        (_, T::Failed) => E::Fail,
        (_, T::Cancelled) => E::Cancel,
        (_, T::EnteredInError) => E::Void,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::referral::reason::Reason as R;

    fn meant(from: (T, S), claim: (T, Option<S>, Option<R>), by: Party) -> Option<(E, Option<R>)> {
        let (status, state, reason) = claim;
        let claim = Claim { status, state, reason }.normalized();
        let found = claim.event(Position { status: from.0, state: from.1 }, &[by]);
        found.map(|meant| (meant.event, meant.reason))
    }

    #[test]
    fn a_status_alone_is_the_usual_event() {
        let (sent, agreed, held) = ((T::Requested, S::Sent), (T::Accepted, S::Accepted), (T::OnHold, S::Waitlisted));
        for (from, to, event) in [
            (sent, T::Accepted, E::Accept),
            (sent, T::Received, E::Receive),
            (sent, T::OnHold, E::Hold),
            (agreed, T::InProgress, E::Start),
            (held, T::InProgress, E::Resume),
            (agreed, T::Cancelled, E::Cancel),
            ((T::Completed, S::NeedMet), T::InProgress, E::Correct),
            ((T::Rejected, S::Ineligible), T::Requested, E::Correct),
        ] {
            assert_eq!(meant(from, (to, None, None), Party::Owner), Some((event, None)), "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_state_says_more() {
        let (sent, agreed) = ((T::Requested, S::Sent), (T::Accepted, S::Accepted));
        let asked = (T::Accepted, S::CancellationRequested);
        for (from, status, state, expected) in [
            (sent, T::Requested, S::InReview, (E::Review, None)),
            (sent, T::OnHold, S::Waitlisted, (E::Waitlist, None)),
            (sent, T::Rejected, S::NoCapacity, (E::Decline, Some(R::AtCapacity))),
            (sent, T::Rejected, S::ReferredElsewhere, (E::ReferElsewhere, None)),
            (agreed, T::Cancelled, S::ReferredElsewhere, (E::ReferElsewhere, None)),
            (asked, T::Cancelled, S::Recalled, (E::ConfirmCancel, None)),
            (agreed, T::InProgress, S::Enrolled, (E::Enroll, None)),
            (agreed, T::Accepted, S::Scheduled, (E::Schedule, None)),
            (agreed, T::Completed, S::NeedMet, (E::Complete, None)),
        ] {
            assert_eq!(meant(from, (status, Some(state), None), Party::Owner), Some(expected), "{from:?} {state:?}");
        }
        assert_eq!(
            meant(sent, (T::Rejected, Some(S::NoCapacity), Some(R::FundingExhausted)), Party::Owner),
            Some((E::Decline, Some(R::FundingExhausted)))
        );
    }

    #[test]
    fn what_leads_nowhere_is_refused_as_the_event_is() {
        let sent = (T::Requested, S::Sent);
        assert_eq!(meant(sent, (T::Completed, None, None), Party::Owner), Some((E::Complete, None)));
        assert_eq!(meant(sent, (T::Requested, Some(S::Scheduled), None), Party::Owner), Some((E::Schedule, None)));
        assert_eq!(meant(sent, (T::Accepted, None, None), Party::Requester), Some((E::Accept, None)));
        assert_eq!(meant(sent, (T::Requested, Some(S::Eligible), None), Party::Owner), None, "no event leads there");
    }
}
