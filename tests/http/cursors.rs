//! Whoever reads on from what they saw last misses nothing and is told nothing twice, however many write beside them and
//! whatever the clock says: by the cursor of a poll, and by `_lastUpdated=gt` the newest time that they saw.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use handoff::exchange::Clock;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::gateway::{Client, Gateway, NOW};
use crate::referral::{sent, task_of, transaction};
use crate::scale::scaled;

/// How many send at once.
const SENDERS: usize = 20;

/// A clock as machines have it: it says the same several times, and is set back now and then.
struct UnsteadyClock {
    start: Timestamp,
    asked: AtomicI64,
}

impl UnsteadyClock {
    fn starting(start: Timestamp) -> Arc<Self> {
        Arc::new(Self { start, asked: AtomicI64::new(0) })
    }
}

impl Clock for UnsteadyClock {
    fn now(&self) -> Timestamp {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let back = if asked % 5 == 0 { 2_000 } else { 0 };
        self.start + SignedDuration::from_micros(asked / 3 * 7 - back)
    }
}

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// What a reader was given, in this order: type, id and version of each.
#[derive(Default)]
struct Given {
    versions: BTreeSet<(String, String)>,
    twice: Vec<(String, String)>,
}

impl Given {
    fn add(&mut self, name: String, version: String) {
        let told = (name, version);
        if !self.versions.insert(told.clone()) {
            self.twice.push(told);
        }
    }

    fn has(&self, name: &str) -> bool {
        self.versions.iter().any(|(given, _)| given == name)
    }
}

/// Sends referrals and acts on them: a transaction each, and every second one is accepted.
async fn send(gateway: Arc<Gateway>, sender: usize, count: usize) -> Vec<String> {
    let mut tasks = Vec::with_capacity(count);
    for number in 0..count {
        let made = gateway.ehr.post("/fhir", &transaction(sender * 1000 + number)).await.expect(200);
        let id = task_of(&made);
        if number % 2 == 0 {
            let path = format!("/agency/v1/referrals/{id}/events");
            gateway.agency.post(&path, &json!({ "event": "accept" })).await.expect(200);
        }
        tasks.push(id);
    }
    tasks
}

/// Polls with each cursor as soon as it has it, until `done` and nothing more comes.
async fn poll(agency: Client, start: String, done: Arc<AtomicBool>) -> (Given, String) {
    let (mut given, mut cursor) = (Given::default(), start);
    loop {
        let last = done.load(Ordering::SeqCst);
        let answer = agency.get(&format!("/agency/v1/referrals?since={cursor}&limit=7")).await;
        assert_eq!(answer.status, 200, "a cursor that was just given is refused: {}", answer.text);
        let answer = answer.json();
        let records = answer["records"].as_array().unwrap();
        for record in records {
            given.add(record["id"].as_str().unwrap().to_owned(), record["referral"]["state"].to_string());
        }
        answer["cursor"].as_str().unwrap().clone_into(&mut cursor);
        if last && records.is_empty() {
            return (given, cursor);
        }
    }
}

/// Asks for what changed after the newest that it saw, until `done` and nothing more comes; of every other answer it follows
/// the links first.
async fn ask(client: Client, kind: &'static str, done: Arc<AtomicBool>) -> Given {
    let (mut given, mut newest, mut round) = (Given::default(), "2000-01-01".to_owned(), 0);
    loop {
        let last = done.load(Ordering::SeqCst);
        let mut page = client.get(&format!("/fhir/{kind}?_lastUpdated=gt{newest}&_count=9")).await.expect(200);
        let found = page["entry"].as_array().map_or(0, Vec::len);
        round += 1;
        loop {
            for entry in page["entry"].as_array().into_iter().flatten() {
                let (resource, meta) = (&entry["resource"], &entry["resource"]["meta"]);
                let updated = meta["lastUpdated"].as_str().unwrap();
                assert!(updated.len() == 27 && updated > newest.as_str(), "{updated} comes after {newest}");
                newest = newest.max(updated.to_owned());
                given.add(resource["id"].as_str().unwrap().to_owned(), meta["versionId"].to_string());
            }
            let next = page["link"].as_array().and_then(|links| links.iter().find(|link| link["relation"] == "next"));
            let Some(url) = next.and_then(|link| link["url"].as_str()).filter(|_| round % 2 == 0) else { break };
            let path = url.find("/fhir/").map(|at| &url[at..]).unwrap();
            page = client.get(path).await.expect(200);
        }
        if last && found == 0 {
            return given;
        }
    }
}

