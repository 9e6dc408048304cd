//! Where a referral stands before a change, as what the caller acts on it, and where an event leads from there; with the
//! words for a move that is refused.

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::referral::Party;
use crate::referral::claim::Claim;
use crate::referral::plan::{SharedWith, Sharing};
use crate::referral::state::{self, Actor, Event, Illegal, Position, TransitionResult};
use crate::referral::task_edits::StatusReason;

/// Where a referral stands before a change, and who takes part in it.
#[derive(Debug)]
pub(super) struct ReferralContext {
    /// Where it stands
    pub(super) position: Position,
    /// As what the caller acts on it
    pub(super) parties: Vec<Party>,
    /// Everybody who takes part now, and what they see
    pub(super) sharing: Sharing,
}

impl ReferralContext {
    /// Id of the organization that owns it.
    pub(super) fn owner(&self) -> Option<&str> {
        owner_among(&self.sharing.parties)
    }

    /// Where the event leads from here, for a party of the caller that may raise it.
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
}

/// Id of the organization that owns a referral which is shared with these.
pub(super) fn owner_among(parties: &[SharedWith]) -> Option<&str> {
    parties.iter().find(|with| with.party == Party::Owner).map(|with| with.organization.as_str())
}

/// The event does not follow from here.
pub(super) fn illegal(from: Position, event: Event, parties: &[Party]) -> Error {
    let text = format!("{} is not possible from here: {}", event.code(), describe_position(from, parties));
    Error::refused(Key::IllegalMove, "event", text)
}

/// No event leads to what a Task claims.
pub(super) fn no_matching_event(from: Position, to: Claim, parties: &[Party]) -> Error {
    let (name, code) = match to.state {
        Some(state) => ("businessStatus", state.code()),
        None => ("status", to.status.code()),
    };
    let text = format!("Task.{name} cannot become {code} from here: {}", describe_position(from, parties));
    Error::refused(Key::IllegalMove, "event", text)
}

/// What a Task says of where the referral stands is not where the move leads that it means.
pub(super) fn contradicted(event: Event, to: Position, said: Claim) -> Error {
    let state = said.state.map(|state| format!(" and Task.businessStatus {}", state.code())).unwrap_or_default();
    let text = format!(
        "{} leads to {} (Task.status {}), and what is written is Task.status {}{state}",
        event.code(),
        to.state.code(),
        to.status.code(),
        said.status.code()
    );
    let hint = "write where the event leads, or leave our code out of businessStatus";
    Error::unprocessable(vec![Issue::error(Key::IllegalMove, "event", text).hint(hint)])
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
