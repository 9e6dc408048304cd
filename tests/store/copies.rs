//! Copies of a store: made while it is written to, put back, and recognised where they lack something.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use handoff::error::{Error, Result};
use handoff::fhir::Key;
use handoff::referral::Scope;
use handoff::referral::plan::{AuditEntry, AuditOutcome};
use handoff::store::sqlite::SqliteStore;
use handoff::store::sqlite::backup::back_up;
use handoff::store::sqlite::check::{self, Part, StoreReport};
use handoff::store::sqlite::restore::{Restoration, RestoreOptions, restore};
use handoff::store::{AuditQuery, Store};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::backend::{open, parameters};
use crate::crash::killed_writer_at;
use crate::referral::{PANTRY, key, noon, referral};
use crate::scale::scaled;

/// Who write beside the copies.
const SENDERS: u64 = 16;

fn copy(store: &Path, to: &Path) -> Result<u64> {
    Ok(back_up(store, to, false, &mut |_, _| {})?.commit)
}

async fn put_back(copy: &Path, store: &Path, options: RestoreOptions) -> Result<Restoration> {
    let entry = AuditEntry::of_nobody("restored", AuditOutcome::Done, String::new(), noon());
    restore(copy, store, options, parameters(), entry, &mut |_, _| {}).await
}

const REPLACE: RestoreOptions = RestoreOptions { replace: true, without_log: false };

async fn check(path: &Path) -> StoreReport {
    check::check(path, parameters(), NonZeroU64::MIN).await.unwrap()
}

/// The names of the files in a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// A folder with a store of some referrals, which nobody has open.
async fn stopped(referrals: u64) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let store = open(&path);
    for number in 0..referrals {
        store.commit(referral(&format!("r{number}"), PANTRY, noon())).await.unwrap();
    }
    (folder, path)
}

fn key_of<T: std::fmt::Debug>(refused: Result<T>) -> (Key, Error) {
    let error = refused.unwrap_err();
    (error.issues[0].key, error)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_copy_that_is_made_beside_sixteen_writers_is_whole_and_of_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let (store, stop) = (open(&path), Arc::new(AtomicBool::new(false)));
    let answered = Arc::new(AtomicU64::new(0));
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (store, stop, answered) = (store.clone(), stop.clone(), answered.clone());
            tokio::spawn(async move {
                let mut commits = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let name = format!("s{sender}-n{}", commits.len());
                    let committed = store.commit(referral(&name, PANTRY, noon())).await.unwrap();
                    commits.push((name, committed.seq));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                commits
            })
        })
        .collect();
    let mut copies = Vec::new();
    for number in 0..scaled(40) / 5 {
        let wanted = answered.load(Ordering::Relaxed) + SENDERS;
        while answered.load(Ordering::Relaxed) < wanted {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let (from, to) = (path.clone(), folder.path().join(format!("copy-{number}.db")));
        let before = answered.load(Ordering::Relaxed);
        let commit = tokio::task::spawn_blocking({
            let to = to.clone();
            move || copy(&from, &to).unwrap()
        });
        let commit = commit.await.unwrap();
        assert!(commit >= before, "what was answered before the copy began is in it");
        copies.push((to, commit));
    }
    stop.store(true, Ordering::Relaxed);
    let mut commits = Vec::new();
    for sender in senders {
        commits.extend(sender.await.unwrap());
    }
    drop(store);
    assert!(copies.windows(2).all(|pair| pair[0].1 < pair[1].1), "each copy is of a later commit: {copies:?}");
    assert!(copies[0].1 < commits.len() as u64, "it was written after the first copy");
    let elsewhere = tempfile::tempdir().unwrap();
    for (copy, commit) in copies {
        let report = check(&copy).await;
        assert_eq!((&report.findings[..], report.commit), (&[][..], Some(commit)));
        let restored = elsewhere.path().join(copy.file_name().unwrap());
        assert!(matches!(put_back(&copy, &restored, RestoreOptions::default()).await.unwrap(), Restoration::Done(_)));
        let report = check(&restored).await;
        assert_eq!((&report.findings[..], report.commit), (&[][..], Some(commit)));
        assert!(report.index_rows.is_some_and(|rows| rows > report.resources), "the index was compared: {report:?}");
        let store = open(&restored);
        for (name, seq) in &commits {
            let found = store.referral(&Scope::Gateway, &key(&format!("Task/{name}")), false).await.unwrap();
            assert_eq!(
                found.map(|found| found.seq),
                (*seq <= commit).then_some(*seq),
                "{name} in the copy of {commit}"
            );
        }
    }
}

