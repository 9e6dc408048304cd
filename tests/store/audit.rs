//! The audit log: what is asked of it, and that nobody changes it unnoticed.

use handoff::fhir::ResourceKey;
use handoff::referral::plan::{AuditEntry, AuditOutcome};
use handoff::store::audit_chain::{AuditRow, ChainEnd, PRUNED};
use handoff::store::audit_verify::{AuditFault, AuditVerdict, verify};
use handoff::store::sqlite::SqliteStore;
use handoff::store::{AuditLog, AuditQuery, Resources, Store};
use jiff::Timestamp;

use crate::backend::{Backend, on_every_backend, parameters};
use crate::referral::{CLINIC, PANTRY, at, key, noon, referral};

on_every_backend! {
    rows_are_found_by_what_they_say,
    a_commit_and_its_rows_are_one,
    what_is_written_is_as_it_was_written,
    a_prefix_is_pruned_and_the_rest_still_verified,
    nothing_old_enough_is_nothing_pruned,
}

fn entry(number: u64) -> AuditEntry {
    AuditEntry {
        at: Timestamp::from_second(1_700_000_000 + i64::try_from(number).unwrap()).unwrap(),
        action: if number.is_multiple_of(2) { "read".into() } else { "search".into() },
        outcome: if number == 3 { AuditOutcome::Refused } else { AuditOutcome::Done },
        client: format!("client-{}", number % 3),
        organization: if number < 4 { PANTRY.to_owned() } else { CLINIC.to_owned() },
        request: format!("request-{number}"),
        correlation: (number == 2).then(|| "theirs".to_owned()),
        subject: number.is_multiple_of(2).then(|| ResourceKey::new("Patient", format!("p{number}"))),
        entities: if number == 5 { vec![key("Task/1"), key("Patient/p2")] } else { Vec::new() },
        detail: format!("detail {number}"),
    }
}

/// A store with rows 1 to `count`, in two groups.
async fn filled(backend: &Backend, count: u64) -> std::sync::Arc<dyn Store> {
    let store = backend.open();
    store.audit((1..=count / 2).map(entry).collect()).await.unwrap();
    store.audit((count / 2 + 1..=count).map(entry).collect()).await.unwrap();
    store
}

async fn numbers(store: &dyn Store, query: AuditQuery) -> Vec<u64> {
    store.audit_rows(&query).await.unwrap().rows.iter().map(|row| row.number).collect()
}

async fn rows_are_found_by_what_they_say(backend: Backend) {
    let store = filled(&backend, 6).await;
    let all = store.audit_rows(&AuditQuery::default()).await.unwrap();
    assert_eq!(
        all.rows.iter().map(|row| row.entry.clone()).collect::<Vec<_>>(),
        (1..=6).map(entry).collect::<Vec<_>>()
    );
    assert_eq!(all.next, None);
    let query = AuditQuery::default;
    for (query, expected) in [
        (AuditQuery { since: Some(entry(3).at), ..query() }, vec![3, 4, 5, 6]),
        (AuditQuery { since: Some(entry(2).at), until: Some(entry(3).at), ..query() }, vec![2, 3]),
        (AuditQuery { client: Some("client-0".to_owned()), ..query() }, vec![3, 6]),
        (AuditQuery { organization: Some(CLINIC.to_owned()), ..query() }, vec![4, 5, 6]),
        (AuditQuery { subject: Some(key("Patient/p2")), ..query() }, vec![2, 5]),
        (AuditQuery { subject: Some(key("Patient/p")), ..query() }, vec![]),
        (AuditQuery { actions: vec!["read".to_owned(), "none".to_owned()], ..query() }, vec![2, 4, 6]),
        (AuditQuery { outcome: Some(AuditOutcome::Refused), ..query() }, vec![3]),
        (AuditQuery { descending: true, limit: 2, ..query() }, vec![6, 5]),
    ] {
        // What a row is asked says the same as what the database is asked.
        let alone: Vec<u64> = all.rows.iter().filter(|row| query.matches(row)).map(|row| row.number).collect();
        assert!(query.descending || alone == expected, "{query:?} {alone:?}");
        assert_eq!(numbers(&*store, query.clone()).await, expected, "{query:?}");
    }
    // Page by page, while more is written.
    for descending in [false, true] {
        let mut query = AuditQuery { descending, limit: 2, actions: vec!["read".to_owned()], ..query() };
        let mut seen = Vec::new();
        loop {
            let page = store.audit_rows(&query).await.unwrap();
            seen.extend(page.rows.iter().map(|row| row.number));
            let Some(next) = page.next else { break };
            query.cursor = Some(next);
        }
        seen.sort_unstable();
        assert_eq!(seen, [2, 4, 6]);
    }
    let AuditRow { chain, number, .. } = all.rows[4].clone();
    assert_eq!(store.audit_row(&chain, number).await.unwrap().as_ref(), Some(&all.rows[4]));
    assert_eq!(store.audit_row(&chain, 7).await.unwrap(), None);
    assert_eq!(store.audit_row("other", 1).await.unwrap(), None);
}

