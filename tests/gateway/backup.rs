//! The store of a running gateway is copied while sixteen senders write to it, and put back elsewhere: whole, at one commit.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;

use crate::closed_loop::task_of;
use crate::demo::Demo;
use crate::scale::scaled;
use crate::who_sees_what::transaction;

const SENDERS: usize = 16;

fn handoff(store: &Path, base: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handoff"))
        .arg("store")
        .args(arguments)
        .arg("--store")
        .arg(format!("sqlite:{}", store.display()))
        .env("HANDOFF_BASE", base)
        .output()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_busy_gateway_is_whole_elsewhere() {
    let demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let (stop, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeSet::new())));
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let (ehr, owner) = (ehr.clone(), agency.organization.clone());
        let (stop, accepted) = (stop.clone(), accepted.clone());
        senders.spawn(async move {
            for number in 0.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let sent = transaction(Some(&owner), sender * 1_000_000 + number);
                let task = task_of(&ehr.post("/fhir", &sent).await.expect(200));
                accepted.lock().unwrap().insert(task);
            }
        });
    }
    let store = demo.folder.path().join("data/handoff.db");
    let elsewhere = tempfile::tempdir().unwrap();
    let mut copies = Vec::new();
    for number in 0..scaled(40) / 10 {
        while accepted.lock().unwrap().len() < (copies.len() + 1) * SENDERS {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let before = accepted.lock().unwrap().clone();
        let copy = elsewhere.path().join(format!("copy-{number}.db"));
        let (from, to, base) = (store.clone(), copy.clone(), demo.base.clone());
        let made = move || handoff(&from, &base, &["backup", to.to_str().unwrap()]);
        let made = tokio::task::spawn_blocking(made).await.unwrap();
        assert!(made.status.success(), "{made:?}");
        copies.push((copy, before));
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(sender) = senders.join_next().await {
        sender.unwrap();
    }
    let refused = handoff(&store, &demo.base, &["restore", copies[0].0.to_str().unwrap(), "--replace"]);
    assert_eq!(refused.status.code(), Some(1), "a store that is served is not written over: {refused:?}");

    for (copy, before) in copies {
        let restored = elsewhere.path().join("handoff.db");
        let done = handoff(&restored, &demo.base, &["restore", copy.to_str().unwrap(), "--replace"]);
        assert!(done.status.success(), "{done:?}");
        let checked = handoff(&restored, &demo.base, &["check"]);
        let report = String::from_utf8(checked.stdout).unwrap();
        assert!(checked.status.success() && report.ends_with("whole\n"), "{report}");
        assert!(!report.contains("not compared"), "{report}");
        let rows = rusqlite::Connection::open(&restored).unwrap();
        let mut tasks = rows.prepare("SELECT logical FROM resource WHERE version > 0").unwrap();
        let found: BTreeSet<String> = tasks.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(before.is_subset(&found), "what was answered before the copy began is in it");
    }
}
