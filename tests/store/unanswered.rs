//! Which referrals wait for an answer, and since when, is kept with each commit.

use handoff::referral::plan::Plan;
use handoff::referral::state::State;
use handoff::store::{Store, Unanswered};
use jiff::{SignedDuration, Timestamp};

use crate::backend::{Backend, on_every_backend};
use crate::referral::{noon, write};

on_every_backend! {
    a_referral_waits_from_when_it_came_until_it_is_answered,
}

/// A version of a Task that is sent to this program, so many hours after noon.
async fn task(
    store: &dyn Store,
    id: &str,
    version: u64,
    (status, state): (&str, &str),
    program: Option<&str>,
    hours: i64,
) {
    let program = program.map_or(String::new(), |id| {
        format!(
            r#","extension":[{{"url":"urn:handoff:fhir:StructureDefinition:program",
               "valueReference":{{"reference":"HealthcareService/{id}"}}}}]"#
        )
    });
    let body = format!(
        r#","status":"{status}","businessStatus":{{"coding":[{{"system":"urn:handoff:fhir:CodeSystem:referral-state",
           "code":"{state}"}}]}}{program}"#
    );
    let write = write(&format!("Task/{id}"), version, at(hours), &body);
    store.commit(Plan { writes: vec![write], ..Plan::default() }).await.unwrap();
}

fn at(hours: i64) -> Timestamp {
    noon() + SignedDuration::from_hours(hours)
}

/// What waits, as `state program referrals`, and how many hours after noon the oldest came.
async fn waiting(store: &dyn Store) -> Vec<(String, i64)> {
    let found = store.statistics().await.unwrap().unanswered;
    let told = |Unanswered { state, program, referrals, since }: Unanswered| {
        let program = program.as_deref().unwrap_or("-").to_owned();
        (format!("{} {program} {referrals}", state.code()), since.duration_since(noon()).as_hours())
    };
    found.into_iter().map(told).collect()
}

async fn a_referral_waits_from_when_it_came_until_it_is_answered(backend: Backend) {
    let store = backend.open();
    let store = store.as_ref();
    let (sent, received) = (("requested", State::Sent.code()), ("requested", State::Received.code()));
    task(store, "a", 1, sent, Some("pantry"), 0).await;
    task(store, "b", 1, sent, Some("pantry"), 1).await;
    task(store, "c", 1, sent, None, 2).await;
    assert_eq!(waiting(store).await, [("sent - 1".into(), 2), ("sent pantry 2".into(), 0)]);
    // That it was looked at is no answer; that it goes to another program begins anew there.
    task(store, "a", 2, received, Some("pantry"), 3).await;
    task(store, "c", 2, sent, Some("kitchen"), 4).await;
    let found = waiting(store).await;
    assert_eq!(found, [("received pantry 1".into(), 0), ("sent kitchen 1".into(), 4), ("sent pantry 1".into(), 1)]);
    task(store, "a", 3, ("accepted", "accepted"), Some("pantry"), 5).await;
    task(store, "b", 2, ("rejected", "no-capacity"), Some("pantry"), 6).await;
    assert_eq!(waiting(store).await, [("sent kitchen 1".into(), 4)]);
    task(store, "c", 3, ("cancelled", "cancelled"), Some("kitchen"), 7).await;
    assert_eq!(waiting(store).await, []);
}