async fn a_commit_and_its_rows_are_one(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    // The same again is a conflict: nothing of it is stored, and nothing is remembered.
    assert!(store.commit(referral("a", PANTRY, noon())).await.is_err());
    store.commit(referral("b", PANTRY, noon())).await.unwrap();
    let rows = store.audit_rows(&AuditQuery::default()).await.unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.entry.request.as_str()).collect::<Vec<_>>(), ["request-a", "request-b"]);
    assert_eq!(verify(&*store, &[]).await.unwrap().findings, []);
}

async fn what_is_written_is_as_it_was_written(backend: Backend) {
    let store = filled(&backend, 5).await;
    let AuditVerdict { rows, ends, findings } = verify(&*store, &[]).await.unwrap();
    assert_eq!((rows, ends.len(), findings), (5, 1, Vec::new()));
    store.audit(vec![entry(6)]).await.unwrap();
    let later = verify(&*store, &ends).await.unwrap();
    assert_eq!((later.rows, later.findings.as_slice()), (6, &[][..]));
    assert_eq!(later.ends[0].number, 6);
    let wrong = [ChainEnd { hash: [1; 32], ..ends[0].clone() }, ChainEnd { number: 9, ..ends[0].clone() }];
    let faults: Vec<_> = verify(&*store, &wrong).await.unwrap().findings.iter().map(|f| (f.number, f.fault)).collect();
    assert_eq!(faults, [(5, AuditFault::NotNoted), (9, AuditFault::NotNoted)]);
    let empty = Backend::sqlite_memory();
    assert_eq!(verify(&*empty.open(), &[]).await.unwrap(), AuditVerdict::default());
}

fn pruned() -> AuditEntry {
    AuditEntry { action: PRUNED.into(), at: at("2026-12-01T00:00:00Z"), ..entry(1) }
}

async fn a_prefix_is_pruned_and_the_rest_still_verified(backend: Backend) {
    let store = filled(&backend, 8).await;
    let noted = verify(&*store, &[]).await.unwrap().ends;
    assert_eq!(store.prune_audit(entry(4).at, pruned()).await.unwrap(), 3);
    assert_eq!(numbers(&*store, AuditQuery::default()).await, [4, 5, 6, 7, 8, 9]);
    let verdict = verify(&*store, &noted).await.unwrap();
    assert_eq!((verdict.rows, verdict.findings), (6, Vec::new()));
    // Once more, over rows that were there at the first time, and then all of them.
    assert_eq!(store.prune_audit(entry(7).at, pruned()).await.unwrap(), 3);
    assert_eq!(verify(&*store, &[]).await.unwrap().findings, []);
    assert_eq!(store.prune_audit(at("2030-01-01T00:00:00Z"), pruned()).await.unwrap(), 4);
    store.audit(vec![entry(5)]).await.unwrap();
    let verdict = verify(&*store, &noted).await.unwrap();
    assert_eq!((verdict.rows, verdict.findings, verdict.ends[0].number), (2, Vec::new(), 12));
}

async fn nothing_old_enough_is_nothing_pruned(backend: Backend) {
    let store = backend.open();
    assert_eq!(store.prune_audit(noon(), pruned()).await.unwrap(), 0);
    store.audit((1..=3).map(entry).collect()).await.unwrap();
    assert_eq!(store.prune_audit(entry(1).at, pruned()).await.unwrap(), 0);
    // What is older and stands behind something newer stays: the log is pruned from its beginning.
    store.audit(vec![AuditEntry { at: Timestamp::UNIX_EPOCH, ..entry(4) }]).await.unwrap();
    assert_eq!(store.prune_audit(entry(2).at, pruned()).await.unwrap(), 1);
    assert_eq!(numbers(&*store, AuditQuery::default()).await, [2, 3, 4, 5]);
}

