//! How much one read may make the database do: counted in its own steps, so the same search of the same rows always needs
//! the same.

use handoff::error::Category;
use handoff::fhir::Key;
use handoff::referral::Scope;
use handoff::referral::plan::Plan;
use handoff::store::Resources;
use handoff::store::sqlite::SqliteStore;
use jiff::SignedDuration;

use crate::backend::parameters;
use crate::referral::{CLINIC, PANTRY, noon, referral, write};
use crate::search::query;

/// What steps are counted in.
const INTERVAL: u64 = 1_000;
/// What counting a row of an index may take.
const MAX_STEPS_OF_COUNTED: u64 = 20;

/// The least number of steps that the search is answered with; with fewer it is refused.
async fn steps(store: &SqliteStore, url: &str) -> u64 {
    steps_of(store, &Scope::Organization(PANTRY.to_owned()), url).await
}

async fn steps_of(store: &SqliteStore, scope: &Scope, url: &str) -> u64 {
    for most in 1..1_000 {
        store.set_max_steps(most * INTERVAL);
        match store.search(scope, &query(url)).await {
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

/// So many drafts of the clinic in one commit.
async fn add_drafts(store: &SqliteStore, round: i64, count: i64) {
    let draft = |number: i64| {
        let updated = noon() + SignedDuration::from_secs(round * count + number);
        write(&format!("Task/d{round}-{number}"), 1, updated, r#","status":"draft","intent":"order""#)
    };
    store.commit(Plan { writes: (0..count).map(draft).collect(), ..Plan::default() }).await.unwrap();
}

#[tokio::test]
async fn a_total_is_exact_or_left_out_and_an_estimate_costs_the_same_of_twice_as_many() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("handoff.db"), parameters()).unwrap();
    let clinic = Scope::Organization(CLINIC.to_owned());
    let total = async |scope: &Scope, url: &str| store.search(scope, &query(url)).await.unwrap().total;
    let (mut estimates, mut counts) = (Vec::new(), Vec::new());
    for round in 0..2 {
        add_drafts(&store, round, 2_100).await;
        let number = 2_100 * (round.unsigned_abs() + 1);
        for scope in [&clinic, &Scope::Gateway] {
            assert_eq!(total(scope, "Task?status=draft&_count=1").await, None);
            assert_eq!(total(scope, "Task?status=draft&_count=1&_total=estimate").await, None);
            for exact in ["_count=1&_total=accurate", "_summary=count", "_count=5000"] {
                assert_eq!(total(scope, &format!("Task?status=draft&{exact}")).await, Some(number), "{exact}");
            }
            // Few candidates: then an estimate is the number itself.
            assert_eq!(total(scope, "Task?_id=d0-1,d0-2,d0-3&status=draft&_count=1&_total=estimate").await, Some(3));
        }
        for (scope, needed) in [(&clinic, &mut estimates), (&Scope::Gateway, &mut counts)] {
            let url = if *scope == clinic { "_total=estimate" } else { "_total=accurate" };
            needed.push(steps_of(&store, scope, &format!("Task?status=draft&_count=1&{url}")).await);
            store.set_max_steps(u64::MAX);
        }
    }
    println!(
        "thousands of steps of an estimate and of a count of one code, of 2,100 and of 4,200: {estimates:?} {counts:?}"
    );
    assert!(estimates[1] <= estimates[0] + 1, "{estimates:?}");
    // The index alone is gone through, some steps a row.
    assert!(counts[1] <= 4_200 * MAX_STEPS_OF_COUNTED / INTERVAL, "{counts:?}");
}
