//! `POST /agency/v1/referrals/{id}/events`: something happened to a referral (`accept`, `decline`, `complete`, ...), and
//! `GET /agency/v1/events`: which events there are, who raises them, from where they lead where.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::{Value, json};

use crate::referral::Party;
use crate::referral::reason::Reason;
use crate::referral::state::{Actor, Event, State as ReferralState, TABLE, TaskStatus, Transition};
use crate::security::Caller;

use super::record_reply::versioned;
use crate::server::app_state::AppState;
use crate::server::body::Json;
use crate::server::condition;
use crate::server::reply::{self, Answer};

/// Raises an event; answers the record as it then stands.
pub(crate) async fn raise_event(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(document): Json,
) -> Answer {
    let conditions = condition::preconditions(&headers)?;
    let key = condition::idempotency_key(&headers)?;
    let record = app_state.exchange.raise_event(&caller, &id, &document, conditions, key).await?;
    Ok(versioned(record))
}

/// The events, as the state machine has them, and the coded reasons.
pub(crate) async fn codes(_: Caller) -> Response {
    let events: Vec<Value> = Event::ALL.iter().map(|event| describe(*event)).collect();
    let reasons: Vec<Value> =
        Reason::ALL.iter().map(|reason| json!({"code": reason.code(), "text": reason.text()})).collect();
    reply::json(&json!({ "events": events, "reasons": reasons }))
}

fn describe(event: Event) -> Value {
    let moves: Vec<Value> = TABLE.iter().filter(|row| row.event == event).map(describe_transition).collect();
    json!({ "event": event.code(), "moves": moves })
}

/// One row of the table. An absent `within` means any state; an absent `to` member, that it stays as it was.
fn describe_transition(row: &Transition) -> Value {
    let statuses: Vec<&str> = row.from.iter().map(|status| status.code()).collect();
    let mut value = json!({ "by": row.by.iter().map(|by| actor(*by)).collect::<Vec<_>>(), "from": statuses });
    if !row.within.is_empty() {
        value["within"] = row.within.iter().map(|state| state.code()).collect();
    }
    value["to"] = describe_target(row.status, row.state);
    value["reason"] = json!(if row.reason { "required" } else { "optional" });
    if !row.by_reason.is_empty() {
        let leads = row.by_reason.iter().map(|(reason, state, status)| {
            json!({ "reason": reason.code(), "to": describe_target(status.or(row.status), Some(*state)) })
        });
        value["byReason"] = leads.collect();
    }
    value
}

fn describe_target(status: Option<TaskStatus>, state: Option<ReferralState>) -> Value {
    let mut value = json!({});
    if let Some(status) = status {
        value["status"] = json!(status.code());
    }
    if let Some(state) = state {
        value["state"] = json!(state.code());
    }
    value
}

fn actor(actor: Actor) -> &'static str {
    match actor {
        Actor::Party(Party::Owner) => "agency",
        Actor::Party(party) => party.code(),
        Actor::Gateway => "gateway",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn describes_a_decline() {
        let value = describe(Event::Decline);
        let first = &value["moves"][0];
        assert_eq!((&value["event"], &first["reason"]), (&json!("decline"), &json!("required")));
        assert!(first["by"].as_array().unwrap().contains(&json!("agency")));
        assert!(
            first["byReason"]
                .as_array()
                .unwrap()
                .contains(&json!({"reason": "at-capacity", "to": {"status": "rejected", "state": "no-capacity"}}))
        );
    }

    #[test]
    fn no_event_is_without_a_move() {
        assert!(Event::ALL.iter().all(|event| describe(*event)["moves"] != json!([])));
    }
}
