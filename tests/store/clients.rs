//! Clients, and several processes on one store.

use std::time::Duration;

use handoff::error::Category;
use handoff::fhir::Key;
use handoff::referral::Scope;
use handoff::store::ClientRow;
use handoff::store::sqlite::SqliteStore;

use crate::backend::{Backend, on_every_backend, parameters};
use crate::referral::{PANTRY, at, key, noon, referral};

on_every_backend! {
    clients_are_added_replaced_and_revoked,
    the_store_counts,
}

fn client(id: &str) -> ClientRow {
    ClientRow {
        id: id.to_owned(),
        name: "Harbor Pantry intake".to_owned(),
        role: "agency".to_owned(),
        organization: PANTRY.to_owned(),
        acts_for: vec!["lantern-housing".to_owned(), "wayside-care".to_owned()],
        hash: [7; 32],
        certificates: Vec::new(),
        created: noon(),
        revoked: None,
    }
}

async fn clients_are_added_replaced_and_revoked(backend: Backend) {
    let store = backend.open();
    let version = store.clients_version();
    for id in ["b", "a"] {
        store.put_client(client(id)).await.unwrap();
    }
    assert_eq!(*version.borrow(), 2);
    let renamed = ClientRow { name: "Harbor Pantry night shift".to_owned(), ..client("b") };
    store.put_client(renamed.clone()).await.unwrap();
    assert_eq!(store.clients().await.unwrap(), [renamed.clone(), client("a")]);
    let first = at("2026-11-22T08:00:00Z");
    assert!(store.revoke_client("a", first).await.unwrap());
    assert!(store.revoke_client("a", at("2026-11-23T08:00:00Z")).await.unwrap());
    assert!(!store.revoke_client("c", first).await.unwrap());
    drop(store);
    let revoked = ClientRow { revoked: Some(first), ..client("a") };
    assert_eq!(backend.open().clients().await.unwrap(), [renamed, revoked]);
}

#[tokio::test]
async fn a_row_shown_for_debugging_has_no_hash() {
    let message = format!("{:?}", client("a"));
    assert!(message.contains("agency") && !message.contains("7, 7") && !message.contains("0707"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_writes_is_noticed() {
    let backend = Backend::sqlite_file();
    let (serving, other) = (backend.open(), backend.open());
    let soon = Duration::from_secs(20);
    let (mut clients, mut newest) = (serving.clients_version(), serving.newest(PANTRY));
    other.put_client(client("a")).await.unwrap();
    tokio::time::timeout(soon, clients.wait_for(|version| *version == 1)).await.unwrap().unwrap();
    assert_eq!(serving.clients().await.unwrap(), [client("a")]);
    other.commit(referral("a", PANTRY, noon())).await.unwrap();
    tokio::time::timeout(soon, newest.wait_for(|seq| *seq == 1)).await.unwrap().unwrap();
    assert_eq!(serving.commit(referral("b", PANTRY, noon())).await.unwrap().seq, 2);
    assert_eq!(other.store_id(), serving.store_id());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_write_by_turns() {
    let backend = Backend::sqlite_file();
    let (one, other) = (backend.open(), backend.open());
    let busy: Vec<_> = (0..8)
        .map(|sender| {
            let store = one.clone();
            tokio::spawn(async move {
                for number in 0..25 {
                    store.commit(referral(&format!("s{sender}-{number}"), PANTRY, noon())).await.unwrap();
                }
            })
        })
        .collect();
    for number in 0..10 {
        other.put_client(client(&format!("c{number}"))).await.unwrap();
        other.commit(referral(&format!("o{number}"), PANTRY, noon())).await.unwrap();
    }
    for sender in busy {
        sender.await.unwrap();
    }
    let changes = one.changes(PANTRY, 0, 1000).await.unwrap();
    let mut sequences: Vec<u64> = changes.items.iter().map(|(_, seq)| *seq).collect();
    assert_eq!(sequences, (1..=210).collect::<Vec<u64>>());
    sequences.dedup();
    assert_eq!((sequences.len(), one.clients().await.unwrap().len()), (210, 10));
}

#[tokio::test]
async fn stores_have_their_own_names() {
    let (one, other) = (Backend::sqlite_file(), Backend::sqlite_file());
    let id = one.open().store_id().to_owned();
    assert!(!id.is_empty());
    assert_eq!(one.open().store_id(), id);
    assert_ne!(other.open().store_id(), id);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let backend = Backend::sqlite_file();
    drop(backend.open());
    rusqlite::Connection::open(backend.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = SqliteStore::open(&backend.path(), parameters()).unwrap_err();
    assert_eq!((error.category, error.issues[0].key), (Category::Unsupported, Key::StoreSchema));
    assert!(error.to_string().contains("schema 99"), "{error}");
}

#[test]
fn a_file_of_another_kind_is_refused() {
    let backend = Backend::sqlite_file();
    std::fs::write(backend.path(), "these are the notes of the last meeting, and no database at all\n".repeat(40))
        .unwrap();
    let error = SqliteStore::open(&backend.path(), parameters()).unwrap_err();
    assert_eq!(error.issues[0].key, Key::StoreUnusable, "{error}");
    let foreign = Backend::sqlite_file();
    let other = rusqlite::Connection::open(foreign.path()).unwrap();
    other.execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let error = SqliteStore::open(&foreign.path(), parameters()).unwrap_err();
    assert_eq!(error.issues[0].key, Key::StoreUnusable, "{error}");
}

async fn the_store_counts(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    store.commit(referral("b", PANTRY, noon())).await.unwrap();
    let statistics = store.statistics().await.unwrap();
    let tasks = statistics.resources.iter().find(|(kind, _)| kind == "Task").map(|(_, count)| *count);
    assert_eq!((statistics.newest, statistics.commits, tasks), (2, 2, Some(2)));
    assert!(statistics.groups >= 1 && statistics.bytes > 0);
    assert_eq!(statistics.resources.len(), 8, "organizations are only named");
    assert!(store.visible(&Scope::Gateway, &[key("Organization/harbor-pantry")]).await.unwrap() == [false]);
}