/// What is found after this was done to a log of ten rows.
async fn found_after(sql: &str) -> Vec<(u64, AuditFault)> {
    let backend = Backend::sqlite_file();
    drop(filled(&backend, 10).await);
    let file = rusqlite::Connection::open(backend.path()).unwrap();
    file.execute_batch(sql).unwrap();
    drop(file);
    let verdict = verify(&*backend.open(), &[]).await.unwrap();
    verdict.findings.iter().map(|finding| (finding.number, finding.fault)).collect()
}

#[tokio::test]
async fn who_changes_the_log_is_found_out() {
    use AuditFault::{Changed, Inserted, Missing, Moved};
    let swap = |one: u64, other: u64| {
        format!(
            "UPDATE audit SET number = 99 WHERE number = {one}; UPDATE audit SET number = {one} WHERE number = {other};
             UPDATE audit SET number = {other} WHERE number = 99;"
        )
    };
    let copy =
        "INSERT INTO audit (at, action, outcome, client, organization, request, detail, chain, number, previous, hash)
                SELECT at, action, outcome, client, organization, request, detail, chain,";
    for (sql, expected) in [
        (String::new(), vec![]),
        // Any column of a row.
        ("UPDATE audit SET client = 'nobody' WHERE number = 4".to_owned(), vec![(4, Changed)]),
        ("UPDATE audit SET at = at + 1 WHERE number = 1".to_owned(), vec![(1, Changed)]),
        ("UPDATE audit SET outcome = 'done' WHERE number = 3".to_owned(), vec![(3, Changed)]),
        ("UPDATE audit SET entities = 'Task/1' WHERE number = 5".to_owned(), vec![(5, Changed)]),
        ("UPDATE audit SET subject = NULL WHERE number = 10".to_owned(), vec![(10, Changed)]),
        ("UPDATE audit SET previous = zeroblob(32) WHERE number = 7".to_owned(), vec![(7, Changed)]),
        ("UPDATE audit SET hash = zeroblob(32) WHERE number = 7".to_owned(), vec![(7, Changed)]),
        // Rows that are gone: in the middle, at the beginning, at the end, all.
        ("DELETE FROM audit WHERE number = 6".to_owned(), vec![(6, Missing(6))]),
        ("DELETE FROM audit WHERE number IN (2, 3, 8)".to_owned(), vec![(2, Missing(3)), (8, Missing(8))]),
        ("DELETE FROM audit WHERE number < 3".to_owned(), vec![(1, Missing(2))]),
        ("DELETE FROM audit WHERE number > 8".to_owned(), vec![(9, Missing(10))]),
        ("DELETE FROM audit".to_owned(), vec![(1, Missing(10))]),
        // Rows in each other's places, and rows that close up over one that is gone.
        (swap(2, 5), vec![(2, Moved(5)), (5, Moved(2))]),
        (swap(7, 8), vec![(7, Moved(8)), (8, Moved(7))]),
        (
            "DELETE FROM audit WHERE number = 8; UPDATE audit SET number = number - 1 WHERE number > 8".to_owned(),
            vec![(8, Moved(9)), (9, Moved(10)), (10, Missing(10))],
        ),
        // Rows that were never written: as copies, behind the end, in no chain, in a chain of their own.
        (
            format!("DROP INDEX audit_number; {copy} number, previous, hash FROM audit WHERE number = 4"),
            vec![(4, Inserted)],
        ),
        (format!("{copy} 11, previous, hash FROM audit WHERE number = 4"), vec![(11, Inserted)]),
        (
            format!(
                "{copy} 11, previous, hash FROM audit WHERE number = 4; UPDATE audit SET chain = NULL WHERE number = 11"
            ),
            vec![(11, Inserted)],
        ),
        (
            format!(
                "{copy} 11, previous, hash FROM audit WHERE number = 4; UPDATE audit SET chain = 'own' WHERE number = 11"
            ),
            vec![(1, Missing(10)), (11, Inserted)],
        ),
    ] {
        let mut found = found_after(&sql).await;
        found.sort_by_key(|(number, fault)| (*number, format!("{fault:?}")));
        let mut expected = expected;
        expected.sort_by_key(|(number, fault)| (*number, format!("{fault:?}")));
        assert_eq!(found, expected, "{sql}");
    }
}

