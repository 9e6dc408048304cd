//! The state machine of a referral, as one table.
//!
//! States are the canonical codes of CodeSystem `urn:handoff:fhir:CodeSystem:referral-state`, carried in
//! Task.businessStatus; each also has a Task.status. Moves of Task.status keep to the diagram of SDOH Clinical Care
//! 3.0.0 (requested -> accepted | rejected | cancelled; accepted -> in-progress | on-hold | completed | failed |
//! cancelled; in-progress -> on-hold | completed | failed | cancelled; on-hold -> in-progress | completed | failed |
//! cancelled; any -> entered-in-error), which also says who may set what. `received` and `ready` are never written,
//! since the guide excludes them. Two additions: `not-permitted` (consent forbids the disclosure) and
//! `cancellation-requested` (the first half of the handshake of BSeR, state 5.2). Terminal states reopen through
//! `correct` alone.
//!
//! It must not know how an event came in.

use super::party::{PartEnd, Party};
use super::reason::Reason;

/// The CodeSystem of the states.
pub const SYSTEM: &str = "urn:handoff:fhir:CodeSystem:referral-state";

/// Declares an enum of codes with its two directions.
macro_rules! codes {
    ($(#[$outer:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal,)* }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The code.
            pub fn code(self) -> &'static str {
                match self { $($name::$variant => $code,)* }
            }

            /// The one with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some($name::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// Task.status (<https://hl7.org/fhir/R4/valueset-task-status.html>).
    TaskStatus {
        /// Not sent yet
        Draft = "draft",
        /// Sent
        Requested = "requested",
        /// Accepted inbound from plain R4 systems, never written
        Received = "received",
        /// Agreed to act
        Accepted = "accepted",
        /// Declined before anything began
        Rejected = "rejected",
        /// Accepted inbound from plain R4 systems, never written
        Ready = "ready",
        /// Called off
        Cancelled = "cancelled",
        /// Under way
        InProgress = "in-progress",
        /// Waiting
        OnHold = "on-hold",
        /// Begun and not achieved
        Failed = "failed",
        /// Done
        Completed = "completed",
        /// Never meant
        EnteredInError = "entered-in-error",
    }
}

impl TaskStatus {
    /// Does nothing follow but a correction?
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Rejected | Self::Cancelled | Self::Failed | Self::Completed | Self::EnteredInError)
    }
}

codes! {
    /// Where a referral stands, in the canonical vocabulary.
    State {
        /// Not sent yet
        Draft = "draft",
        /// On its way, nobody looked yet
        Sent = "sent",
        /// The agency has it
        Received = "received",
        /// The agency looks at eligibility
        InReview = "in-review",
        /// The person has to do something first
        NeedsClientAction = "needs-client-action",
        /// Eligible, not served yet
        Eligible = "eligible",
        /// The agency agreed
        Accepted = "accepted",
        /// On a waiting list
        Waitlisted = "waitlisted",
        /// An appointment stands
        Scheduled = "scheduled",
        /// Enrolled in the program
        Enrolled = "enrolled",
        /// Being served
        InService = "in-service",
        /// Served; whether the need is met is not said
        ServicesRendered = "services-rendered",
        /// Served, and the need is met
        NeedMet = "need-met",
        /// Served, and the need is met in part
        NeedPartiallyMet = "need-partially-met",
        /// The agency said no
        DeclinedByAgency = "declined-by-agency",
        /// Not eligible
        Ineligible = "ineligible",
        /// No capacity
        NoCapacity = "no-capacity",
        /// The person said no
        DeclinedByClient = "declined-by-client",
        /// Nobody could be reached
        UnableToContact = "unable-to-contact",
        /// Did not attend
        NoShow = "no-show",
        /// Sent on to somebody else
        ReferredElsewhere = "referred-elsewhere",
        /// The requester asks to call it off
        CancellationRequested = "cancellation-requested",
        /// The requester took it back
        Recalled = "recalled",
        /// Nobody answered in time
        Expired = "expired",
        /// The person died
        Deceased = "deceased",
        /// The person moved away
        Moved = "moved",
        /// The person is in prison
        Incarcerated = "incarcerated",
        /// Consent forbids the disclosure
        NotPermitted = "not-permitted",
        /// Never meant
        EnteredInError = "entered-in-error",
    }
}

