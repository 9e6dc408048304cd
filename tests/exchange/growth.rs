//! What a step costs does not grow with what was before it: counted in the steps of the database, which are the same for the
//! same rows whatever machine runs them.

use handoff::fhir::{Document, Preconditions, ResourceKey};
use handoff::referral::{Scope, TaskStatus};
use handoff::store::Resources;
use serde_json::{Value, json};

use crate::world::{World, agency};

/// Raises an event of the agency; gives how many steps that took.
async fn raise(world: &World, task: &str, event: Value) -> u64 {
    let before = world.store.statement_counts().steps;
    let event = Document::from_value(&event).unwrap();
    let id = task.trim_start_matches("Task/");
    let raised = world.exchange.raise_event(&agency(), id, &event, Preconditions::default(), None).await;
    raised.unwrap_or_else(|error| panic!("{error}"));
    world.store.statement_counts().steps - before
}

/// A note, an answer and a list cost the same, however many notes there were before.
#[tokio::test]
async fn an_event_costs_the_same_behind_many_others() {
    let world = World::new().await;
    let [.., task] = world.send(json!({})).await;
    raise(&world, &task, json!({ "event": "accept" })).await;
    let mut costs = Vec::new();
    let mut notes = 0;
    for count in [20, 40, 80] {
        while notes < count {
            raise(&world, &task, json!({ "event": "note", "note": "called" })).await;
            notes += 1;
        }
        // What is remembered of reads is written now and then, and counted with what it falls into.
        let mut least = (u64::MAX, u64::MAX);
        for _ in 0..2 {
            let event = raise(&world, &task, json!({ "event": "note", "note": "called again" })).await;
            notes += 1;
            let before = world.store.statement_counts().steps;
            world.exchange.record(&agency(), task.trim_start_matches("Task/")).await.unwrap();
            let record = world.store.statement_counts().steps - before;
            least = (least.0.min(event), least.1.min(record));
        }
        costs.push(least);
    }
    println!("steps of a note and of a record behind 20, 40 and 80 notes: {costs:?}");
    let (event, record) = costs[0];
    assert!(costs.iter().all(|cost| cost.0 <= event + 50 && cost.1 <= record + 20), "{costs:?}");
    // Each of them is a version, and none is a step of the history.
    let key = ResourceKey::parse(&task).unwrap();
    let stored = world.store.referral(&Scope::Gateway, &key, true).await.unwrap().unwrap();
    assert!(stored.graph.only_task().unwrap().version > 80);
    assert_eq!(stored.graph.history().steps.len(), 2, "sent, and accepted");
}

/// Steps of the history cost a row each, and none of what stands in the Task besides.
#[tokio::test]
async fn a_history_of_many_steps_is_read_without_what_the_versions_hold() {
    let world = World::new().await;
    let [.., task] = world.send(json!({})).await;
    raise(&world, &task, json!({ "event": "accept" })).await;
    let note = "w".repeat(1000);
    for number in 0..15 {
        let reason = json!({ "code": "request-on-hold", "text": "closed" });
        raise(&world, &task, json!({ "event": "hold", "reason": reason, "note": format!("{number} {note}") })).await;
        raise(&world, &task, json!({ "event": "resume" })).await;
    }
    let key = ResourceKey::parse(&task).unwrap();
    let stored = world.store.referral(&Scope::Gateway, &key, true).await.unwrap().unwrap();
    let steps = &stored.graph.history().steps;
    assert_eq!(steps.len(), 31);
    let bytes: usize = steps.iter().map(|step| step.node().text().len()).sum();
    let newest = stored.graph.only_task().unwrap().node().text().len();
    assert!(newest > 15_000 && bytes < 31 * 1500, "{newest} {bytes}");
    let record = world.exchange.record(&agency(), &key.id).await.unwrap();
    assert_eq!(record.value().unwrap()["referral"]["history"].as_array().unwrap().len(), 32);
    assert!(record.remarks.is_empty());
}

/// A history of more than a record tells says so, in the record's answer and in the list.
#[tokio::test]
async fn a_history_that_is_cut_says_so() {
    let world = World::new().await;
    let [.., task] = world.send(json!({})).await;
    let key = ResourceKey::parse(&task).unwrap();
    let text = "w".repeat(400_000);
    for number in 0..44 {
        let status = if number % 2 == 0 { TaskStatus::OnHold } else { TaskStatus::InProgress };
        world
            .put_raw(&task, json!({ "status": status.code(), "statusReason": { "text": format!("{number} {text}") } }))
            .await;
    }
    let record = world.exchange.record(&agency(), &key.id).await.unwrap();
    let told = record.value().unwrap()["referral"]["history"].as_array().unwrap().len();
    assert!((30..44).contains(&told), "{told}");
    let remarks: Vec<&Value> = record.remarks.iter().collect();
    assert_eq!(remarks[0]["path"], "referral.history", "{remarks:?}");
    assert!(remarks[0]["fix"].as_str().unwrap().contains(&format!("{key}/_history")), "{remarks:?}");
    let listed = world.exchange.poll(&agency(), None, 10, std::time::Duration::ZERO).await.unwrap().records;
    assert_eq!(listed[0].remarks, record.remarks);
}
