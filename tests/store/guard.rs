//! Conditional creates: a condition is asked inside the transaction, so of many that ask at once one creates.

use std::sync::Arc;

use handoff::error::{Category, Result};
use handoff::referral::Scope;
use handoff::referral::plan::{Guard, Plan};
use handoff::store::query::Query;
use handoff::store::{Committed, Store, conflicting};

use crate::backend::{Backend, on_every_backend, parameters};
use crate::referral::{CLINIC, PANTRY, SHELTER, key, noon, referral, write};

on_every_backend! {
    of_two_hundred_concurrent_conditional_creates_one_creates,
    a_condition_looks_with_the_eyes_of_its_organization,
    a_condition_that_no_longer_matches_holds,
    a_condition_that_cannot_be_read_is_refused,
}

/// Creates a Task with this identifier, if the organization sees none that has it.
fn create(name: &str, identifier: &str, organization: &str) -> Plan {
    let body = format!(r#","identifier":[{{"system":"urn:example:order","value":"{identifier}"}}]"#);
    let mut write = write(name, 1, noon(), &body);
    write.author = Some(organization.to_owned());
    Plan { writes: vec![write], guards: vec![none("Task", identifier, organization)], ..Plan::default() }
}

fn none(kind: &str, identifier: &str, organization: &str) -> Guard {
    Guard::NoneMatch {
        kind: kind.to_owned(),
        parameters: vec![("identifier".to_owned(), format!("urn:example:order|{identifier}"))],
        organization: organization.to_owned(),
    }
}

fn commit(store: &Arc<dyn Store>, plan: Plan) -> tokio::task::JoinHandle<Result<Committed>> {
    let store = store.clone();
    tokio::spawn(async move { store.commit(plan).await })
}

async fn of_two_hundred_concurrent_conditional_creates_one_creates(backend: Backend) {
    let store = backend.open();
    let tries: Vec<_> = (0..200).map(|n| commit(&store, create(&format!("Task/t{n}"), "order-1", CLINIC))).collect();
    let (mut made, mut refused) = (Vec::new(), Vec::new());
    for one in tries {
        match one.await.unwrap() {
            Ok(committed) => made.push(committed.writes[0].key.clone()),
            Err(error) => {
                assert_eq!(error.category, Category::Conflict);
                refused.push(conflicting(&error).unwrap());
            }
        }
    }
    assert_eq!((made.len(), refused.len()), (1, 199));
    assert!(refused.iter().all(|found| *found == made[0]), "each is told which one is there");
    let query = Query::parse(parameters(), "Task", &[("identifier".to_owned(), "order-1".to_owned())]).unwrap();
    let found = store.search(&Scope::Gateway, &query).await.unwrap();
    assert_eq!((found.total, found.matches.len()), (Some(1), 1));
    assert_eq!(store.statistics().await.unwrap().newest, 1);
}

async fn a_condition_looks_with_the_eyes_of_its_organization(backend: Backend) {
    let store = backend.open();
    store.commit(create("Task/a", "order-1", CLINIC)).await.unwrap();
    // Another organization numbers its orders on its own, and does not learn that the number is taken.
    store.commit(create("Task/b", "order-1", SHELTER)).await.unwrap();
    let error = store.commit(create("Task/c", "order-1", SHELTER)).await.unwrap_err();
    assert_eq!(conflicting(&error), Some(key("Task/b")));
    store.commit(create("Task/c", "order-2", SHELTER)).await.unwrap();
}

async fn a_condition_that_no_longer_matches_holds(backend: Backend) {
    let store = backend.open();
    store.commit(create("Task/a", "order-1", CLINIC)).await.unwrap();
    let changed = write("Task/a", 2, noon(), r#","identifier":[{"system":"urn:example:order","value":"order-9"}]"#);
    store.commit(Plan { writes: vec![changed], ..Plan::default() }).await.unwrap();
    store.commit(create("Task/b", "order-1", CLINIC)).await.unwrap();
    assert!(store.commit(create("Task/c", "order-9", CLINIC)).await.is_err());
}

async fn a_condition_that_cannot_be_read_is_refused(backend: Backend) {
    let store = backend.open();
    let mut plan = referral("r", PANTRY, noon());
    plan.guards.push(Guard::NoneMatch {
        kind: "Task".to_owned(),
        parameters: vec![("no-such-thing".to_owned(), "x".to_owned())],
        organization: CLINIC.to_owned(),
    });
    assert_eq!(store.commit(plan).await.unwrap_err().category, Category::Incorrect);
    assert_eq!(store.statistics().await.unwrap().newest, 0);
}