codes! {
    /// What can happen to a referral.
    Event {
        /// The requester sends a draft
        Send = "send",
        /// The agency has it
        Receive = "receive",
        /// The agency looks at it
        Review = "review",
        /// The agency agrees
        Accept = "accept",
        /// The agency says no
        Decline = "decline",
        /// Onto the waiting list
        Waitlist = "waitlist",
        /// An appointment is made
        Schedule = "schedule",
        /// An appointment is moved
        Reschedule = "reschedule",
        /// The person did not come
        NoShow = "no-show",
        /// Enrolled in the program
        Enroll = "enroll",
        /// Service begins
        Start = "start",
        /// A service was given
        Service = "service",
        /// Waits for something
        Hold = "hold",
        /// Goes on
        Resume = "resume",
        /// Done
        Complete = "complete",
        /// Not achieved
        Fail = "fail",
        /// Called off
        Cancel = "cancel",
        /// The requester asks to call it off
        RequestCancel = "request-cancel",
        /// The agency agrees to call it off
        ConfirmCancel = "confirm-cancel",
        /// Sent on to somebody else
        ReferElsewhere = "refer-elsewhere",
        /// A remark
        Note = "note",
        /// An end was recorded wrongly
        Correct = "correct",
        /// Nobody answered in time
        Expire = "expire",
        /// Consent forbids the disclosure
        Forbid = "forbid",
        /// Never meant
        Void = "void",
    }
}

/// Who raises an event: a party of the referral, or Handoff itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// An organization, as this party
    Party(Party),
    /// Handoff itself
    Gateway,
}

impl Actor {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Party(party) => party.name(),
            Self::Gateway => "the gateway",
        }
    }
}

impl From<Party> for Actor {
    fn from(party: Party) -> Self {
        Self::Party(party)
    }
}

/// Where a referral stands: the status that every FHIR system reads, and our finer state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// Task.status
    pub status: TaskStatus,
    /// Task.businessStatus
    pub state: State,
}

impl Position {
    /// Where a Task stands that says nothing readable of it: not sent.
    pub const DRAFT: Self = Self { status: TaskStatus::Draft, state: State::Draft };

    /// Has nobody said yes or no yet?
    pub fn awaits_answer(self) -> bool {
        matches!(self.status, T::Requested | T::Received | T::Ready)
    }

    /// How the owner's part ends that ends while the referral stands here.
    pub fn end_of_part(self) -> PartEnd {
        match self.status {
            T::Draft | T::Requested | T::Received | T::Ready => PartEnd::Withdrawn,
            T::Accepted | T::InProgress | T::OnHold | T::Completed => PartEnd::Taken,
            T::Rejected | T::Cancelled | T::Failed | T::EnteredInError => PartEnd::Over,
        }
    }
}

/// One row: in these statuses (and states, if any are named), `event` raised by one of `by` leads to `to`.
#[derive(Debug)]
pub struct Transition {
    /// What happens
    pub event: Event,
    /// Who may raise it
    pub by: &'static [Actor],
    /// Task.status before
    pub from: &'static [TaskStatus],
    /// State before; empty for any
    pub within: &'static [State],
    /// Task.status after; None: as it was
    pub status: Option<TaskStatus>,
    /// State after; None: as it was
    pub state: Option<State>,
    /// Reasons that lead to another state (and status) than the row's own
    pub by_reason: &'static [(Reason, State, Option<TaskStatus>)],
    /// Must a reason be given?
    pub reason: bool,
}

/// What a step leads to. A waiting list implies acceptance, so a step may pass through a position of its own version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransitionResult {
    /// A version to write before the last one, so that Task.status never makes a move that the guide does not draw
    pub through: Option<Position>,
    /// Where it ends
    pub to: Position,
}

/// Why a step is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Illegal {
    /// The event does not follow from where the referral stands
    Transition,
    /// It does, though not for this actor
    Actor(&'static [Actor]),
    /// It does, with a reason
    Reason,
}

use Event as E;
use Reason as R;
use State as S;
use TaskStatus as T;

const REQUESTER: Actor = Actor::Party(Party::Requester);
const OWNER: Actor = Actor::Party(Party::Owner);
const GATEWAY: Actor = Actor::Gateway;

