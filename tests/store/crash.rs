//! What was answered is there after `kill -9`: exactly once, and whole.
//!
//! The test runs itself again as another process, which commits and says what was answered, and kills it in mid-flight.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use handoff::referral::{Scope, VersionRange};
use handoff::store::Store;

use crate::backend::{self, Backend};
use crate::referral::{PANTRY, key, names, noon, referral};

/// Tells the process where to write.
const WRITER: &str = "HANDOFF_TEST_STORE_WRITER";
/// Concurrent senders of the process that is killed.
const SENDERS: usize = 16;

/// The process that is killed. In an ordinary run of the tests there is nothing to do.
#[test]
fn writer_process() {
    let Some(path) = std::env::var_os(WRITER) else { return };
    let round = std::env::var("HANDOFF_TEST_STORE_ROUND").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let store = backend::open(path.as_ref());
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (store, round) = (store.clone(), round.clone());
                tokio::spawn(async move {
                    for number in 0.. {
                        let name = format!("r{round}-s{sender}-n{number}");
                        let committed = store.commit(referral(&name, PANTRY, noon())).await.unwrap();
                        // One system call a line: what the parent reads was said before the kill.
                        let line = format!("answered {name} {}\n", committed.seq);
                        std::io::stdout().write_all(line.as_bytes()).unwrap();
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

/// Runs the process, kills it after some answers, and gives those that came out.
fn killed_writer(backend: &Backend, round: usize, answers: usize) -> Vec<(String, u64)> {
    killed_writer_at(&backend.path(), round, answers)
}

/// The same, on the file at this path.
pub(crate) fn killed_writer_at(path: &Path, round: usize, answers: usize) -> Vec<(String, u64)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["crash::writer_process", "--exact", "--nocapture", "--test-threads=1"])
        .env(WRITER, path)
        .env("HANDOFF_TEST_STORE_ROUND", round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    let mut collect = |line: String| {
        let message = line.split_once("answered ").map(|(_, message)| message.to_owned());
        if let Some((name, seq)) = message.as_deref().and_then(|message| message.split_once(' ')) {
            answered.push((name.to_owned(), seq.parse().unwrap()));
        }
        answered.len()
    };
    for line in lines.by_ref() {
        if collect(line.unwrap()) == answers {
            child.kill().unwrap();
            break;
        }
    }
    // What it had said before it died is in the pipe.
    for line in lines {
        collect(line.unwrap());
    }
    child.wait().unwrap();
    assert!(answered.len() >= answers, "the writer died on its own after {} answers", answered.len());
    answered
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let backend = Backend::sqlite_file();
    let scope = Scope::Organization(PANTRY.to_owned());
    let (mut answered, mut cursor, mut polled) = (Vec::new(), 0, Vec::new());
    for (round, answers) in [1, 40, 200].into_iter().enumerate() {
        answered.extend(killed_writer(&backend, round, answers));
        let store = backend.open();
        // A poller that goes on with its cursor.
        let changes = store.changes(PANTRY, cursor, 1_000_000).await.unwrap();
        cursor = changes.newest;
        polled.extend(changes.items);
        for (name, seq) in &answered {
            assert_whole(&*store, &scope, name, *seq).await;
        }
        // What was not answered is there whole or not at all.
        for (task, seq) in &polled {
            assert_whole(&*store, &scope, &task.id, *seq).await;
        }
        let statistics = store.statistics().await.unwrap();
        for (kind, count) in &statistics.resources {
            assert_eq!(*count as usize, polled.len(), "{kind}");
        }
        assert_eq!(statistics.newest as usize, polled.len());
    }
    let mut ids: Vec<&str> = polled.iter().map(|(task, _)| task.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), polled.len(), "no referral is given twice");
    for (name, seq) in &answered {
        assert!(polled.contains(&(key(&format!("Task/{name}")), *seq)), "the poller missed {name}");
    }
}

async fn assert_whole(store: &dyn Store, scope: &Scope, name: &str, seq: u64) {
    let expected = referral(name, PANTRY, noon());
    for write in &expected.writes {
        let history = store.history(scope, &write.key, VersionRange::newest(9)).await.unwrap().found;
        assert_eq!(history.len(), 1, "{}", write.key);
        // No two have the same time of change; all else is as it was sent.
        let stamp = handoff::fhir::edit::change_instant(history[0].updated);
        let sent = write.document.text().replace(&handoff::fhir::edit::change_instant(noon()), &stamp);
        assert_eq!((history[0].seq, history[0].document.text()), (seq, sent.as_str()));
    }
    let found = store.referral(scope, &key(&format!("Task/{name}")), true).await.unwrap().unwrap();
    assert_eq!((found.graph.resources().len(), found.seq), (names(name).len(), seq));
}
