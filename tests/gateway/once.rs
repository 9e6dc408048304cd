//! Conditional creates of the same people through two gateways at once: each person is made once, and everybody is told which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::demo::send;
use crate::postgres::server;
use crate::scale::scaled;
use crate::several::Gateways;

/// How many people there are; each is sent by so many at once.
const PEOPLE: u32 = 200;
const SENDERS: usize = 5;
/// How many requests are under way at a time.
const MAX_AT_ONCE: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_who_are_sent_through_both_gateways_at_once_are_made_once() {
    let Some(server) = server() else { return };
    // Half of them shows as much, in half the time.
    let people = scaled(PEOPLE).max(PEOPLE / 2) as usize;
    let gateways = Gateways::start(2, server).await;
    let ehr = gateways.of_role("ehr", 0);
    let before =
        gateways.database.sql("SELECT resources FROM kind WHERE name = 'Patient'").trim().parse::<usize>().unwrap();
    let turns = Arc::new(Semaphore::new(MAX_AT_ONCE));
    let mut creates = JoinSet::new();
    for number in 0..people * SENDERS {
        let (person, turns) = (number / SENDERS, turns.clone());
        // Neighbours, so that those of one person race, at both gateways.
        let client = ehr[number % ehr.len()].clone();
        let body = json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:test:person", "value": person.to_string() }] });
        creates.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            let request = client.request(Method::POST, "/fhir/Patient").header("content-type", "application/fhir+json");
            let condition = format!("identifier=urn:test:person|{person}");
            let answer = send(request.header("if-none-exist", condition).body(body.to_string())).await;
            let status = answer.status.as_u16();
            assert!(status == 200 || status == 201, "{status} {}", answer.text);
            let location = answer.location.unwrap();
            let id = location.split("/Patient/").nth(1).unwrap().split('/').next().unwrap().to_owned();
            (person, status, id)
        });
    }
    let mut told: BTreeMap<usize, (usize, BTreeSet<String>)> = BTreeMap::new();
    while let Some(create) = creates.join_next().await {
        let (person, status, id) = create.unwrap();
        let (made, ids) = told.entry(person).or_default();
        *made += usize::from(status == 201);
        ids.insert(id);
    }
    assert_eq!(told.len(), people);
    for (person, (made, ids)) in &told {
        assert_eq!((*made, ids.len()), (1, 1), "person {person} is {ids:?}");
    }
    let after =
        gateways.database.sql("SELECT resources FROM kind WHERE name = 'Patient'").trim().parse::<usize>().unwrap();
    assert_eq!(after - before, people);
    // And as many are found, at either.
    for client in &ehr {
        let found = client.get("/fhir/Patient?identifier=urn:test:person|&_summary=count").await.expect(200);
        assert_eq!(found["total"].as_u64().map_or(Value::Null, Value::from), json!(people));
    }
}