const AGREED: &[TaskStatus] = &[T::Accepted, T::InProgress, T::OnHold];
const OPEN: &[TaskStatus] = &[T::Requested, T::Accepted, T::InProgress, T::OnHold];
/// States that wait for something else than the request.
const WAITING: &[State] = &[S::NeedsClientAction, S::Waitlisted, S::NoShow];
const WITHDRAWN: &[(Reason, State, Option<TaskStatus>)] = &[
    (R::Deceased, S::Deceased, None),
    (R::Moved, S::Moved, None),
    (R::Incarcerated, S::Incarcerated, None),
    (R::ClientDeclined, S::DeclinedByClient, None),
];
const DECLINED: &[(Reason, State, Option<TaskStatus>)] = &[
    (R::AtCapacity, S::NoCapacity, None),
    (R::FundingExhausted, S::NoCapacity, None),
    (R::Ineligible, S::Ineligible, None),
    (R::OutOfArea, S::Ineligible, None),
    (R::UnableToContact, S::UnableToContact, None),
    (R::Expired, S::Expired, None),
    // 7.2: who is not interested, gone or dead was not rejected by anybody.
    (R::ClientDeclined, S::DeclinedByClient, Some(T::Cancelled)),
    (R::Deceased, S::Deceased, Some(T::Cancelled)),
    (R::Moved, S::Moved, Some(T::Cancelled)),
    (R::Incarcerated, S::Incarcerated, Some(T::Cancelled)),
];
const FAILED: &[(Reason, State, Option<TaskStatus>)] = &[
    (R::AtCapacity, S::NoCapacity, None),
    (R::FundingExhausted, S::NoCapacity, None),
    (R::Ineligible, S::Ineligible, None),
    (R::OutOfArea, S::Ineligible, None),
    (R::UnableToContact, S::UnableToContact, None),
    (R::NoShow, S::NoShow, None),
    (R::Expired, S::Expired, None),
    (R::ClientDeclined, S::DeclinedByClient, Some(T::Cancelled)),
    (R::Deceased, S::Deceased, Some(T::Cancelled)),
    (R::Moved, S::Moved, Some(T::Cancelled)),
    (R::Incarcerated, S::Incarcerated, Some(T::Cancelled)),
];

const fn row(event: Event, by: &'static [Actor], from: &'static [TaskStatus]) -> Transition {
    Transition { event, by, from, within: &[], status: None, state: None, by_reason: &[], reason: false }
}

impl Transition {
    const fn to(mut self, status: TaskStatus, state: State) -> Self {
        self.status = Some(status);
        self.state = Some(state);
        self
    }

    const fn status(mut self, status: TaskStatus) -> Self {
        self.status = Some(status);
        self
    }

    const fn state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    const fn within(mut self, states: &'static [State]) -> Self {
        self.within = states;
        self
    }

    const fn because(mut self, by_reason: &'static [(Reason, State, Option<TaskStatus>)]) -> Self {
        self.by_reason = by_reason;
        self.reason = true;
        self
    }

    const fn reasoned(mut self) -> Self {
        self.reason = true;
        self
    }
}

