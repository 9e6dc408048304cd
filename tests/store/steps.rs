//! How much one read may make the database do: counted in its own steps, so the same search of the same rows always needs
//! the same.

use handoff::error::Category;
use handoff::fhir::Key;
use handoff::referral::Scope;
use handoff::store::Resources;
use handoff::store::sqlite::SqliteStore;
use jiff::SignedDuration;

use crate::backend::parameters;
use crate::referral::{PANTRY, noon, referral};
use crate::search::query;

/// What steps are counted in.
const INTERVAL: u64 = 1_000;

/// The least number of steps that the search is answered with; with fewer it is refused.
async fn steps(store: &SqliteStore, url: &str) -> u64 {
    let scope = Scope::Organization(PANTRY.to_owned());
    for most in 1..1_000 {
        store.set_max_steps(most * INTERVAL);
        match store.search(&scope, &query(url)).await {
            Ok(_) => return most,
            Err(error) => {
                assert_eq!((error.category, error.issues[0].key), (Category::Unprocessable, Key::SearchCostly));
            }
        }
    }
    panic!("{url} is never answered");
}

#[tokio::test]
async fn a_search_takes_as_many_steps_as_there_are_rows_and_no_more_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("handoff.db"), parameters()).unwrap();
    let mut needed = Vec::new();
    for round in 0..2 {
        for number in 0..60 {
            let name = format!("r{round}-{number}");
            store
                .commit(referral(&name, PANTRY, noon() + SignedDuration::from_secs(round * 60 + number)))
                .await
                .unwrap();
        }
        needed.push(steps(&store, "Task?_count=1000").await);
    }
    println!("thousands of steps of a search of 60 and of 120: {needed:?}");
    assert!(needed[0] > 1 && needed[1] > needed[0] && needed[1] <= 4 * needed[0], "{needed:?}");
    // A write is not limited, and neither is the next read.
    store.set_max_steps(5 * INTERVAL);
    store.commit(referral("last", PANTRY, noon() + SignedDuration::from_hours(1))).await.unwrap();
    store.set_max_steps(u64::MAX);
    store.search(&Scope::Organization(PANTRY.to_owned()), &query("Task?_count=1000")).await.unwrap();
}
