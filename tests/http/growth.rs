//! What is written again and again does not grow without end: refusals, keys, versions.

use std::sync::Arc;
use std::time::Duration;

use handoff::exchange::SetClock;
use handoff::store::sqlite::SqliteStore;
use handoff::store::{AuditLog, AuditQuery};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Client, Gateway, NOW, send};
use crate::referral::{draft, key_of, sent, task_of, transaction};

/// The same refusals many times are two rows each: the first, and how many more there were. What was refused once in between
/// has its own.
#[tokio::test]
async fn the_same_refusal_again_is_counted() {
    const TIMES: usize = 60;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let mut gateway = Gateway::with(|settings| settings.store = file.clone().into()).await;
    let task = sent(&gateway, 1).await;
    let bytes = |file: &std::path::Path| -> i64 {
        let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        rusqlite::Connection::open(file).unwrap().query_row(pages, [], |row| row.get(0)).unwrap()
    };
    let mut bad = transaction(2);
    bad["entry"][2]["resource"]["status"] = json!("requsted");
    let before = bytes(&file);
    for _ in 0..TIMES {
        assert_eq!(gateway.ehr.post("/fhir", &bad).await.status, 422);
        assert_eq!(gateway.other_agency.get(&format!("/fhir/Task/{task}")).await.status, 404);
        assert_eq!(gateway.ehr.get("/metrics").await.status, 403);
    }
    assert_eq!(gateway.other_agency.get("/fhir/Task/made-up").await.status, 404);
    assert!(bytes(&file) - before < 64 * 1024, "the database grows by what it refuses");
    let auditor_sees = gateway.auditor.get("/fhir/AuditEvent?outcome=4").await.expect(200);
    assert!(auditor_sees["entry"].as_array().is_some_and(|rows| rows.len() >= 3), "the first is there at once");
    gateway.ask_to_stop();
    gateway.stopped().await;
    drop(gateway);
    let store = SqliteStore::open_for_clients(&file).unwrap();
    let query = AuditQuery {
        actions: ["refused", "read", "rejected"].map(str::to_owned).to_vec(),
        outcome: Some(handoff::referral::plan::AuditOutcome::Refused),
        limit: 1000,
        ..AuditQuery::default()
    };
    let rows = store.audit_rows(&query).await.unwrap().rows;
    let of = |action: &str| -> Vec<(Option<String>, &str)> {
        let rows = rows.iter().filter(|row| row.entry.action == action);
        rows.map(|row| (row.entry.subject.as_ref().map(ToString::to_string), row.entry.detail.as_str())).collect()
    };
    let more = |detail: &str| format!("{detail}; {} more", TIMES - 1);
    for (action, subject) in [("refused", None), ("rejected", None), ("read", Some(format!("Task/{task}")))] {
        let found: Vec<&str> = of(action).iter().filter(|(of, _)| *of == subject).map(|(_, detail)| *detail).collect();
        assert_eq!(found, [found[0], &more(found[0])], "{action}");
    }
    assert_eq!(of("read").iter().filter(|(subject, _)| subject.is_none()).count(), 1, "{:?}", of("read"));
    assert_eq!(handoff::store::audit_verify::verify(&store, &[]).await.unwrap().findings, []);
}

async fn accept(agency: &Client, task: &str, key: &str) -> (u16, Value) {
    let event =
        agency.with_body(Method::POST, &format!("/agency/v1/referrals/{task}/events"), &json!({ "event": "accept" }));
    let answer = send(event.header("idempotency-key", key)).await;
    (answer.status, answer.json())
}

/// A month later, what is kept for ten days is gone, by itself; what is kept is as it was.
#[tokio::test]
async fn keys_and_old_versions_go_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let now: Timestamp = NOW.parse().unwrap();
    let (task, person, draft_task) = {
        let mut gateway = Gateway::at(&file, Arc::new(SetClock::at(now)), |_| {}).await;
        let made = gateway.ehr.post("/fhir", &transaction(1)).await.expect(200);
        let (task, person) = (task_of(&made), key_of(&made, "Patient"));
        for city in ["Springfield", "Shelbyville"] {
            let mut read = gateway.ehr.get(&format!("/fhir/{person}")).await.expect(200);
            read["address"] = json!([{ "city": city }]);
            send(gateway.ehr.with_body(Method::PUT, &format!("/fhir/{person}"), &read)).await.expect(200);
        }
        assert_eq!(accept(&gateway.agency, &task, "once").await.0, 200);
        let other = gateway.ehr.post("/fhir/Task", &draft(1)).await.expect(201)["id"].as_str().unwrap().to_owned();
        gateway.ask_to_stop();
        gateway.stopped().await;
        (task, person, other)
    };
    let a_month_later = Arc::new(SetClock::at(now + SignedDuration::from_hours(30 * 24)));
    let gateway = Gateway::at(&file, a_month_later, |settings| {
        (settings.version_days, settings.idempotency_days) = (Some(10), 10);
    })
    .await;
    let gone = async || gateway.ehr.get(&format!("/fhir/{person}/_history/1")).await;
    for _ in 0..200 {
        if gone().await.status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let first = gone().await;
    assert_eq!((first.status, first.rules()), (404, vec!["version-removed".to_owned()]), "{}", first.text);
    assert!(first.text.contains("not kept any longer"), "{}", first.text);
    let newest = gateway.ehr.get(&format!("/fhir/{person}")).await.expect(200);
    assert_eq!(newest["address"][0]["city"], "Shelbyville");
    let history = gateway.ehr.get(&format!("/fhir/{person}/_history")).await.expect(200);
    let versions: Vec<&Value> =
        history["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["meta"]["versionId"]).collect();
    assert_eq!((versions, history.get("total")), (vec![&json!("3")], None), "how many there were is not told");
    gateway.ehr.get(&format!("/fhir/Task/{draft_task}")).await.expect(200);
    let record = gateway.agency.get(&format!("/agency/v1/referrals/{task}")).await.expect(200);
    assert_eq!(record["referral"]["history"].as_array().map(Vec::len), Some(2), "the history of the referral stays");
    // The key is not known any more, so this is another request: it is accepted already.
    let (status, answer) = accept(&gateway.agency, &task, "once").await;
    assert!(status == 409 || status == 422, "{status} {answer}");
}