/// The table. The first row that fits is taken.
pub const TABLE: &[Transition] = &[
    row(E::Send, &[REQUESTER], &[T::Draft]).to(T::Requested, S::Sent),
    row(E::Receive, &[OWNER], &[T::Requested]).within(&[S::Sent, S::Received]).state(S::Received),
    row(E::Review, &[OWNER], &[T::Requested]).state(S::InReview),
    row(E::Accept, &[OWNER], &[T::Requested]).to(T::Accepted, S::Accepted),
    row(E::Decline, &[OWNER], &[T::Requested]).to(T::Rejected, S::DeclinedByAgency).because(DECLINED),
    row(E::Waitlist, &[OWNER], OPEN).to(T::OnHold, S::Waitlisted),
    row(E::Schedule, &[OWNER], &[T::Accepted]).state(S::Scheduled),
    row(E::Schedule, &[OWNER], &[T::InProgress, T::OnHold]).to(T::InProgress, S::Scheduled),
    row(E::Reschedule, &[OWNER], &[T::Accepted]).within(&[S::Scheduled]).state(S::Scheduled),
    row(E::Reschedule, &[OWNER], &[T::InProgress, T::OnHold])
        .within(&[S::Scheduled, S::NoShow])
        .to(T::InProgress, S::Scheduled),
    row(E::NoShow, &[OWNER], AGREED).to(T::OnHold, S::NoShow),
    row(E::Enroll, &[OWNER], AGREED).to(T::InProgress, S::Enrolled),
    row(E::Start, &[OWNER], AGREED).to(T::InProgress, S::InService),
    row(E::Service, &[OWNER], AGREED).to(T::InProgress, S::InService),
    row(E::Hold, &[OWNER], &[T::Requested]).state(S::NeedsClientAction).reasoned(),
    row(E::Hold, &[OWNER], AGREED).to(T::OnHold, S::NeedsClientAction).reasoned(),
    row(E::Resume, &[OWNER], &[T::Requested]).within(&[S::NeedsClientAction]).state(S::InReview),
    row(E::Resume, &[OWNER], &[T::OnHold]).to(T::InProgress, S::InService),
    // The request was put on hold, and goes on: what the agency had come to stays so.
    row(E::Hold, &[GATEWAY], &[T::Requested]).reasoned(),
    row(E::Hold, &[GATEWAY], AGREED).status(T::OnHold).reasoned(),
    row(E::Resume, &[GATEWAY], &[T::Requested]),
    row(E::Resume, &[GATEWAY], &[T::OnHold]).within(WAITING),
    row(E::Resume, &[GATEWAY], &[T::OnHold]).status(T::InProgress),
    row(E::Complete, &[OWNER], AGREED).to(T::Completed, S::ServicesRendered),
    row(E::Fail, &[OWNER], AGREED).to(T::Failed, S::DeclinedByAgency).because(FAILED),
    row(E::Cancel, &[REQUESTER], &[T::Draft, T::Requested, T::Accepted, T::InProgress, T::OnHold])
        .to(T::Cancelled, S::Recalled),
    row(E::Cancel, &[OWNER], OPEN).to(T::Cancelled, S::DeclinedByAgency).because(WITHDRAWN),
    row(E::RequestCancel, &[REQUESTER], AGREED).state(S::CancellationRequested),
    row(E::ConfirmCancel, &[OWNER], AGREED).within(&[S::CancellationRequested]).to(T::Cancelled, S::Recalled),
    row(E::ReferElsewhere, &[OWNER], &[T::Requested]).to(T::Rejected, S::ReferredElsewhere),
    row(E::ReferElsewhere, &[OWNER], AGREED).to(T::Cancelled, S::ReferredElsewhere),
    row(E::Note, &[REQUESTER, OWNER], T::ALL),
    row(E::Correct, &[OWNER], &[T::Rejected]).to(T::Requested, S::InReview).reasoned(),
    row(E::Correct, &[OWNER], &[T::Completed, T::Failed]).to(T::InProgress, S::InService).reasoned(),
    row(E::Expire, &[GATEWAY], &[T::Requested]).to(T::Rejected, S::Expired),
    row(E::Expire, &[GATEWAY], AGREED).to(T::Failed, S::Expired),
    row(E::Forbid, &[GATEWAY], &[T::Requested]).to(T::Rejected, S::NotPermitted).reasoned(),
    row(E::Forbid, &[GATEWAY], AGREED).to(T::Cancelled, S::NotPermitted).reasoned(),
    // Before it is sent, and after it has ended, there is nowhere to go; what was shared ends all the same.
    row(E::Forbid, &[GATEWAY], &[T::Draft, T::Received, T::Ready]).reasoned(),
    row(E::Forbid, &[GATEWAY], &[T::Rejected, T::Cancelled, T::Failed, T::Completed, T::EnteredInError]).reasoned(),
    row(E::Void, &[REQUESTER], T::ALL).to(T::EnteredInError, S::EnteredInError),
];

/// Where `event`, raised by `by` for `reason`, leads from `from`.
///
/// # Errors
/// Why it leads nowhere.
pub fn step(
    from: Position,
    event: Event,
    by: impl Into<Actor>,
    reason: Option<Reason>,
    message: bool,
) -> Result<TransitionResult, Illegal> {
    let by = by.into();
    let fits = |row: &&Transition| {
        row.event == event
            && row.from.contains(&from.status)
            && (row.within.is_empty() || row.within.contains(&from.state))
    };
    let Some(first) = TABLE.iter().find(fits) else { return Err(Illegal::Transition) };
    let row = TABLE.iter().filter(fits).find(|row| row.by.contains(&by)).ok_or(Illegal::Actor(first.by))?;
    if row.reason && reason.is_none() && !message {
        return Err(Illegal::Reason);
    }
    let special = row.by_reason.iter().find(|(given, _, _)| Some(*given) == reason);
    let to = Position {
        status: special.and_then(|(_, _, status)| *status).or(row.status).unwrap_or(from.status),
        state: special.map(|(_, state, _)| *state).or(row.state).unwrap_or(from.state),
    };
    // requested -> on-hold is not drawn: a waiting list is for those who were accepted.
    let implied = from.status == T::Requested && to.status == T::OnHold;
    Ok(TransitionResult { through: implied.then_some(Position { status: T::Accepted, state: S::Accepted }), to })
}

