//! Polling: the cursor, and answers that are held until there is something to say.

use std::sync::Arc;
use std::time::{Duration, Instant};

use handoff::fhir::edit::Edits;
use handoff::fhir::{Document, ResourceKey};
use handoff::referral::Scope;
use handoff::referral::plan::{Plan, Write};
use reqwest::Method;
use serde_json::json;

use crate::gateway::{AGENCY, Answer, Gateway, send};
use crate::referral::{FAMILY, sent};

#[tokio::test]
async fn a_cursor_leads_from_change_to_change() {
    let gateway = Gateway::start().await;
    let (nothing, start) = gateway.agency.poll("").await;
    assert!(nothing.is_empty());
    let ids = [sent(&gateway, 1).await, sent(&gateway, 2).await, sent(&gateway, 3).await];
    let (first, cursor) = gateway.agency.poll(&format!("?since={start}&limit=2")).await;
    let (second, cursor) = {
        assert_eq!(first.iter().map(|record| &record["id"]).collect::<Vec<_>>(), [&json!(ids[0]), &json!(ids[1])]);
        gateway.agency.poll(&format!("?since={cursor}")).await
    };
    assert_eq!(second.iter().map(|record| &record["id"]).collect::<Vec<_>>(), [&json!(ids[2])]);
    assert!(gateway.agency.poll(&format!("?since={cursor}")).await.0.is_empty());
    gateway
        .agency
        .post(&format!("/agency/v1/referrals/{}/events", ids[0]), &json!({ "event": "accept" }))
        .await
        .expect(200);
    let (changed, _) = gateway.agency.poll(&format!("?since={cursor}")).await;
    assert_eq!(changed[0]["referral"]["state"], "accepted");
}

/// A store that was set back to a backup gave less than some of its readers have seen: they would miss what comes next.
#[tokio::test]
async fn a_cursor_that_was_not_given_yet_is_refused() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    let (_, cursor) = gateway.agency.poll("").await;
    let (store, newest) = cursor.rsplit_once('.').unwrap();
    let later = newest.parse::<u64>().unwrap() + 1;
    let answer = gateway.agency.get(&format!("/agency/v1/referrals?since={store}.{later}")).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains("unknown-cursor"), "{}", answer.text);
}

