//! Polls that go on, whatever there is to tell.

use std::time::Duration;

use handoff::error::Category;
use serde_json::{Value, json};

use crate::world::{World, agency};

async fn poll(world: &World, since: Option<&str>) -> (Vec<Value>, String) {
    let polled = world.exchange.poll(&agency(), since, 100, Duration::ZERO).await.unwrap();
    let records = polled.records.iter().map(|record| serde_json::from_str(&record.json).unwrap());
    (records.collect(), polled.cursor)
}

#[tokio::test]
async fn a_referral_that_cannot_be_read_keeps_no_other_one_back() {
    let world = World::new().await;
    let [_, _, _, broken] = world.send(json!({})).await;
    let [_, _, _, whole] = world.send(json!({})).await;
    world.put_raw(&broken, json!({ "focus": { "reference": "ServiceRequest/nowhere" } })).await;
    let (records, cursor) = poll(&world, None).await;
    let of = |task: &str| {
        let id = task.trim_start_matches("Task/");
        records.iter().find(|record| record.to_string().contains(id)).unwrap_or_else(|| panic!("{task}"))
    };
    assert_eq!(of(&broken)["unreadable"]["key"], "reference-dangling", "{records:#?}");
    assert_eq!(of(&whole)["referral"]["state"], "sent");
    assert_eq!(poll(&world, Some(&cursor)).await.0.len(), 0, "the cursor goes on");
}

#[tokio::test]
async fn a_cursor_is_taken_as_soon_as_there_is_what_it_stands_for() {
    let world = World::new().await;
    world.send(json!({})).await;
    let (_, cursor) = poll(&world, None).await;
    let (store, seq) = cursor.rsplit_once('.').unwrap();
    let seq: u64 = seq.parse().unwrap();
    // Something newer that does not concern the agency: what it stands for is read, and nothing is announced to it.
    world.create(&crate::world::ehr(), &json!({ "resourceType": "Patient" })).await;
    let ahead = world.exchange.poll(&agency(), Some(&format!("{store}.{}", seq + 1)), 100, Duration::ZERO).await;
    assert!(ahead.is_ok(), "{ahead:?}");
    let unknown = world.exchange.poll(&agency(), Some(&format!("{store}.{}", seq + 9)), 100, Duration::ZERO).await;
    assert_eq!(unknown.unwrap_err().category, Category::Incorrect);
}