#[tokio::test]
async fn a_stopped_store_is_one_whole_file() {
    let (folder, path) = stopped(3).await;
    assert_eq!(files(folder.path()), ["handoff.db"]);
    let moved = folder.path().join("moved.db");
    std::fs::copy(&path, &moved).unwrap();
    let report = check(&moved).await;
    assert_eq!((&report.findings[..], report.commit, report.resources), (&[][..], Some(3), 24));
    assert_eq!(files(folder.path()), ["handoff.db", "moved.db"], "looking at it leaves nothing behind");
}

#[cfg(unix)]
#[tokio::test]
async fn a_copy_is_one_file_for_its_owner_and_replaces_nothing_unasked() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = stopped(2).await;
    let running = open(&path);
    let to = folder.path().join("copy.db");
    assert_eq!(copy(&path, &to).unwrap(), 2);
    drop(running);
    assert_eq!(files(folder.path()), ["copy.db", "handoff.db"]);
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);

    let before = std::fs::read(&to).unwrap();
    for there in [&to, &folder.path().join("link.db")] {
        let _ = std::os::unix::fs::symlink("nowhere", there);
        let (key, error) = key_of(copy(&path, there));
        assert!(key == Key::Unreachable && error.to_string().contains("--replace"), "{error}");
    }
    assert_eq!(std::fs::read(&to).unwrap(), before);
    back_up(&path, &to, true, &mut |_, _| {}).unwrap();
    assert_eq!(key_of(copy(&path, &path)).0, Key::Parameter);
    assert_eq!(key_of(copy(&folder.path().join("none.db"), &folder.path().join("x.db"))).0, Key::NotFound);
    assert_eq!(key_of(copy(&path, &folder.path().join("none/x.db"))).0, Key::Unreachable);
    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert_eq!(key_of(copy(&foreign, &folder.path().join("x.db"))).0, Key::StoreUnusable);
    assert_eq!(files(folder.path()), ["copy.db", "foreign.db", "handoff.db", "link.db"], "no half copy is left");
}

#[tokio::test]
async fn a_copy_of_a_running_store_without_its_log_is_recognised() {
    let (folder, path) = stopped(1).await;
    let running = open(&path);
    running.commit(referral("late", PANTRY, noon())).await.unwrap();
    let alone = folder.path().join("alone.db");
    std::fs::copy(&path, &alone).unwrap();
    let both = folder.path().join("both.db");
    std::fs::copy(&path, &both).unwrap();
    std::fs::copy(folder.path().join("handoff.db-wal"), folder.path().join("both.db-wal")).unwrap();

    for (key, error) in [
        key_of(SqliteStore::open(&alone, parameters())),
        key_of(SqliteStore::open_for_clients(&alone)),
        key_of(copy(&alone, &folder.path().join("x.db"))),
        key_of(put_back(&alone, &folder.path().join("x.db"), RestoreOptions::default()).await),
    ] {
        assert_eq!(key, Key::StoreWithoutLog, "{error}");
        let text = error.to_string();
        assert!(text.contains("alone.db-wal") && text.contains("restore --without-log"), "{text}");
    }
    let report = check(&alone).await;
    assert_eq!(report.findings.iter().map(|finding| finding.part).collect::<Vec<_>>(), [Part::File]);

    // With its log it is the whole store, and the running one is opened by others as ever.
    assert_eq!(open(&both).statistics().await.unwrap().newest, 2);
    drop(SqliteStore::open_for_clients(&path).unwrap());
    let lost = RestoreOptions { without_log: true, ..RestoreOptions::default() };
    let taken = folder.path().join("taken.db");
    let Restoration::Done(state) = put_back(&alone, &taken, lost).await.unwrap() else { panic!("not whole") };
    assert_eq!((state.commit, open(&taken).statistics().await.unwrap().newest), (1, 1));
    drop(running);

    // After a command beside it the running one still says that it is used.
    let running = open(&path);
    drop(SqliteStore::open_for_clients(&path).unwrap());
    let is_marked = || {
        let sql = "SELECT in_use FROM store";
        Connection::open(&path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() != 0
    };
    while !is_marked() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    drop(running);
    assert!(!is_marked());
}

#[tokio::test]
async fn a_killed_store_is_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    for round in 0..2 {
        let answered = killed_writer_at(&path, round, 20);
        assert!(folder.path().join("handoff.db-wal").exists());
        // Moved with its log, it is whole elsewhere too.
        let elsewhere = tempfile::tempdir().unwrap();
        for file in files(folder.path()) {
            std::fs::copy(folder.path().join(&file), elsewhere.path().join(&file)).unwrap();
        }
        let newest = answered.iter().map(|(_, seq)| *seq).max().unwrap();
        assert!(open(&elsewhere.path().join("handoff.db")).statistics().await.unwrap().newest >= newest);
        assert!(open(&path).statistics().await.unwrap().newest >= newest);
    }
    // Another program writes the log back and removes it: the file is still the one that was used.
    killed_writer_at(&path, 2, 5);
    Connection::open(&path).unwrap().query_row("SELECT seq FROM store", [], |_| Ok(())).unwrap();
    assert_eq!(files(folder.path()), ["handoff.db"]);
    drop(open(&path));
}

