//! What happened to a referral, as each of its parties is told it.

use handoff::fhir::{Document, Preconditions};
use handoff::security::Role;
use serde_json::{Value, json};

use crate::world::{AGENCY, HOSPITAL, World, agency, caller, ehr};

async fn raise(world: &World, task: &str, event: Value) {
    let document = Document::from_value(&event).unwrap();
    let id = task.trim_start_matches("Task/");
    world.exchange.raise_event(&agency(), id, &document, Preconditions::default(), None).await.unwrap();
}

/// The entries as lines: `what by door: text (state)`.
fn lines(timeline: &Value) -> Vec<String> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let (by, door) = (text(entry, "by").replace("Organization/", ""), text(entry, "door"));
        let state = entry["state"].as_str().map(|state| format!(" ({state})")).unwrap_or_default();
        format!("{} by {by} {door}: {}{state}", text(entry, "what"), text(entry, "text"))
    };
    timeline["entries"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn each_party_is_told_what_concerns_it() {
    let world = World::new().await;
    let [_, consent, _, task] = world.send(json!({})).await;
    raise(&world, &task, json!({ "event": "accept" })).await;
    raise(&world, &task, json!({ "event": "waitlist" })).await;
    world.change(&ehr(), &consent, json!({ "status": "rejected" })).await.unwrap();
    let id = task.trim_start_matches("Task/");

    let told = world.exchange.timeline(&ehr(), id).await.unwrap();
    let found = lines(&told);
    for line in [
        format!("consent by {HOSPITAL} : consent was asked for Organization/{AGENCY}: permitted"),
        format!("delivered by {HOSPITAL} fhir: the referral was sent (sent)"),
        format!("disclosed by {HOSPITAL} : Organization/{AGENCY} sees the referral from now on (as owner)"),
        format!("moved by {AGENCY} event: the event accept (accepted)"),
        format!("moved by {AGENCY} event: the event waitlist (waitlisted)"),
        format!("forbidden by {HOSPITAL} : consent does not permit the disclosure (not-permitted)"),
        format!(
            "withdrawn by {HOSPITAL} : Organization/{AGENCY} sees nothing newer of the referral from now on (as owner)"
        ),
    ] {
        assert!(found.contains(&line), "{line}\n{found:#?}");
    }
    let route = told["entries"].as_array().unwrap().iter().find(|entry| entry["what"] == "delivered").unwrap();
    assert_eq!(route["route"]["reasons"][0], "owner-named", "{route}");
    assert!(route["route"]["candidates"][0]["program"].as_str().unwrap().starts_with("HealthcareService/"), "{route}");
    let forbidden = told["entries"].as_array().unwrap().iter().find(|entry| entry["what"] == "forbidden").unwrap();
    assert_eq!(forbidden["reason"]["code"], "consent-denied");

    let told = world.exchange.timeline(&agency(), id).await.unwrap();
    let found = lines(&told);
    assert!(found.contains(&format!("moved by {AGENCY} event: the event accept (accepted)")), "{found:#?}");
    assert!(found.iter().any(|line| line.starts_with("withdrawn")), "{found:#?}");
    assert!(told["entries"].as_array().unwrap().iter().all(|entry| entry.get("route").is_none()), "{told}");
    for other in [caller(Role::Agency, "lantern-housing"), caller(Role::Ehr, "tarnside-clinic")] {
        assert!(world.exchange.timeline(&other, id).await.is_err());
    }
}

#[tokio::test]
async fn an_agency_is_not_told_of_another_one() {
    let world = World::new().await;
    let [_, _, _, task] = world.send(json!({})).await;
    raise(&world, &task, json!({ "event": "note", "note": "ours alone" })).await;
    let owner = json!({ "reference": "Organization/lantern-housing" });
    world.change(&ehr(), &task, json!({ "owner": owner })).await.unwrap();
    let told =
        world.exchange.timeline(&caller(Role::Agency, "lantern-housing"), task.trim_start_matches("Task/")).await;
    let told = told.unwrap().to_string();
    assert!(!told.contains(AGENCY) && told.contains("lantern-housing"), "{told}");
}

#[tokio::test]
async fn whoever_sends_is_told_why_it_goes_there() {
    let world = World::new().await;
    let [person, _, request, _] = world.send(json!({})).await;
    let task = crate::world::task(&person, &request, handoff::referral::TaskStatus::Requested);
    let (_, outcome) = world.create(&ehr(), &task).await;
    let routed = outcome.issues.iter().find(|issue| issue.key == handoff::fhir::Key::Routed).unwrap();
    assert!(routed.text.starts_with("the Task names this organization as its owner"), "{}", routed.text);
}