impl State {
    /// The coded reasons that a referral stands here for, the usual one first.
    pub fn reasons(self) -> &'static [Reason] {
        match self {
            Self::NeedsClientAction => &[R::ClientAction],
            Self::Waitlisted => &[R::Waitlist],
            Self::Ineligible => &[R::Ineligible, R::OutOfArea],
            Self::NoCapacity => &[R::AtCapacity, R::FundingExhausted],
            Self::DeclinedByClient => &[R::ClientDeclined],
            Self::UnableToContact => &[R::UnableToContact],
            Self::NoShow => &[R::NoShow],
            Self::ReferredElsewhere => &[R::ReferredElsewhere],
            Self::Recalled => &[R::Withdrawn],
            Self::Expired => &[R::Expired],
            Self::Deceased => &[R::Deceased],
            Self::Moved => &[R::Moved],
            Self::Incarcerated => &[R::Incarcerated],
            Self::NotPermitted => &[R::ConsentDenied],
            _ => &[],
        }
    }

    /// Is it one that a completion leads to?
    pub fn is_completion(self) -> bool {
        matches!(self, Self::ServicesRendered | Self::NeedMet | Self::NeedPartiallyMet)
    }

    /// Can a referral end here? Who did not come may be asked again, or not.
    pub fn may_end(self) -> bool {
        !matches!(
            self,
            Self::Draft
                | Self::Sent
                | Self::Received
                | Self::InReview
                | Self::NeedsClientAction
                | Self::Eligible
                | Self::Accepted
                | Self::Waitlisted
                | Self::Scheduled
                | Self::Enrolled
                | Self::InService
                | Self::CancellationRequested
        )
    }
}

/// The event that leads from here to this state in one step, as an end where that is asked for, and the reason that it
/// takes: the one given, or the one that the state stands for. The first of the table is taken; an end is left by nothing
/// but a correction, which nobody implies.
pub fn event_towards(
    from: Position,
    to: State,
    end: bool,
    by: impl Into<Actor>,
    reason: Option<Reason>,
) -> Option<(Event, Option<Reason>)> {
    let by = by.into();
    let reason = reason.or(to.reasons().first().copied());
    // How far a need was met is said beside its completion.
    let goal = if matches!(to, S::NeedMet | S::NeedPartiallyMet) { S::ServicesRendered } else { to };
    let mut events = TABLE.iter().map(|row| row.event).filter(|event| !matches!(event, E::Note | E::Correct));
    let leads = |event: &Event| {
        let step = step(from, *event, by, reason, true);
        step.is_ok_and(|step| step.to.state == goal && (!end || step.to.status.is_terminal()))
    };
    events.find(leads).map(|event| (event, reason))
}

/// The events that `by` may raise from here, for messages and for pages.
pub fn possible_events(from: Position, by: impl Into<Actor>) -> Vec<Event> {
    let by = by.into();
    let mut events: Vec<Event> = Vec::new();
    for row in TABLE.iter().filter(|row| row.by.contains(&by) && row.from.contains(&from.status)) {
        if (row.within.is_empty() || row.within.contains(&from.state)) && !events.contains(&row.event) {
            events.push(row.event);
        }
    }
    events
}

