//! Who follows the changes misses none, sees each once, and asks no database when there is nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use handoff::referral::Scope;
use handoff::referral::plan::{FeedEntry, GivenResource, Plan, Sharing};
use handoff::store::{Changes, Store};

use crate::backend::{Backend, on_every_backend};
use crate::referral::{
    CLINIC, PANTRY, SHELTER, key, noon, observers, patient_body, referral, share, task_body, whole, write,
};

on_every_backend! {
    a_follower_misses_nothing_whatever_runs_beside_it,
    each_task_is_given_once_at_its_newest_change,
    a_change_of_what_is_shared_makes_what_is_owed_new,
    what_is_shared_before_it_is_stored_makes_what_is_owed_new,
    the_changes_of_one_sequence_are_not_cut,
    a_long_poll_is_woken,
}

fn items(changes: &Changes) -> Vec<(String, u64)> {
    changes.items.iter().map(|(task, seq)| (task.to_string(), *seq)).collect()
}

fn named(items: &[(&str, u64)]) -> Vec<(String, u64)> {
    items.iter().map(|(task, seq)| ((*task).to_owned(), *seq)).collect()
}

async fn each_task_is_given_once_at_its_newest_change(backend: Backend) {
    let store = backend.open();
    for name in ["a", "b", "c"] {
        store.commit(referral(name, PANTRY, noon())).await.unwrap();
    }
    store.commit(referral("elsewhere", SHELTER, noon())).await.unwrap();
    let changed = Plan {
        writes: vec![write("Task/a", 2, noon(), &task_body("a", PANTRY, "accepted"))],
        feed: vec![FeedEntry { organization: PANTRY.to_owned(), task: key("Task/a") }],
        ..Plan::default()
    };
    store.commit(changed).await.unwrap();
    for store in [store, backend.open()] {
        let all = store.changes(PANTRY, 0, 10).await.unwrap();
        assert_eq!(items(&all), named(&[("Task/b", 2), ("Task/c", 3), ("Task/a", 5)]));
        assert_eq!(all.newest, 5);
        let first = store.changes(PANTRY, 0, 1).await.unwrap();
        assert_eq!((items(&first), first.newest), (named(&[("Task/b", 2)]), 2));
        let rest = store.changes(PANTRY, first.newest, 10).await.unwrap();
        assert_eq!(items(&rest), named(&[("Task/c", 3), ("Task/a", 5)]));
        let none = store.changes(PANTRY, 5, 10).await.unwrap();
        assert_eq!((none.items.len(), none.newest), (0, 5));
        assert_eq!(*store.newest(PANTRY).borrow(), 5);
        assert_eq!(*store.newest(SHELTER).borrow(), 4);
        assert_eq!(*store.newest("nobody-ever-named").borrow(), 0);
    }
}

async fn a_change_of_what_is_shared_makes_what_is_owed_new(backend: Backend) {
    let store = backend.open();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    store.commit(referral("b", PANTRY, noon())).await.unwrap();
    let moved =
        Plan { writes: vec![write("Patient/a", 2, noon(), &patient_body("a", "Shelbyville"))], ..Plan::default() };
    let mut newest = store.newest(PANTRY);
    newest.mark_unchanged();
    store.commit(moved).await.unwrap();
    assert_eq!(*newest.borrow_and_update(), 3);
    assert_eq!(items(&store.changes(PANTRY, 2, 10).await.unwrap()), named(&[("Task/a", 3)]));
    // The clinic is owed nothing, so nothing is new for it.
    assert_eq!(*store.newest(CLINIC).borrow(), 0);
    // Who no longer sees the Task is told of no further change; the last one it was owed can still be told.
    let after = Sharing { parties: observers(&[SHELTER]), ..whole("a", PANTRY) };
    let unshared = share("Task/a", whole("a", PANTRY), after);
    store.commit(Plan { shares: vec![unshared], ..Plan::default() }).await.unwrap();
    let again = Plan { writes: vec![write("Patient/a", 3, noon(), "")], ..Plan::default() };
    store.commit(again).await.unwrap();
    assert!(!newest.has_changed().unwrap());
    assert_eq!(items(&store.changes(PANTRY, 0, 10).await.unwrap()), named(&[("Task/b", 2), ("Task/a", 3)]));
}

