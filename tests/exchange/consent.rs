//! Consent that ends, wherever the referral stands and in whatever way it ends: nothing newer reaches the agency.

use std::time::Duration;

use handoff::fhir::{Key, ResourceKey};
use handoff::referral::plan::Plan;
use handoff::referral::state::{self, Actor, Event, Position, State, TaskStatus};
use handoff::store::Resources;
use serde_json::{Value, json};

use crate::scale;
use crate::world::{World, agency, ehr, permit, write};

/// How many older Consents of the person permit the disclosure: none, a page, and what was behind it.
const OLDER: [usize; 4] = [0, 49, 50, 200];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Rejected,
    Inactive,
    EnteredInError,
    NewerDenial,
    PeriodOver,
}

const WAYS: [Way; 5] = [Way::Rejected, Way::Inactive, Way::EnteredInError, Way::NewerDenial, Way::PeriodOver];

/// The statuses under which a state occurs, as our own code system says.
fn positions() -> Vec<Position> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/handoff/CodeSystem-referral-state.json");
    let system: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut positions = Vec::new();
    for concept in system["concept"].as_array().unwrap() {
        let state = State::from_code(concept["code"].as_str().unwrap()).unwrap();
        for property in concept["property"].as_array().unwrap() {
            let status = TaskStatus::from_code(property["valueCode"].as_str().unwrap()).unwrap();
            positions.push(Position { status, state });
        }
    }
    positions
}

#[tokio::test]
async fn consent_that_ends_is_heard_wherever_the_referral_stands() {
    let positions = positions();
    for state in State::ALL {
        assert!(positions.iter().any(|position| position.state == *state), "{state:?}");
    }
    // Every count where there is time; one after the other where there is not.
    let counts = scale::scaled(200) as usize * OLDER.len() / 200;
    for (number, position) in positions.into_iter().enumerate() {
        for (way_number, way) in WAYS.into_iter().enumerate() {
            for count in 0..counts.max(1) {
                ends(position, way, OLDER[(number + way_number + count) % OLDER.len()]).await;
            }
        }
    }
}

/// Withdraws the consent of a referral that stands there, and looks whether anything newer reaches the agency.
async fn ends(position: Position, way: Way, older: usize) {
    let what = format!("{position:?} {way:?} with {older} older");
    let world = World::new().await;
    let provision = match way {
        Way::PeriodOver => json!({ "type": "permit", "period": { "start": "2026-10-01", "end": "2026-11-30" } }),
        _ => json!({ "type": "permit" }),
    };
    let [person, consent, request, task] = world.send(json!({ "provision": provision })).await;
    permits(&world, &person, older, way).await;
    if position.status != TaskStatus::Requested || position.state != State::Sent {
        let coding = json!({ "system": state::SYSTEM, "code": position.state.code() });
        let status = position.status.code();
        world.put_raw(&task, json!({ "status": status, "businessStatus": { "coding": [coding] } })).await;
    }
    let before = world.read(&agency(), &task).await.unwrap_or_else(|| panic!("{what}"));
    let cursor = world.exchange.poll(&agency(), None, 100, Duration::ZERO).await.unwrap().cursor;

    let secret = json!({ "gender": "other", "birthDate": "1971-03-03" });
    let withdrawn = match way {
        Way::Rejected => world.change(&ehr(), &consent, json!({ "status": "rejected" })).await.unwrap(),
        Way::Inactive => world.change(&ehr(), &consent, json!({ "status": "inactive" })).await.unwrap(),
        Way::EnteredInError => world.change(&ehr(), &consent, json!({ "status": "entered-in-error" })).await.unwrap(),
        Way::NewerDenial => {
            let mut denial = permit(&person, "2026-11-20");
            denial["provision"]["type"] = json!("deny");
            world.create(&ehr(), &denial).await.1
        }
        Way::PeriodOver => {
            world.set_clock("2026-12-02T10:00:00Z");
            world.change(&ehr(), &person, secret.clone()).await.unwrap()
        }
    };
    if way != Way::PeriodOver {
        world.change(&ehr(), &person, secret).await.unwrap();
    }
    world.change(&ehr(), &request, json!({ "note": [{ "text": "a secret" }] })).await.unwrap();

    // What was over before has ended by itself.
    let over = position.status.is_terminal() && position.status != TaskStatus::Completed;
    let has_ended = withdrawn.issues.iter().any(|issue| issue.key == Key::PartEnded);
    assert_eq!(has_ended, !over, "whoever withdrew it is told: {what}");
    for address in [&person, &request, &task, &consent] {
        let shown = world.read(&agency(), address).await.map(|resource| resource.to_string()).unwrap_or_default();
        assert!(!shown.contains("1971-03-03") && !shown.contains("a secret"), "{address} {what}");
        let shown = world.exchange.history(&agency(), &ResourceKey::parse(address).unwrap(), 100).await;
        let shown = shown.unwrap_or_default().found.iter().any(|one| one.document.text().contains("1971-03-03"));
        assert!(!shown, "{address} {what}");
    }
    let version = |task: &Value| task["meta"]["versionId"].as_str().unwrap().to_owned();
    let now = world.read(&agency(), &task).await;
    assert!(now.as_ref().is_none_or(|now| version(now) == version(&before)), "{what}");
    assert_eq!(now.is_some(), had_accepted(position) || position.status.is_terminal(), "{what}");
    let found = world.exchange.search(&agency(), "Task", &[]).await.unwrap();
    assert_eq!(found.matches.len(), 0, "{what}");
    let told = world.exchange.poll(&agency(), Some(&cursor), 100, Duration::ZERO).await.unwrap().records;
    let told: Vec<&str> = told.iter().map(|record| record.json.as_str()).collect();
    assert!(told.iter().all(|record| record.contains("\"withdrawn\":true")), "{told:?} {what}");
    assert_eq!(told.len(), usize::from(!over), "{what}");

    // The state follows the table, and there is a row for each.
    let expected = state::step(position, Event::Forbid, Actor::Gateway, None, true)
        .unwrap_or_else(|why| panic!("{why:?} {what}"))
        .to;
    let stored = world.stored(&task).await;
    assert_eq!(handoff::referral::task::position(stored.document.root()), Some(expected), "{what}");
}

fn had_accepted(position: Position) -> bool {
    matches!(
        position.status,
        TaskStatus::Accepted | TaskStatus::InProgress | TaskStatus::OnHold | TaskStatus::Completed
    )
}

/// So many older Consents that end in the same way: a permit beside it would go on permitting.
async fn permits(world: &World, person: &str, count: usize, way: Way) {
    let mut writes = Vec::new();
    for number in 0..count {
        let mut consent = permit(person, "2026-01-01");
        match way {
            // A refusal outdoes older permits.
            Way::Rejected | Way::NewerDenial => {}
            Way::Inactive | Way::EnteredInError => consent["status"] = json!("inactive"),
            Way::PeriodOver => consent["provision"]["period"] = json!({ "end": "2026-02-01" }),
        }
        let key = ResourceKey::new("Consent", format!("older-{number}"));
        let at = "2026-11-21T10:00:00Z".parse().unwrap();
        writes.push(write(&key, 1, &consent, Some(crate::world::HOSPITAL), at));
    }
    if !writes.is_empty() {
        world.store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
    }
}