#[tokio::test]
async fn a_held_poll_wakes_with_a_commit() {
    let gateway = Gateway::start().await;
    let (_, cursor) = gateway.agency.poll("").await;
    let agency = gateway.agency.clone();
    let held = tokio::spawn(async move {
        let since = Instant::now();
        (agency.poll(&format!("?since={cursor}&wait=30")).await, since.elapsed())
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!held.is_finished(), "the poll was answered before there was anything to say");
    let metrics = gateway.administrator.get("/metrics").await.text;
    assert!(metrics.contains("handoff_polls_held 1\n"), "{metrics}");
    let id = sent(&gateway, 1).await;
    let ((records, _), waited) = held.await.unwrap();
    assert_eq!(records[0]["id"], json!(id));
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test]
async fn a_held_poll_ends_with_its_time() {
    let gateway = Gateway::start().await;
    let (_, cursor) = gateway.agency.poll("").await;
    let since = Instant::now();
    let (records, after) = gateway.agency.poll(&format!("?since={cursor}&wait=1")).await;
    assert!(records.is_empty() && after == cursor);
    assert!(since.elapsed() >= Duration::from_secs(1));
    let metrics = gateway.administrator.get("/metrics").await.text;
    assert!(metrics.contains("handoff_polls_held 0\n"), "{metrics}");
}

/// A poll that is being held.
async fn held_poll(gateway: &Gateway) -> tokio::task::JoinHandle<(Answer, Duration)> {
    let (_, cursor) = gateway.agency.poll("").await;
    let agency = gateway.agency.clone();
    let held = tokio::spawn(async move {
        let since = Instant::now();
        (agency.get(&format!("/agency/v1/referrals?since={cursor}&wait=30")).await, since.elapsed())
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!held.is_finished());
    held
}

#[tokio::test]
async fn a_held_poll_ends_when_its_client_is_revoked() {
    let gateway = Gateway::start().await;
    let held = held_poll(&gateway).await;
    gateway.store.revoke_client(&gateway.other_agency.id, "2026-11-21T10:00:01Z".parse().unwrap()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!held.is_finished(), "another client was revoked");
    gateway.store.revoke_client(&gateway.agency.id, "2026-11-21T10:00:02Z".parse().unwrap()).await.unwrap();
    let (answer, waited) = held.await.unwrap();
    assert_eq!((answer.status, answer.rules()), (401, vec!["unauthenticated".to_owned()]), "{}", answer.text);
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    let metrics = gateway.administrator.get("/metrics").await.text;
    assert!(metrics.contains("handoff_polls_held 0\n"), "{metrics}");
}

/// Another process revokes, which is noticed a moment later; what is committed in that moment is not told.
#[tokio::test]
async fn nothing_that_came_after_the_revocation_is_told() {
    let gateway = Gateway::start().await;
    let held = held_poll(&gateway).await;
    let other = rusqlite::Connection::open(&gateway.file).unwrap();
    other.busy_timeout(Duration::from_secs(10)).unwrap();
    let revoke = "UPDATE client SET revoked = 1 WHERE id = ?1";
    assert_eq!(other.execute(revoke, [&gateway.agency.id]).unwrap(), 1, "the version of the clients is not raised");
    sent(&gateway, 1).await;
    let newest = gateway.store.newest(AGENCY);
    assert!(*newest.borrow() > 0, "the poll has something to say");
    let (answer, _) = held.await.unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text);
}

/// The Task of a referral as it stands, without its focus: as nobody could ask for it.
async fn break_referral(gateway: &Gateway, id: &str) {
    let key = ResourceKey::new("Task", id);
    let stored = gateway.store.read(&Scope::Gateway, &key, None).await.unwrap().unwrap();
    let mut task = stored.document.root().to_value();
    task["focus"] = json!({ "reference": "ServiceRequest/nowhere" });
    let document = Document::from_value(&task).unwrap();
    let mut edits = Edits::new(document.root());
    edits.stamp(id, stored.version + 1, stored.updated);
    let document = Arc::new(Document::parse(edits.finish()).unwrap());
    let (version, updated, author) = (stored.version + 1, stored.updated, stored.author);
    let write = Write { key, version, document, updated, author, public: false, replaces: None };
    gateway.store.commit(Plan { writes: vec![write], ..Plan::default() }).await.unwrap();
}

#[tokio::test]
async fn a_record_that_cannot_be_made_stands_in_its_place_in_every_list() {
    let gateway = Gateway::start().await;
    let [broken, whole] = [sent(&gateway, 1).await, sent(&gateway, 2).await];
    break_referral(&gateway, &broken).await;
    let (records, cursor) = gateway.agency.poll("").await;
    let of = |id: &str| records.iter().find(|record| record["id"] == id).unwrap_or_else(|| panic!("{id}: {records:?}"));
    assert_eq!(of(&broken)["unreadable"]["key"], "reference-dangling");
    assert_eq!(of(&broken)["unreadable"]["path"], "Task.focus.reference");
    assert_eq!(of(&whole)["referral"]["state"], "sent");
    assert!(gateway.agency.poll(&format!("?since={cursor}")).await.0.is_empty(), "the cursor goes on");

    let list = || gateway.agency.request(Method::GET, "/agency/v1/referrals").header("accept", "text/csv");
    let sheet = send(list()).await;
    assert_eq!((sheet.status, sheet.header("handoff-cursor")), (200, &*cursor));
    let mut rows = csv::Reader::from_reader(sheet.text.as_bytes());
    let told = rows.headers().unwrap().iter().position(|name| name == "no_record").unwrap();
    let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
    let cell = |id: &str| rows.iter().find(|row| &row[0] == id).map(|row| row[told].to_owned());
    assert!(cell(&broken).unwrap().starts_with("unreadable: reference-dangling at Task.focus.reference: "), "{rows:?}");
    assert_eq!(cell(&whole).as_deref(), Some(""));

    let metrics = gateway.administrator.get("/metrics").await.text;
    let counted = "handoff_records_unreadable_total{rule=\"reference-dangling\"} 2\n";
    assert!(metrics.contains(counted), "once for each list that told it: {metrics}");
    // It is logged by rule, with no word of the person.
    let log = crate::log::captured();
    // Other tests' gateways write to it too, and begin with the same ids.
    let told = |line: &&str| line.contains("a record cannot be made") && line.contains(&broken);
    let lines: Vec<&str> = log.lines().filter(told).collect();
    assert!(lines.iter().any(|line| line.contains("reference-dangling")), "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(FAMILY)), "{lines:?}");

    // The sheet comes back: the row says nothing, and does not stop the others.
    let kind = of(&whole)["type"].as_str().unwrap();
    let take = gateway.agency.request(Method::POST, &format!("/agency/v1/sheets/{kind}"));
    let report = send(take.header("content-type", "text/csv").body(sheet.text)).await.expect(200);
    assert_eq!(report["counts"], json!({ "unchanged": 1 }), "{report}");
    assert_eq!(report["findings"][0]["fault"], "no-record", "{report}");
}
