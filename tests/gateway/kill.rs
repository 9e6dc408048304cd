//! Nothing that was accepted is lost, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use handoff::fhir::ResourceKey;
use handoff::store::sqlite::SqliteStore;
use handoff::store::{AuditLog, AuditQuery, audit_verify};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::closed_loop::task_of;
use crate::demo::{Client, Demo};
use crate::who_sees_what::transaction;

const POSTS: usize = 200;

async fn poll_once(agency: &Client, cursor: &str) -> Result<Value, reqwest::Error> {
    let path = format!("/agency/v1/referrals?since={cursor}&wait=1");
    agency.request(reqwest::Method::GET, &path).send().await?.error_for_status()?.json().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_survives_a_kill() {
    let mut demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let (_, cursor) = agency.poll_all(None).await;
    let (_, ehr_before) = (0, ehr.get("/fhir/Task?_count=1000").await.json());
    let before = ehr_before["entry"].as_array().map_or(0, Vec::len);

    let answered = Arc::new(AtomicUsize::new(0));
    let mut posts = JoinSet::new();
    for number in 0..POSTS {
        let (ehr, owner, answered) = (ehr.clone(), agency.organization.clone(), answered.clone());
        posts.spawn(async move {
            let request = ehr
                .request(reqwest::Method::POST, "/fhir")
                .header("Content-Type", "application/fhir+json")
                .body(transaction(Some(&owner), number).to_string());
            let answer = request.send().await.ok()?;
            let accepted = answer.status().is_success();
            let text = answer.text().await.ok()?;
            answered.fetch_add(1, Ordering::Relaxed);
            accepted.then(|| (number, task_of(&serde_json::from_str(&text).unwrap())))
        });
    }
    // A poller runs beside the posts and keeps its last cursor, as an agency's system would.
    let poller_client = agency.clone();
    let mut poller = tokio::spawn(async move {
        let mut polled: Vec<String> = Vec::new();
        let mut cursor = cursor;
        // Ends with the process that it polls.
        while let Ok(answer) = poll_once(&poller_client, &cursor).await {
            let records = answer["records"].as_array().unwrap();
            polled.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
            cursor = answer["cursor"].as_str().unwrap().to_owned();
        }
        (polled, cursor)
    });
    while answered.load(Ordering::Relaxed) < POSTS / 8 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    demo.kill();
    let (mut polled, cursor) = (&mut poller).await.unwrap();
    let mut accepted = BTreeMap::new();
    while let Some(result) = posts.join_next().await {
        accepted.extend(result.unwrap());
    }
    assert!(accepted.len() >= POSTS / 8, "the kill came before anything was accepted: {}", accepted.len());
    assert!(accepted.len() < POSTS, "the kill came after everything was accepted; it has to come in the middle");

    // What a change says of itself was committed with it, and the log is whole.
    let file = demo.folder.path().join("data/handoff.db");
    let store = SqliteStore::open_for_clients(&file).unwrap();
    assert_eq!(audit_verify::verify(&store, &[]).await.unwrap().findings, []);
    for task in accepted.values() {
        let query = AuditQuery { subject: Some(ResourceKey::new("Task", task.as_str())), ..AuditQuery::default() };
        let rows = store.audit_rows(&query).await.unwrap().rows;
        assert!(rows.iter().any(|row| row.entry.action == "disclosed"), "{task} {rows:?}");
    }
    drop(store);

    demo.start_again().await;
    let (records, _) = agency.poll_all(Some(cursor)).await;
    polled.extend(records.iter().map(|record| record["id"].as_str().unwrap().to_owned()));
    let unique: BTreeSet<&String> = polled.iter().collect();
    assert_eq!(unique.len(), polled.len(), "nothing is seen twice");
    for task in accepted.values() {
        assert!(unique.contains(task), "an accepted referral was missed");
        let history = ehr.get(&format!("/fhir/Task/{task}/_history")).await.expect(200);
        assert_eq!(history["entry"].as_array().unwrap().len(), 1);
    }
    let stored = ehr.get("/fhir/Task?_count=1000").await.expect(200);
    let mut numbers = BTreeMap::new();
    for entry in stored["entry"].as_array().unwrap() {
        if entry["resource"]["identifier"][0]["system"] == "urn:test:referral" {
            *numbers.entry(entry["resource"]["identifier"][0]["value"].as_str().unwrap().to_owned()).or_insert(0) += 1;
        }
    }
    assert!(numbers.values().all(|count| *count == 1), "each post made one Task or none: {numbers:?}");
    assert!(accepted.keys().all(|number| numbers.contains_key(&number.to_string())));
    assert!(stored["entry"].as_array().unwrap().len() >= before + accepted.len());
    assert_eq!(unique.len(), numbers.len(), "what is stored is what was polled, whole");
}