/// Whoever knows how rows are hashed writes a row anew with its hash: the row behind it, or the end of the chain, tells.
#[tokio::test]
async fn a_row_that_was_written_anew_with_its_hash_is_found() {
    for number in [4, 10] {
        let backend = Backend::sqlite_file();
        let store = filled(&backend, 10).await;
        let query = AuditQuery { limit: 20, ..AuditQuery::default() };
        let rows = store.audit_rows(&query).await.unwrap().rows;
        drop(store);
        let before = rows[number - 2].end();
        let forged =
            AuditRow::following(&before, AuditEntry { client: "nobody".to_owned(), ..rows[number - 1].entry.clone() });
        let file = rusqlite::Connection::open(backend.path()).unwrap();
        let sql = "UPDATE audit SET client = 'nobody', hash = ?1 WHERE number = ?2";
        assert_eq!(file.execute(sql, (forged.hash, i64::try_from(number).unwrap())).unwrap(), 1);
        drop(file);
        let found = verify(&*backend.open(), &[]).await.unwrap().findings;
        assert_eq!(
            found.iter().map(|f| (f.number, f.fault)).collect::<Vec<_>>(),
            [(number as u64, AuditFault::Changed)]
        );
    }
}

/// Whoever removes a prefix has to leave a row in the chain that says so.
#[tokio::test]
async fn a_prefix_that_goes_without_a_checkpoint_is_missed() {
    let backend = Backend::sqlite_file();
    let store = filled(&backend, 10).await;
    store.prune_audit(entry(4).at, pruned()).await.unwrap();
    drop(store);
    let file = rusqlite::Connection::open(backend.path()).unwrap();
    file.execute_batch("DELETE FROM audit WHERE number < 6").unwrap();
    drop(file);
    let found = verify(&*backend.open(), &[]).await.unwrap().findings;
    assert_eq!(found.iter().map(|f| (f.number, f.fault)).collect::<Vec<_>>(), [(4, AuditFault::Missing(5))]);
    assert_eq!(found[0].to_string().split(" (").next(), Some("rows 4 to 5 are missing"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_one_chain() {
    let backend = Backend::sqlite_file();
    let (one, other) = (backend.open(), backend.open());
    let busy = tokio::spawn(async move {
        for number in 1..=40 {
            one.audit(vec![entry(number), entry(number + 1)]).await.unwrap();
        }
    });
    for number in 1..=20 {
        other.audit(vec![entry(number)]).await.unwrap();
        // A log that is being written is not one with rows missing.
        assert_eq!(verify(&*other, &[]).await.unwrap().findings, []);
    }
    busy.await.unwrap();
    let verdict = verify(&*other, &[]).await.unwrap();
    assert_eq!((verdict.rows, verdict.ends.len(), verdict.findings), (100, 1, Vec::new()));
}

/// The audit rows about a resource are led to by an index, however many others there are; those of before there was one for
/// ids, and those about what is not stored, as well.
#[tokio::test]
async fn rows_about_a_resource_are_found_without_a_look_at_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("handoff.db");
    let store = SqliteStore::open(&path, parameters()).unwrap();
    let about = |subject: &str| AuditQuery { subject: Some(key(subject)), ..AuditQuery::default() };
    let nobody = |number: u64| AuditEntry { subject: Some(key("Patient/nobody")), ..entry(number) };
    store.audit(vec![nobody(100)]).await.unwrap();
    let mut steps = Vec::new();
    for round in 0..2 {
        for number in 0..100 {
            store.commit(referral(&format!("r{round}-{number}"), PANTRY, noon())).await.unwrap();
        }
        store.audit_rows(&about("Task/r0-50")).await.unwrap();
        let before = store.statement_counts().steps;
        for (subject, request) in [("Task/r0-50", "request-r0-50"), ("Patient/nobody", "request-100")] {
            let found = store.audit_rows(&about(subject)).await.unwrap().rows;
            let requests: Vec<&str> = found.iter().map(|row| row.entry.request.as_str()).collect();
            assert_eq!(requests, [request], "{subject}");
        }
        steps.push(store.statement_counts().steps - before);
    }
    println!("steps to the rows about a resource, among 100 and 200 others: {steps:?}");
    assert_eq!(steps[0], steps[1]);
    let file = rusqlite::Connection::open(&path).unwrap();
    assert_eq!(file.execute("UPDATE audit SET about = NULL WHERE subject = 'Task/r0-50'", []).unwrap(), 1);
    let found = store.audit_rows(&about("Task/r0-50")).await.unwrap();
    assert_eq!(found.rows.len(), 1);
}
