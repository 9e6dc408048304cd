//! Everything that clients do at once, killed again and again in the middle of it: what was answered is there, once, and whoever
//! reads on goes on where they were.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use handoff::fhir::ResourceKey;
use handoff::store::sqlite::SqliteStore;
use handoff::store::{AuditLog, AuditQuery, audit_verify};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::closed_loop::task_of;
use crate::demo::{Client, Demo};
use crate::scale::scaled;
use crate::who_sees_what::transaction;

/// How many clients work at once.
const WORKERS: usize = 8;

/// What runs beside the kills.
struct Load {
    ehr: Client,
    agency: Client,
    next: AtomicUsize,
    /// Requests that were answered
    answered: AtomicUsize,
    /// Requests that got no answer, and were sent again
    cut: AtomicUsize,
    /// No new referral is begun any more
    ends: AtomicBool,
    /// Every referral is done
    done: AtomicBool,
}

impl Load {
    /// Sends the request until it is answered, as a client does whose connection breaks: the same request again.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> (StatusCode, String) {
        loop {
            if let Ok(answer) = request().send().await {
                let status = answer.status();
                if let Ok(text) = answer.text().await
                    && !matches!(status.as_u16(), 429 | 503)
                {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    return (status, text);
                }
            }
            self.cut.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn post(&self, client: &Client, path: &str, key: Option<String>, body: &Value) -> Value {
        let kind = if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" };
        let request = || {
            let request = client.request(Method::POST, path).header("content-type", kind).body(body.to_string());
            match &key {
                Some(key) => request.header("idempotency-key", key.as_str()),
                None => request,
            }
        };
        let (status, text) = self.send(request).await;
        assert_eq!(status.as_u16(), 200, "{path} {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// One referral from its message to a service, each request until it is answered; then the first two again.
    async fn referral(&self) -> (usize, String) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = transaction(Some(&self.agency.organization), number);
        message["entry"][2]["request"]["ifNoneExist"] = json!(format!("identifier=urn:test:referral|{number}"));
        let made = self.post(&self.ehr, "/fhir", None, &message).await;
        let task = task_of(&made);
        let own = format!("/agency/v1/referrals/{task}");
        let accept = json!({ "event": "accept" });
        let key = Some(format!("accept-{number}"));
        let accepted = self.post(&self.agency, &format!("{own}/events"), key.clone(), &accept).await;
        assert_eq!(accepted["referral"]["state"], "accepted");

        let mut record = accepted;
        record["extras"]["mark"] = json!(number);
        let put = || {
            let request = self.agency.request(Method::PUT, &own).header("content-type", "application/json");
            request.body(record.to_string())
        };
        let (status, text) = self.send(put).await;
        assert_eq!(status.as_u16(), 200, "{text}");

        let kind = record["type"].as_str().unwrap();
        let sheet = format!(
            "Referral ID;service_date;service;service_minutes\r\n{task};2026-11-24;Food box;{}\r\n",
            number + 1
        );
        let path = format!("/agency/v1/sheets/{kind}");
        let (status, text) = self
            .send(|| self.agency.request(Method::POST, &path).header("content-type", "text/csv").body(sheet.clone()))
            .await;
        assert_eq!(status.as_u16(), 200, "{text}");

        let person = json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:test:batch", "value": number.to_string() }] });
        let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [
            { "resource": person, "request": { "method": "POST", "url": "Patient", "ifNoneExist": format!("identifier=urn:test:batch|{number}") } },
            { "request": { "method": "GET", "url": format!("Task/{task}") } },
        ]});
        let answered = self.post(&self.ehr, "/fhir", None, &batch).await;
        for entry in answered["entry"].as_array().unwrap() {
            assert!(entry["response"]["status"].as_str().unwrap().starts_with("20"), "{answered}");
        }

        // What was answered is answered again.
        assert_eq!(task_of(&self.post(&self.ehr, "/fhir", None, &message).await), task);
        let again = self.post(&self.agency, &format!("{own}/events"), key, &accept).await;
        assert_eq!(again["referral"]["state"], "accepted");
        (number, task)
    }