#[tokio::test]
async fn a_copy_is_put_back_over_nothing_that_somebody_needs() {
    let (folder, path) = stopped(2).await;
    let to = folder.path().join("copy.db");
    copy(&path, &to).unwrap();
    let store = open(&path);
    store.commit(referral("after", PANTRY, noon())).await.unwrap();

    let (key, error) = key_of(put_back(&to, &path, RestoreOptions::default()).await);
    assert!(key == Key::Unreachable && error.to_string().contains("--replace"), "{error}");
    let (key, error) = key_of(put_back(&to, &path, REPLACE).await);
    assert!(key == Key::Busy && error.to_string().contains("used by another process"), "{error}");
    assert_eq!(store.statistics().await.unwrap().newest, 3, "it is served on");
    drop(store);
    assert_eq!(key_of(put_back(&to, &to, REPLACE).await).0, Key::Parameter);

    let Restoration::Done(state) = put_back(&to, &path, REPLACE).await.unwrap() else { panic!("not whole") };
    assert_eq!((state.commit, state.resources), (2, 16));
    assert_eq!(files(folder.path()), ["copy.db", "handoff.db"]);
    let store = open(&path);
    assert_eq!(store.statistics().await.unwrap().newest, 2);
    let query = AuditQuery { actions: vec!["restored".to_owned()], ..AuditQuery::default() };
    let remembered = store.audit_rows(&query).await.unwrap().rows;
    assert_eq!(remembered.iter().map(|row| row.entry.detail.as_str()).collect::<Vec<_>>(), ["commit 2"]);
}

#[tokio::test]
async fn what_lies_in_the_place_of_a_store_is_no_hindrance_that_is_passed_over() {
    let (folder, path) = stopped(2).await;
    let to = folder.path().join("copy.db");
    copy(&path, &to).unwrap();
    // The log of a database that is gone would be read as that of the new one.
    let place = folder.path().join("place.db");
    let log = folder.path().join("place.db-wal");
    std::fs::write(&log, "of another").unwrap();
    let (key, error) = key_of(put_back(&to, &place, RestoreOptions::default()).await);
    assert!(key == Key::Unreachable && error.to_string().contains("place.db-wal"), "{error}");
    put_back(&to, &place, REPLACE).await.unwrap();
    assert!(!log.exists());
    assert_eq!(open(&place).statistics().await.unwrap().newest, 2);
    // What is no database any more.
    std::fs::write(&place, "x".repeat(9000)).unwrap();
    std::fs::write(&log, "of another").unwrap();
    put_back(&to, &place, REPLACE).await.unwrap();
    assert_eq!(open(&place).statistics().await.unwrap().newest, 2);
    // A store that was killed.
    std::fs::remove_file(&place).unwrap();
    killed_writer_at(&place, 0, 5);
    put_back(&to, &place, REPLACE).await.unwrap();
    assert_eq!(open(&place).statistics().await.unwrap().newest, 2);
}

