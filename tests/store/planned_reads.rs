//! What a plan reads, it reads in its own commit: its writes are found, and what is not there refuses the plan.

use handoff::error::Category;
use handoff::referral::plan::{Plan, PlannedRead};
use handoff::referral::{Read, Scope, VersionRange};
use handoff::store::ReadResult;

use crate::backend::{Backend, on_every_backend};
use crate::referral::{CLINIC, PANTRY, key, noon, referral, write};

on_every_backend! {
    the_reads_of_a_plan_find_its_writes,
    a_read_that_finds_nothing_refuses_the_plan,
}

fn planned(organization: &str, read: Read) -> PlannedRead {
    PlannedRead { scope: Scope::Organization(organization.to_owned()), read, path: "Bundle.entry[7]".to_owned() }
}

fn search(kind: &str, name: &str, value: &str) -> Read {
    Read::Search { kind: kind.to_owned(), parameters: vec![(name.to_owned(), value.to_owned())] }
}

async fn the_reads_of_a_plan_find_its_writes(backend: Backend) {
    let store = backend.open();
    store.commit(Plan { writes: vec![write("Task/t", 1, noon(), "")], ..Plan::default() }).await.unwrap();
    let mut plan = Plan { writes: vec![write("Task/t", 2, noon(), "")], ..Plan::default() };
    plan.reads = vec![
        planned(CLINIC, Read::Resource { key: key("Task/t"), version: None }),
        planned(CLINIC, Read::Resource { key: key("Task/t"), version: Some(1) }),
        planned(CLINIC, Read::History { key: key("Task/t"), range: VersionRange::newest(10) }),
        planned(CLINIC, search("Task", "_id", "t")),
        planned(PANTRY, search("Task", "_id", "t")),
    ];
    let found: Vec<Vec<u64>> = store.commit(plan).await.unwrap().reads.iter().map(versions).collect();
    assert_eq!(found, [vec![2], vec![1], vec![2, 1], vec![2], vec![]]);
}

fn versions(result: &ReadResult) -> Vec<u64> {
    match result {
        ReadResult::Resource(stored) => vec![stored.version],
        ReadResult::Versions(versions) => versions.found.iter().map(|stored| stored.version).collect(),
        ReadResult::Page(page) => page.matches.iter().map(|stored| stored.version).collect(),
    }
}

async fn a_read_that_finds_nothing_refuses_the_plan(backend: Backend) {
    let store = backend.open();
    for (read, category) in [
        (Read::Resource { key: key("Task/other"), version: None }, Category::NotFound),
        (Read::Resource { key: key("Task/t"), version: Some(2) }, Category::NotFound),
        (Read::History { key: key("Patient/other"), range: VersionRange::newest(1) }, Category::NotFound),
        (search("Task", "_cursor", "x"), Category::Incorrect),
    ] {
        let mut plan = referral("t", PANTRY, noon());
        plan.reads.push(planned(CLINIC, read.clone()));
        let error = store.commit(plan).await.unwrap_err();
        assert_eq!(error.category, category, "{read:?} {error}");
        assert_eq!(store.read(&Scope::Gateway, &key("Task/t"), None).await.unwrap().map(|stored| stored.version), None);
        assert_eq!(store.changes(PANTRY, 0, 10).await.unwrap().items, []);
    }
    let mut plan = referral("t", PANTRY, noon());
    plan.reads.push(planned(PANTRY, Read::Resource { key: key("Task/t"), version: None }));
    assert_eq!(store.commit(plan).await.unwrap().reads.len(), 1, "what the plan shares is seen by who takes part");
}
