//! Who sees what: what one sent, what is shared with one, what is public. The rest is as if it were not there.

use handoff::referral::plan::{GivenResource, Plan, Sharing, Write};
use handoff::referral::{Scope, VersionRange};
use handoff::store::{DirectoryPosition, Store};

use crate::backend::{Backend, directory_changes, on_every_backend};
use crate::referral::{
    CLINIC, PANTRY, SHELTER, key, names, noon, observers, parties, referral, share, sharing, task_body, whole, write,
};

on_every_backend! {
    the_author_and_those_it_is_shared_with_see_a_referral,
    only_what_is_shared_is_seen,
    a_new_share_replaces_the_old_one,
    what_two_tasks_share_is_seen_until_both_end,
    what_is_shared_before_it_is_stored_is_seen_once_it_is,
    the_current_author_counts,
    the_directory_is_for_everyone,
    what_changed_of_the_directory_is_read_alone,
}

fn of(organization: &str) -> Scope {
    Scope::Organization(organization.to_owned())
}

/// Which of the referral's resources are seen, by every way of reading one; all ways have to agree.
async fn seen(store: &dyn Store, organization: &str, name: &str) -> Vec<String> {
    let scope = of(organization);
    let names = names(name);
    let keys = names.each_ref().map(|name| key(name));
    let visible = store.visible(&scope, &keys).await.unwrap();
    let mut seen = Vec::new();
    for (key, visible) in keys.iter().zip(visible) {
        assert_eq!(store.read(&scope, key, None).await.unwrap().is_some(), visible, "{key}");
        assert_eq!(store.read(&scope, key, Some(1)).await.unwrap().is_some(), visible, "{key}");
        assert_eq!(!store.history(&scope, key, VersionRange::newest(9)).await.unwrap().is_empty(), visible, "{key}");
        if key.kind == "Task" {
            assert_eq!(store.referral(&scope, key, true).await.unwrap().is_some(), visible, "{key}");
        }
        if visible {
            seen.push(key.to_string());
        }
    }
    seen
}

async fn the_author_and_those_it_is_shared_with_see_a_referral(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    assert_eq!(seen(&*store, CLINIC, "r").await, names("r"));
    assert_eq!(seen(&*store, PANTRY, "r").await, names("r"));
    assert_eq!(seen(&*store, SHELTER, "r").await, [""; 0]);
    assert_eq!(seen(&*store, "nobody-ever-named", "r").await, [""; 0]);
}

async fn only_what_is_shared_is_seen(backend: Backend) {
    let store = backend.open();
    let mut plan = referral("r", PANTRY, noon());
    plan.shares[0].after = sharing(parties(PANTRY), &["Task/r", "ServiceRequest/r"]);
    store.commit(plan).await.unwrap();
    assert_eq!(seen(&*store, PANTRY, "r").await, ["ServiceRequest/r", "Task/r"]);
    let found = store.referral(&of(PANTRY), &key("Task/r"), false).await.unwrap().unwrap();
    assert_eq!(found.graph.resources().len(), 2);
    assert_eq!(seen(&*store, CLINIC, "r").await, names("r"));
}

async fn a_new_share_replaces_the_old_one(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let for_shelter = sharing(observers(&[SHELTER]), &["Task/r", "Patient/r"]);
    let for_both = sharing(observers(&[PANTRY, SHELTER]), &["Task/r"]);
    let plan = |before: &Sharing, after: &Sharing| Plan {
        shares: vec![share("Task/r", before.clone(), after.clone())],
        ..Plan::default()
    };
    store.commit(plan(&whole("r", PANTRY), &for_shelter)).await.unwrap();
    assert_eq!(seen(&*store, PANTRY, "r").await, [""; 0]);
    assert_eq!(seen(&*store, SHELTER, "r").await, ["Patient/r", "Task/r"]);
    // That it was owed the referral stays true, so that it can be told what it lost.
    assert_eq!(store.changes(PANTRY, 0, 10).await.unwrap().items, [(key("Task/r"), 1)]);
    store.commit(plan(&for_shelter, &for_both)).await.unwrap();
    assert_eq!(seen(&*store, PANTRY, "r").await, ["Task/r"]);
    assert_eq!(seen(&*store, SHELTER, "r").await, ["Task/r"]);
    store.commit(plan(&for_both, &Sharing::default())).await.unwrap();
    assert_eq!(seen(&*store, SHELTER, "r").await, [""; 0]);
    assert_eq!(seen(&*store, CLINIC, "r").await, names("r"));
}

async fn what_two_tasks_share_is_seen_until_both_end(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let of_pantry = |resources: &[&str]| sharing(observers(&[PANTRY]), resources);
    let second = Plan {
        writes: vec![write("Task/second", 1, noon(), &task_body("r", PANTRY, "requested"))],
        shares: vec![share("Task/second", Sharing::default(), of_pantry(&["Task/second", "Patient/r"]))],
        ..Plan::default()
    };
    store.commit(second).await.unwrap();
    assert_eq!(store.sharing(&key("Patient/r")).await.unwrap(), [key("Task/r"), key("Task/second")]);
    let first = share("Task/r", whole("r", PANTRY), of_pantry(&[]));
    store.commit(Plan { shares: vec![first], ..Plan::default() }).await.unwrap();
    assert_eq!(seen(&*store, PANTRY, "r").await, ["Patient/r"]);
    let second = share("Task/second", of_pantry(&["Task/second", "Patient/r"]), of_pantry(&["Task/second"]));
    store.commit(Plan { shares: vec![second], ..Plan::default() }).await.unwrap();
    assert_eq!(seen(&*store, PANTRY, "r").await, [""; 0]);
}

