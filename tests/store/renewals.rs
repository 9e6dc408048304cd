//! What a change of a widely shared resource leaves for a later time: it is done in groups, each by one gateway, wherever the store is.

use handoff::referral::Scope;
use handoff::referral::plan::Sharing;
use handoff::referral::plan::{DeferredChange, GivenResource, Plan, RenewalPhase, RenewalStep};
use handoff::store::copy::copy;
use handoff::store::postgres::{DatabaseUrl, PostgresStore};
use handoff::store::{RenewalGroup, Resources, Store, StorePlace, conflicting};

use crate::backend::{Backend, on_every_backend, parameters};
use crate::postgres::server;
use crate::referral::{CLINIC, PANTRY, key, noon, referral, share, whole, write};

on_every_backend! { a_change_is_shown_when_it_is_decided_for_all_and_told_to_all }

const SHARED: &str = "Practitioner/shared";

/// Referrals that share one Practitioner.
async fn share_widely(store: &dyn Store) {
    for name in ["r1", "r2", "r3"] {
        let mut plan = referral(name, PANTRY, noon());
        if name == "r1" {
            plan.writes.push(write(SHARED, 1, noon(), ""));
        }
        let mut after = whole(name, PANTRY);
        after.resources.push(GivenResource::new(key(SHARED), CLINIC));
        plan.shares = vec![share(&format!("Task/{name}"), Sharing::default(), after)];
        store.commit(plan).await.unwrap();
    }
}

/// The Practitioner is changed, and led to the Condition of the first referral before.
fn change(version: u64) -> Plan {
    let write = write(SHARED, version, noon(), r#","active":true"#);
    let deferred = DeferredChange {
        resource: write.key.clone(),
        withdrawn: vec![key("Condition/r1")],
        client: "client-1".to_owned(),
        request: "request-1".to_owned(),
    };
    Plan { writes: vec![write], deferred: vec![deferred], ..Plan::default() }
}

fn step(group: &RenewalGroup) -> Plan {
    let RenewalGroup { seq, phase, tasks, after, end, is_last, version, .. } = group.clone();
    let change = write(SHARED, version, noon(), r#","active":true"#);
    let step = RenewalStep { seq, phase, change, tasks, after, end, is_last };
    Plan { renewal: Some(step), ..Plan::default() }
}

/// Which version of it an organization is shown.
async fn shown(store: &dyn Store, organization: &str, name: &str) -> Option<u64> {
    let found = store.read(&Scope::Organization(organization.to_owned()), &key(name), None).await.unwrap();
    found.map(|stored| stored.version)
}

async fn a_change_is_shown_when_it_is_decided_for_all_and_told_to_all(backend: Backend) {
    let store = backend.open();
    share_widely(&*store).await;
    let shared = key(SHARED);
    assert!(store.is_shared_widely(&shared, 2).await.unwrap() && !store.is_shared_widely(&shared, 3).await.unwrap());
    // The second change finds the first one that nobody has begun, and takes it on.
    store.commit(change(2)).await.unwrap();
    let changed = store.commit(change(3)).await.unwrap().seq;
    assert!(store.is_shared_widely(&shared, 3).await.unwrap(), "a change waits");
    assert_eq!(store.statistics().await.unwrap().renewals, 1);
    assert_eq!((shown(&*store, CLINIC, SHARED).await, shown(&*store, PANTRY, SHARED).await), (Some(3), Some(1)));
    assert_eq!(shown(&*store, PANTRY, "Condition/r1").await, None);
    assert!(store.changes(PANTRY, changed - 1, 10).await.unwrap().items.is_empty(), "nobody is told yet");

    let group = store.next_renewal(2).await.unwrap().unwrap();
    assert_eq!((group.phase, group.replaced, group.version), (RenewalPhase::Decide, 1, 3));
    assert_eq!((group.tasks.clone(), group.is_last), (vec![key("Task/r1"), key("Task/r2")], false));
    store.commit(step(&group)).await.unwrap();
    let again = store.commit(step(&group)).await.unwrap_err();
    assert!(conflicting(&again).is_some(), "a group is done once: {again}");
    assert_eq!(shown(&*store, PANTRY, SHARED).await, Some(1));
    assert_eq!(shown(&*store, PANTRY, "Condition/r1").await, Some(1), "its referral is decided");
    let group = store.next_renewal(2).await.unwrap().unwrap();
    assert_eq!((group.tasks.clone(), group.is_last), (vec![key("Task/r3")], true));
    let decided = store.commit(step(&group)).await.unwrap().seq;
    assert_eq!(shown(&*store, PANTRY, SHARED).await, Some(3));

    let mut told = Vec::new();
    while let Some(group) = store.next_renewal(2).await.unwrap() {
        assert_eq!(group.phase, RenewalPhase::Tell);
        store.commit(step(&group)).await.unwrap();
    }
    for (task, seq) in store.changes(PANTRY, decided, 10).await.unwrap().items {
        assert!(seq > decided);
        told.push(task.to_string());
    }
    assert_eq!(told, ["Task/r1", "Task/r2", "Task/r3"]);
    assert_eq!(store.statistics().await.unwrap().renewals, 0);
}

async fn gateway(url: &str) -> PostgresStore {
    PostgresStore::open(&DatabaseUrl::parse(url).unwrap(), parameters()).await.unwrap()
}

/// Does groups until there are none; gives which it did.
async fn renew(store: &PostgresStore) -> Vec<(bool, u64)> {
    let mut done = Vec::new();
    while let Some(group) = store.next_renewal(1).await.unwrap() {
        match store.commit(step(&group)).await {
            Ok(_) => done.push((group.phase == RenewalPhase::Tell, group.end)),
            Err(error) => assert!(conflicting(&error).is_some(), "{error}"),
        }
    }
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn work_that_waits_is_moved_and_each_group_is_done_by_one_gateway() {
    let Some(server) = server() else { return };
    let (backend, database) = (Backend::sqlite_file(), server.database());
    let store = backend.open();
    share_widely(&*store).await;
    store.commit(change(2)).await.unwrap();
    let to = StorePlace::Postgres(Box::new(DatabaseUrl::parse(&database.url()).unwrap()));
    copy(StorePlace::Sqlite(backend.path()), to, &mut |_, _| {}).await.unwrap();
    let (one, other) = (gateway(&database.url()).await, gateway(&database.url()).await);
    assert_eq!(shown(&one, PANTRY, SHARED).await, Some(1));
    let (by_one, by_other) = tokio::join!(renew(&one), renew(&other));
    let mut done = [by_one, by_other].concat();
    done.sort_unstable();
    let tasks: Vec<u64> = done.iter().filter(|(told, _)| !told).map(|(_, end)| *end).collect();
    assert_eq!(done, [false, true].iter().flat_map(|told| tasks.iter().map(|end| (*told, *end))).collect::<Vec<_>>());
    assert_eq!((tasks.len(), shown(&other, PANTRY, SHARED).await), (3, Some(2)));
}