#[tokio::test]
async fn a_cursor_for_what_is_gone_is_refused_for_ever() {
    let (folder, path) = stopped(2).await;
    let to = folder.path().join("copy.db");
    copy(&path, &to).unwrap();
    let names = |store: &dyn Store| (store.store_id().to_owned(), store.earlier_ids().to_vec());
    let (first, none) = names(&*open(&path));
    assert_eq!(none, []);
    put_back(&to, &path, REPLACE).await.unwrap();
    let store = open(&path);
    let (second, earlier) = names(&*store);
    assert_eq!(earlier, [(first.clone(), 2)]);
    store.commit(referral("other", PANTRY, noon())).await.unwrap();
    let later = folder.path().join("later.db");
    copy(&path, &later).unwrap();
    drop(store);
    // From a copy of later, and then from the first copy again: each time with a name that was never given.
    put_back(&later, &path, REPLACE).await.unwrap();
    let (third, earlier) = names(&*open(&path));
    assert_eq!(earlier, [(first.clone(), 2), (second.clone(), 3)]);
    put_back(&to, &path, REPLACE).await.unwrap();
    let (fourth, earlier) = names(&*open(&path));
    assert_eq!(earlier, [(first.clone(), 2)]);
    let mut all = vec![first, second, third, fourth];
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 4);
}

#[tokio::test]
async fn a_check_finds_what_is_not_whole() {
    let (_folder, whole) = stopped(3).await;
    assert_eq!(check(&whole).await.findings, []);
    for (damage, part, text) in [
        ("DELETE FROM version WHERE id = 3", Part::References, "1 rows of resource name a version in current"),
        ("UPDATE feed SET task = task + 900", Part::References, "3 rows of feed name a resource in task"),
        ("UPDATE kind SET resources = 7 WHERE name = 'Task'", Part::Counts, "7 resources of type Task"),
        (
            "UPDATE resource SET updated = updated + 1 WHERE id = (SELECT min(id) FROM resource WHERE version > 0)",
            Part::Counts,
            "say of their newest",
        ),
        ("UPDATE store SET seq = 2", Part::Counts, "8 versions are newer"),
        (
            "UPDATE seen SET tasks = 2 WHERE (organization, resource) = (SELECT organization, resource FROM seen LIMIT 1)",
            Part::Counts,
            "1 resources are seen",
        ),
        ("DELETE FROM seen", Part::Counts, "resources are shared with organizations that do not see them"),
        (
            "UPDATE version SET document = replace(document, '\"r1\"', '\"r9\"') WHERE document LIKE '%\"id\":\"r1\"%'",
            Part::Documents,
            "that of another resource",
        ),
        (
            "UPDATE version SET document = replace(document, '\"versionId\":\"1\"', '\"versionId\":\"2\"')",
            Part::Documents,
            "another version",
        ),
        ("DELETE FROM unanswered", Part::Documents, "waits for an answer"),
        ("UPDATE version SET document = '{' WHERE id = 1", Part::Documents, "cannot be read"),
        ("DELETE FROM token WHERE value = 'food-insecurity'", Part::Index, "of those that should are not there"),
        (
            "INSERT INTO text SELECT parameter, 'nobody', updated, resource FROM text LIMIT 1",
            Part::Index,
            "0 of those that should",
        ),
        ("UPDATE audit SET action = 'x' WHERE id = 2", Part::Audit, "row 2 was changed"),
        ("UPDATE audit SET about = 1 WHERE id = 2", Part::Audit, "1 rows are found as being about another resource"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("handoff.db");
        std::fs::copy(&whole, &path).unwrap();
        Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let report = check(&path).await;
        let found = report.findings.iter().find(|finding| finding.part == part && finding.text.contains(text));
        assert!(found.is_some(), "{damage}: {:?}", report.findings);
        let refused = put_back(&path, &folder.path().join("restored.db"), RestoreOptions::default()).await.unwrap();
        assert!(matches!(refused, Restoration::NotWhole(_)), "{damage}");
        assert_eq!(files(folder.path()), ["handoff.db"], "nothing is restored");
    }
}

#[tokio::test]
async fn a_check_finds_pages_that_are_damaged() {
    let (_folder, path) = stopped(20).await;
    let bytes = std::fs::read(&path).unwrap();
    let holds_document = |page: &[u8]| page.windows(14).any(|text| text == b"\"resourceType\"");
    let mut damaged = bytes.clone();
    let pages = damaged.chunks_mut(4096).filter(|page| holds_document(page));
    pages.for_each(|page| page[..8].fill(0x55));
    for bytes in [damaged, bytes[..bytes.len() / 2].to_vec(), b"no database".repeat(1000)] {
        std::fs::write(&path, bytes).unwrap();
        let report = check(&path).await;
        assert!(!report.findings.is_empty(), "{report:?}");
        assert!(report.findings.iter().all(|finding| finding.part == Part::File), "{report:?}");
        assert!(report.findings.len() <= 21, "what is found without end is counted: {report:?}");
    }
}