async fn what_is_shared_before_it_is_stored_is_seen_once_it_is(backend: Backend) {
    let store = backend.open();
    let mut plan = referral("r", PANTRY, noon());
    let procedure = key("Procedure/later");
    plan.shares[0].after.resources.push(GivenResource::new(procedure.clone(), CLINIC));
    store.commit(plan).await.unwrap();
    assert!(store.read(&of(PANTRY), &procedure, None).await.unwrap().is_none());
    assert!(store.read(&Scope::Gateway, &procedure, None).await.unwrap().is_none());
    let mut later = write("Procedure/later", 1, noon(), "");
    later.author = None;
    store.commit(Plan { writes: vec![later], ..Plan::default() }).await.unwrap();
    assert!(store.read(&of(PANTRY), &procedure, None).await.unwrap().is_some());
    assert!(store.read(&of(SHELTER), &procedure, None).await.unwrap().is_none());
}

async fn the_current_author_counts(backend: Backend) {
    let store = backend.open();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let mut second = write("Goal/r", 2, noon(), "");
    second.author = Some(SHELTER.to_owned());
    let unshared = share("Task/r", whole("r", PANTRY), Sharing::default());
    store.commit(Plan { writes: vec![second], shares: vec![unshared], ..Plan::default() }).await.unwrap();
    assert_eq!(seen(&*store, SHELTER, "r").await, ["Goal/r"]);
    assert!(!seen(&*store, CLINIC, "r").await.contains(&"Goal/r".to_owned()));
}

async fn the_directory_is_for_everyone(backend: Backend) {
    let store = backend.open();
    let version = store.directory_version();
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    assert_eq!(*version.borrow(), 0);
    let public = |name: &str, version, public| {
        let mut write = write(name, version, noon(), r#","active":true"#);
        (write.author, write.public) = (None, public);
        Plan { writes: vec![write], ..Plan::default() }
    };
    store.commit(public("Organization/harbor-pantry", 1, true)).await.unwrap();
    store.commit(public("HealthcareService/food", 1, true)).await.unwrap();
    assert_eq!(*version.borrow(), 3);
    let listed = async |store: &dyn Store| {
        let (_, found) = directory_changes(store, DirectoryPosition::default()).await;
        assert!(found.iter().all(|stored| stored.public));
        found.iter().map(|stored| stored.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&*store).await, ["Organization/harbor-pantry", "HealthcareService/food"]);
    for organization in [SHELTER, "nobody-ever-named"] {
        let visible = store.visible(&of(organization), &[key("HealthcareService/food")]).await.unwrap();
        assert_eq!(visible, [true], "{organization}");
    }
    store.commit(public("HealthcareService/food", 2, false)).await.unwrap();
    assert_eq!(*version.borrow(), 4);
    assert_eq!(listed(&*store).await, ["Organization/harbor-pantry"]);
    assert_eq!(store.visible(&of(SHELTER), &[key("HealthcareService/food")]).await.unwrap(), [false]);
    drop(store);
    assert_eq!(*backend.open().directory_version().borrow(), 4);
}

async fn what_changed_of_the_directory_is_read_alone(backend: Backend) {
    let store = backend.open();
    let public = |name: &str, version, public| {
        let write = write(name, version, noon(), "");
        let writes = vec![Write { author: None, public, ..write }];
        Plan { writes, ..Plan::default() }
    };
    let changes = async |since| {
        let (position, changed) = directory_changes(&*store, since).await;
        let names = changed.iter().map(|stored| format!("{} {}", stored.key, stored.version));
        (position, names.collect::<Vec<_>>())
    };
    let (none, names) = changes(DirectoryPosition::default()).await;
    assert_eq!((none.seq, none.count, names), (0, 0, vec![]));
    for name in ["HealthcareService/food", "Location/here", "Organization/o", "Organization/p"] {
        store.commit(public(name, 1, true)).await.unwrap();
    }
    store.commit(referral("r", PANTRY, noon())).await.unwrap();
    let (all, names) = changes(none).await;
    assert_eq!((all.seq, all.count), (4, 4));
    // Whoever is named comes before those that name it, whatever was committed first.
    assert_eq!(names, ["Organization/o 1", "Organization/p 1", "Location/here 1", "HealthcareService/food 1"]);
    store.commit(public("Organization/o", 2, true)).await.unwrap();
    store.commit(public("Organization/o", 3, true)).await.unwrap();
    let (after, names) = changes(all).await;
    assert_eq!((after.seq, after.count, names), (7, 4, vec!["Organization/o 3".to_owned()]));
    store.commit(public("Location/here", 2, false)).await.unwrap();
    let (less, names) = changes(after).await;
    assert_eq!((less.seq, less.count, names), (8, 3, vec![]));
}