async fn what_is_shared_before_it_is_stored_makes_what_is_owed_new(backend: Backend) {
    let store = backend.open();
    let mut plan = referral("a", PANTRY, noon());
    plan.shares[0].after.resources.push(GivenResource::new(key("Procedure/later"), CLINIC));
    store.commit(plan).await.unwrap();
    store.commit(Plan { writes: vec![write("Procedure/other", 1, noon(), "")], ..Plan::default() }).await.unwrap();
    assert_eq!(items(&store.changes(PANTRY, 1, 10).await.unwrap()), []);
    store.commit(Plan { writes: vec![write("Procedure/later", 1, noon(), "")], ..Plan::default() }).await.unwrap();
    assert_eq!(items(&store.changes(PANTRY, 1, 10).await.unwrap()), named(&[("Task/a", 3)]));
}

async fn the_changes_of_one_sequence_are_not_cut(backend: Backend) {
    let store = backend.open();
    let mut plan = referral("a", PANTRY, noon());
    for name in ["b", "c"] {
        let other = referral(name, PANTRY, noon());
        plan.writes.extend(other.writes);
        plan.shares.extend(other.shares);
        plan.feed.extend(other.feed);
    }
    store.commit(plan).await.unwrap();
    store.commit(referral("d", PANTRY, noon())).await.unwrap();
    let first = store.changes(PANTRY, 0, 1).await.unwrap();
    assert_eq!((first.items.len(), first.newest), (3, 1));
    assert_eq!(items(&store.changes(PANTRY, 1, 1).await.unwrap()), named(&[("Task/d", 2)]));
}

async fn a_long_poll_is_woken(backend: Backend) {
    let store = backend.open();
    let mut newest = store.newest(PANTRY);
    let waiting = tokio::spawn(async move {
        newest.wait_for(|seq| *seq > 0).await.unwrap();
        *newest.borrow()
    });
    store.commit(referral("noise", SHELTER, noon())).await.unwrap();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    let woken = tokio::time::timeout(Duration::from_secs(10), waiting).await.unwrap().unwrap();
    assert_eq!(woken, 2);
    // What is announced can be read.
    assert_eq!(items(&store.changes(PANTRY, 0, 10).await.unwrap()), named(&[("Task/a", 2)]));
}

/// Follows the changes until the Task `end` comes; how often each Task came, and at which sequence last.
async fn follow(store: Arc<dyn Store>, limit: usize) -> BTreeMap<String, (u64, usize)> {
    let (mut cursor, mut seen) = (0, BTreeMap::new());
    let mut newest = store.newest(PANTRY);
    loop {
        newest.wait_for(|seq| *seq > cursor).await.unwrap();
        let changes = store.changes(PANTRY, cursor, limit).await.unwrap();
        assert!(changes.items.is_sorted_by_key(|(_, seq)| *seq));
        assert!(changes.items.iter().all(|(_, seq)| *seq > cursor));
        for (task, seq) in changes.items {
            let times = seen.get(&task.to_string()).map_or(0, |(_, times)| *times);
            seen.insert(task.to_string(), (seq, times + 1));
            // What was announced is there.
            assert!(store.visible(&Scope::Organization(PANTRY.to_owned()), &[task]).await.unwrap()[0]);
        }
        cursor = changes.newest;
        if seen.contains_key("Task/end") {
            return seen;
        }
    }
}

async fn a_follower_misses_nothing_whatever_runs_beside_it(backend: Backend) {
    let store = backend.open();
    let followers = [1, 7, 1000].map(|limit| tokio::spawn(follow(store.clone(), limit)));
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut newest = BTreeMap::new();
                for number in 0..15 {
                    let name = format!("w{writer}-{number}");
                    let owner = if number % 5 == 4 { SHELTER } else { PANTRY };
                    let mut seq = store.commit(referral(&name, owner, noon())).await.unwrap().seq;
                    if number % 2 == 0 {
                        let body = patient_body(&name, "Shelbyville");
                        let plan = Plan {
                            writes: vec![write(&format!("Patient/{name}"), 2, noon(), &body)],
                            ..Plan::default()
                        };
                        seq = store.commit(plan).await.unwrap().seq;
                    }
                    if owner == PANTRY {
                        newest.insert(format!("Task/{name}"), seq);
                    }
                }
                newest
            })
        })
        .collect();
    let mut expected = BTreeMap::new();
    for writer in writers {
        expected.append(&mut writer.await.unwrap());
    }
    let end = store.commit(referral("end", PANTRY, noon())).await.unwrap();
    expected.insert("Task/end".to_owned(), end.seq);
    for follower in followers {
        let seen = tokio::time::timeout(Duration::from_mins(1), follower).await.unwrap().unwrap();
        assert!(seen.values().all(|(_, times)| *times <= 2), "no version is given twice");
        let last: BTreeMap<String, u64> = seen.into_iter().map(|(task, (seq, _))| (task, seq)).collect();
        assert_eq!(last, expected);
    }
}