    /// Polls through all kills; gives what came, each record as its text.
    async fn poll(&self, start: String) -> Vec<(String, String)> {
        let (mut told, mut cursor) = (Vec::new(), start);
        loop {
            let last = self.done.load(Ordering::SeqCst);
            let path = format!("/agency/v1/referrals?since={cursor}");
            let (status, text) = self.send(|| self.agency.request(Method::GET, &path)).await;
            assert_eq!(status.as_u16(), 200, "a cursor is refused: {text}");
            let answer: Value = serde_json::from_str(&text).unwrap();
            let records = answer["records"].as_array().unwrap();
            told.extend(records.iter().map(|record| (record["id"].as_str().unwrap().to_owned(), record.to_string())));
            answer["cursor"].as_str().unwrap().clone_into(&mut cursor);
            if last && records.is_empty() {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Asks for what changed after the newest that it saw, through all kills; gives id, version and time of each.
    async fn ask(&self) -> Vec<(String, String, String)> {
        let (mut told, mut newest) = (Vec::new(), "2000-01-01".to_owned());
        loop {
            let last = self.done.load(Ordering::SeqCst);
            let path = format!("/fhir/Task?_lastUpdated=gt{newest}&_count=100");
            let (status, text) = self.send(|| self.ehr.request(Method::GET, &path)).await;
            assert_eq!(status.as_u16(), 200, "{text}");
            let page: Value = serde_json::from_str(&text).unwrap();
            let found = page["entry"].as_array().map_or(&[][..], Vec::as_slice);
            for entry in found {
                let (meta, id) = (&entry["resource"]["meta"], &entry["resource"]["id"]);
                let updated = meta["lastUpdated"].as_str().unwrap();
                assert!(updated > newest.as_str(), "{updated} comes after {newest}");
                newest = updated.to_owned();
                told.push((id.as_str().unwrap().to_owned(), meta["versionId"].to_string(), newest.clone()));
            }
            if last && found.is_empty() {
                return told;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// The resources of a type that the EHR sees, page by page.
async fn all(ehr: &Client, search: &str) -> Vec<Value> {
    let (mut found, mut path) = (Vec::new(), format!("/fhir/{search}"));
    loop {
        let page = ehr.get(&path).await.expect(200);
        found.extend(page["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()));
        let next = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
        let Some(url) = next.and_then(|link| link["url"].as_str()) else { return found };
        path = url[url.find("/fhir/").unwrap()..].to_owned();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_answered_is_lost_or_doubled_under_kills() {
    let kills = if scaled(200) == 200 { 200 } else { 5 };
    let mut demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let (_, cursor) = agency.poll_all(None).await;
    let before = (all(&ehr, "Patient?_count=500").await.len(), all(&ehr, "Procedure?_count=500").await.len());
    let load = Arc::new(Load {
        ehr: ehr.clone(),
        agency: agency.clone(),
        next: AtomicUsize::new(0),
        answered: AtomicUsize::new(0),
        cut: AtomicUsize::new(0),
        ends: AtomicBool::new(false),
        done: AtomicBool::new(false),
    });
    let poller = tokio::spawn({
        let load = load.clone();
        async move { load.poll(cursor).await }
    });
    let asker = tokio::spawn({
        let load = load.clone();
        async move { load.ask().await }
    });
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let load = load.clone();
        workers.spawn(async move {
            let mut done = Vec::new();
            while !load.ends.load(Ordering::SeqCst) {
                done.push(load.referral().await);
            }
            done
        });
    }
    for kill in 0..kills {
        // Now after few answers, now after many: anywhere between two of them.
        let until = load.answered.load(Ordering::Relaxed) + 5 + kill * 7 % 40;
        while load.answered.load(Ordering::Relaxed) < until {
            assert!(!poller.is_finished() && !asker.is_finished(), "a reader was refused");
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        demo.kill();
        demo.start_again().await;
    }
    load.ends.store(true, Ordering::SeqCst);
    let mut referrals = BTreeMap::new();
    while let Some(done) = workers.join_next().await {
        referrals.extend(done.unwrap());
    }
    load.done.store(true, Ordering::SeqCst);
    let (polled, asked) = (poller.await.unwrap(), asker.await.unwrap());
    let (answered, cut) = (load.answered.load(Ordering::Relaxed), load.cut.load(Ordering::Relaxed));
    println!("{kills} kills, {} referrals, {answered} answers, {cut} requests sent again", referrals.len());
    assert!(cut >= kills, "the kills came between the requests: {cut}");

    // Each is there once, with all that was answered.
    let tasks = all(&ehr, "Task?_count=500").await;
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for task in &tasks {
        if task["identifier"][0]["system"] == "urn:test:referral" {
            *numbers.entry(task["identifier"][0]["value"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(numbers.values().all(|count| *count == 1), "doubled: {numbers:?}");
    let expected: BTreeSet<String> = referrals.keys().map(usize::to_string).collect();
    assert!(numbers.keys().eq(&expected), "lost or not answered");
    let people = all(&ehr, "Patient?_count=500").await.len();
    assert_eq!(people, before.0 + 2 * referrals.len(), "one person a message, one a batch");
    let services = all(&ehr, "Procedure?_count=500").await.len();
    assert_eq!(services, before.1 + referrals.len(), "one service a sheet");
    for (number, task) in &referrals {
        let record = agency.get(&format!("/agency/v1/referrals/{task}")).await.expect(200);
        assert_eq!(record["extras"]["mark"], json!(number), "what was put is lost");
        assert_eq!(record["services"].as_array().map(Vec::len), Some(1), "{record}");
        let entries = record["referral"]["history"].as_array().unwrap();
        let accepted = entries.iter().filter(|entry| entry["state"] == "accepted").count();
        assert_eq!(accepted, 1, "accepted once: {entries:?}");
    }

    // Whoever read on has it all, and nothing twice.
    let unique: BTreeSet<&(String, String)> = polled.iter().collect();
    assert_eq!(unique.len(), polled.len(), "a poll told something twice");
    let told: BTreeSet<&str> = polled.iter().map(|(id, _)| id.as_str()).collect();
    assert!(referrals.values().all(|task| told.contains(task.as_str())), "a poll missed a referral");
    let versions: BTreeSet<(&str, &str)> =
        asked.iter().map(|(id, version, _)| (id.as_str(), version.as_str())).collect();
    assert_eq!(versions.len(), asked.len(), "a search told something twice");
    for task in &tasks {
        let (id, version) = (task["id"].as_str().unwrap(), task["meta"]["versionId"].to_string());
        assert!(versions.contains(&(id, version.as_str())), "a search missed {id} in version {version}");
    }

    // The log is whole, and says each thing once.
    demo.kill();
    let store = SqliteStore::open_for_clients(&demo.folder.path().join("data/handoff.db")).unwrap();
    assert_eq!(audit_verify::verify(&store, &[]).await.unwrap().findings, []);
    for task in referrals.values() {
        let query = AuditQuery {
            subject: Some(ResourceKey::new("Task", task.as_str())),
            actions: vec!["moved".to_owned(), "disclosed".to_owned()],
            ..AuditQuery::default()
        };
        let rows = store.audit_rows(&query).await.unwrap().rows;
        assert!(rows.iter().any(|row| row.entry.action == "disclosed"), "{task} {rows:?}");
        let accepts = rows.iter().filter(|row| row.entry.detail.starts_with("accept;")).count();
        assert_eq!(accepts, 1, "{task} {rows:?}");
    }
}