/// The state that a Task.status means when nothing finer is said.
pub fn default_state(status: TaskStatus) -> State {
    match status {
        T::Draft => S::Draft,
        T::Requested | T::Ready => S::Sent,
        T::Received => S::Received,
        T::Accepted => S::Accepted,
        T::Rejected | T::Failed => S::DeclinedByAgency,
        T::Cancelled => S::Recalled,
        T::InProgress => S::InService,
        T::OnHold => S::NeedsClientAction,
        T::Completed => S::ServicesRendered,
        T::EnteredInError => S::EnteredInError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The diagram of the guide.
    fn is_in_diagram(from: TaskStatus, to: TaskStatus) -> bool {
        from == to
            || to == T::EnteredInError
            || match from {
                T::Draft => matches!(to, T::Requested | T::Cancelled),
                T::Requested => matches!(to, T::Accepted | T::Rejected | T::Cancelled),
                T::Accepted => matches!(to, T::InProgress | T::OnHold | T::Completed | T::Failed | T::Cancelled),
                T::InProgress => matches!(to, T::OnHold | T::Completed | T::Failed | T::Cancelled),
                T::OnHold => matches!(to, T::InProgress | T::Completed | T::Failed | T::Cancelled),
                _ => false,
            }
    }

    fn reasons() -> impl Iterator<Item = Option<Reason>> {
        Reason::ALL.iter().copied().map(Some).chain([None])
    }

    #[test]
    fn no_event_but_a_correction_leaves_the_diagram() {
        for (&status, &state) in T::ALL.iter().flat_map(|status| S::ALL.iter().map(move |state| (status, state))) {
            for (&event, by) in E::ALL.iter().flat_map(|event| [REQUESTER, OWNER, GATEWAY].map(|by| (event, by))) {
                for reason in reasons() {
                    let Ok(step) = step(Position { status, state }, event, by, reason, true) else { continue };
                    let mut at = status;
                    for next in step.through.iter().chain([&step.to]) {
                        assert!(event == E::Correct || is_in_diagram(at, next.status), "{event:?} {at:?} -> {next:?}");
                        at = next.status;
                    }
                    assert!(!matches!(at, T::Received | T::Ready) || at == status);
                }
            }
        }
    }

    #[test]
    fn says_who_and_why_not() {
        let sent = Position { status: T::Requested, state: S::Sent };
        assert_eq!(step(sent, E::Accept, REQUESTER, None, false), Err(Illegal::Actor(&[OWNER])));
        assert_eq!(step(sent, E::Complete, OWNER, None, false), Err(Illegal::Transition));
        assert_eq!(step(sent, E::Decline, OWNER, None, false), Err(Illegal::Reason));
        let full = step(sent, E::Decline, OWNER, Some(R::AtCapacity), false).unwrap();
        assert_eq!(full.to, Position { status: T::Rejected, state: S::NoCapacity });
        let waiting = step(sent, E::Waitlist, OWNER, None, false).unwrap();
        assert_eq!(waiting.through.map(|position| position.status), Some(T::Accepted));
        assert_eq!(waiting.to, Position { status: T::OnHold, state: S::Waitlisted });
    }

    #[test]
    fn one_event_leads_towards_a_state() {
        let sent = Position { status: T::Requested, state: S::Sent };
        let accepted = Position { status: T::Accepted, state: S::Accepted };
        let over = Position { status: T::Completed, state: S::NeedMet };
        assert_eq!(event_towards(sent, S::NoCapacity, false, OWNER, None), Some((E::Decline, Some(R::AtCapacity))));
        assert_eq!(
            event_towards(sent, S::NoCapacity, false, OWNER, Some(R::FundingExhausted)),
            Some((E::Decline, Some(R::FundingExhausted)))
        );
        assert_eq!(event_towards(accepted, S::NoCapacity, false, OWNER, None), Some((E::Fail, Some(R::AtCapacity))));
        assert_eq!(event_towards(accepted, S::NeedMet, false, OWNER, None), Some((E::Complete, None)));
        assert_eq!(event_towards(sent, S::NeedMet, false, OWNER, None), None, "what was not accepted is not completed");
        assert_eq!(event_towards(sent, S::Enrolled, false, OWNER, None), None, "that takes two events");
        let missed = Position { status: T::OnHold, state: S::NoShow };
        assert_eq!(event_towards(accepted, S::NoShow, false, OWNER, None), Some((E::NoShow, Some(R::NoShow))));
        assert_eq!(event_towards(missed, S::NoShow, true, OWNER, None), Some((E::Fail, Some(R::NoShow))));
        assert_eq!(event_towards(over, S::InService, false, OWNER, None), None, "an end is left by a correction alone");
        assert_eq!(event_towards(accepted, S::Recalled, false, OWNER, None), None, "that is the requester's");
    }

    #[test]
    fn every_code_reads_back() {
        assert!(S::ALL.iter().all(|state| S::from_code(state.code()) == Some(*state)));
        assert!(E::ALL.iter().all(|event| E::from_code(event.code()) == Some(*event)));
        assert!(R::ALL.iter().all(|reason| R::from_code(reason.code()) == Some(*reason)));
        assert!(E::ALL.iter().all(|event| TABLE.iter().any(|row| row.event == *event)));
    }
}