/// Sends from twenty sides while one polls and others ask; what they were given is what there is. Gives the last cursor.
async fn read_beside_writers(
    gateway: &Arc<Gateway>,
    first: usize,
    cursor: &str,
    before: &[String],
) -> (Vec<String>, String) {
    let done = Arc::new(AtomicBool::new(false));
    let poller = tokio::spawn(poll(gateway.agency.clone(), cursor.to_owned(), done.clone()));
    let readers = [
        (gateway.ehr.clone(), "Task"),
        (gateway.agency.clone(), "Task"),
        (gateway.ehr.clone(), "Patient"),
        (gateway.ehr.clone(), "ServiceRequest"),
    ];
    let askers = readers.map(|(client, kind)| (kind, tokio::spawn(ask(client, kind, done.clone()))));
    let count = scaled(500) as usize / SENDERS;
    let count = count.max(4);
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        senders.spawn(send(gateway.clone(), first + sender, count));
    }
    let mut tasks = Vec::new();
    while let Some(sent) = senders.join_next().await {
        tasks.extend(sent.unwrap());
    }
    done.store(true, Ordering::SeqCst);
    let (polled, cursor) = poller.await.unwrap();
    assert_eq!(tasks.len(), SENDERS * count);
    assert!(tasks.iter().all(|task| polled.has(task)), "a poll missed a referral");
    assert_eq!(polled.twice, [], "a poll told something twice");
    for (kind, asker) in askers {
        let asked = asker.await.unwrap();
        assert_eq!(asked.twice, [], "{kind} told something twice");
        let all = gateway.ehr.get(&format!("/fhir/{kind}?_count=1000")).await.expect(200);
        let all = all["entry"].as_array().unwrap();
        assert!(all.len() >= tasks.len(), "{kind}");
        for entry in all {
            let (id, version) = (&entry["resource"]["id"], &entry["resource"]["meta"]["versionId"]);
            let newest = (id.as_str().unwrap().to_owned(), version.to_string());
            assert!(asked.versions.contains(&newest), "{kind}: {newest:?} was missed");
        }
    }
    tasks.extend(before.iter().cloned());
    (tasks, cursor)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_missed_or_told_twice_beside_twenty_writers() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let gateway = Arc::new(Gateway::at(&file, UnsteadyClock::starting(now()), |_| {}).await);
    let (_, cursor) = gateway.agency.poll("").await;
    read_beside_writers(&gateway, 0, &cursor, &[]).await;
}

/// The first start has a clock that is 400 days ahead; the second one's is right again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_missed_after_a_clock_that_was_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.db");
    let ahead = now() + SignedDuration::from_hours(400 * 24);
    let (newest, cursor, before) = {
        let mut gateway = Gateway::at(&file, UnsteadyClock::starting(ahead), |_| {}).await;
        let before = vec![sent(&gateway, 999_001).await, sent(&gateway, 999_002).await];
        let (records, cursor) = gateway.agency.poll("").await;
        assert_eq!(records.len(), 2);
        let tasks = gateway.ehr.get("/fhir/Task?_sort=-_lastUpdated").await.expect(200);
        gateway.ask_to_stop();
        gateway.stopped().await;
        (tasks["entry"][0]["resource"]["meta"]["lastUpdated"].as_str().unwrap().to_owned(), cursor, before)
    };
    assert!(newest.starts_with("2027-12-26"), "{newest}");
    let gateway =
        Arc::new(Gateway::at(&file, UnsteadyClock::starting(now() + SignedDuration::from_mins(1)), |_| {}).await);
    // Both ways of going on were given by the other start.
    gateway.agency.get(&format!("/agency/v1/referrals?since={cursor}")).await.expect(200);
    let id = sent(&gateway, 999_003).await;
    let next = gateway.ehr.get(&format!("/fhir/Task?_lastUpdated=gt{newest}")).await.expect(200);
    let found: Vec<&Value> = next["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["id"]).collect();
    assert_eq!(found, [&json!(id)]);
    let (tasks, cursor) = read_beside_writers(&gateway, 1000, &cursor, &before).await;
    assert!(tasks.len() > before.len());
    assert!(gateway.agency.poll(&format!("?since={cursor}")).await.0.is_empty());
}

#[tokio::test]
async fn a_cursor_is_taken_by_every_process_and_by_nobody_else() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    let (records, cursor) = gateway.agency.poll("").await;
    assert_eq!(records.len(), 1);
    // Another process on the same file; its clients are its own.
    let beside = Gateway::on_store(&gateway.file, |_| {}).await;
    assert!(beside.agency.poll(&format!("?since={cursor}")).await.0.is_empty());
    sent(&gateway, 2).await;
    let (records, newer) = gateway.agency.poll(&format!("?since={cursor}")).await;
    assert_eq!(records.len(), 1);
    beside.agency.get(&format!("/agency/v1/referrals?since={newer}")).await.expect(200);

    let other = Gateway::start().await;
    sent(&other, 1).await;
    let (issuer, seq) = newer.rsplit_once('.').unwrap();
    let ahead = format!("{issuer}.{}", seq.parse::<u64>().unwrap() + 1);
    for (client, cursor, why) in [
        (&other.agency, newer.as_str(), "of another store"),
        (&gateway.other_agency, newer.as_str(), "to another organization"),
        (&gateway.agency, ahead.as_str(), "ahead of this store"),
        (&gateway.agency, "7", "none that this gateway gave"),
    ] {
        let answer = client.get(&format!("/agency/v1/referrals?since={cursor}")).await;
        assert_eq!((answer.status, answer.rules()), (400, vec!["unknown-cursor".to_owned()]), "{cursor}");
        assert!(answer.text.contains(why), "{}", answer.text);
    }
    // One of before cursors said whose they are.
    let store = issuer.split_once('-').unwrap().0;
    gateway.agency.get(&format!("/agency/v1/referrals?since={store}.{seq}")).await.expect(200);
}
