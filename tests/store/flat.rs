//! What does not grow with what is stored: the same is asked of a store and of one with twice as much, and the steps of the
//! database are counted.

use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;

use handoff::definitions::Definitions;
use handoff::referral::Scope;
use handoff::referral::plan::{Guard, Plan};
use handoff::store::index::SearchParameters;
use handoff::store::query::Query;
use handoff::store::sqlite::{SqliteStore, StatementCounts, check};
use handoff::store::{Resources, Stored};
use jiff::SignedDuration;

use crate::backend::{Backend, on_every_backend, parameters};
use crate::referral::{CLINIC, PANTRY, noon, patient_body, referral, write};
use crate::search::query;

on_every_backend! {
    how_many_have_a_code_is_kept_with_every_change,
}

const STATE: &str = "urn:handoff:fhir:CodeSystem:referral-state";

/// What the database did meanwhile.
fn since(store: &SqliteStore, before: StatementCounts) -> StatementCounts {
    let now = store.statement_counts();
    StatementCounts { steps: now.steps - before.steps, sorts: now.sorts - before.sorts, ..now }
}

/// Adds people of this name, from the number `first` on.
async fn add_people(store: &SqliteStore, first: u32, count: u32) {
    for group in 0..count / 500 {
        let people = (0..500).map(|place| first + group * 500 + place);
        let at = noon() + SignedDuration::from_secs(i64::from(first + group));
        let body = |number: u32| patient_body(&format!("p{number:06}"), "Springfield");
        let writes = people.map(|number| write(&format!("Patient/p{number:06}"), 1, at, &body(number))).collect();
        store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
    }
}

#[tokio::test]
async fn the_first_page_of_a_name_that_all_have_is_not_sorted() {
    let store = SqliteStore::in_memory(parameters()).unwrap();
    let mut needed = Vec::new();
    for round in 0..2 {
        add_people(&store, round * 2_500, 2_500).await;
        let mut of_round = Vec::new();
        for url in ["Patient?name=fenn&_count=20", "Patient?name:contains=ennim&_count=20"] {
            // Once before it is counted: the statement is compiled.
            let found = store.search(&Scope::Gateway, &query(url)).await.unwrap();
            assert_eq!((found.matches.len(), found.next.is_some()), (20, true));
            let first = found.matches.first().map(|first: &Stored| first.key.id.clone());
            assert_eq!(first.as_deref(), Some("p000000"));
            let before = store.statement_counts();
            store.search(&Scope::Gateway, &query(url)).await.unwrap();
            let did = since(&store, before);
            assert_eq!(did.sorts, 0, "{url}");
            of_round.push(did.steps);
        }
        needed.push(of_round);
    }
    println!("steps of the first page among 2,500 and 5,000 of the name: {needed:?}");
    for (before, after) in needed[0].iter().zip(&needed[1]) {
        assert!(after * 10 <= before * 11, "{needed:?}");
    }
    // What is found is the same, to the last page.
    let mut asked = query("Patient?name=fenn&_count=1000");
    let mut all = Vec::new();
    loop {
        let page = store.search(&Scope::Gateway, &asked).await.unwrap();
        all.extend(page.matches.iter().map(|stored| stored.key.id.clone()));
        let Some(next) = page.next else { break };
        asked = Query { page: Some(next), ..asked };
    }
    assert_eq!((all.len(), all.is_sorted()), (5_000, true));
    let found = store.search(&Scope::Gateway, &query("Patient?name:contains=nobody")).await.unwrap();
    assert_eq!(found.total, Some(0));
}

async fn in_state(store: &dyn Resources, code: &str) -> u64 {
    let url = format!("Task?business-status={STATE}|{code}&_summary=count");
    store.search(&Scope::Gateway, &query(&url)).await.unwrap().total.unwrap()
}

fn in_position(name: &str, version: u64, code: &str) -> Plan {
    let coded =
        format!(r#"{{"coding":[{{"system":"{STATE}","code":"{code}"}},{{"system":"{STATE}","code":"{code}"}}]}}"#);
    let body = format!(r#","status":"requested","businessStatus":{coded}"#);
    Plan { writes: vec![write(&format!("Task/{name}"), version, noon(), &body)], ..Plan::default() }
}

async fn how_many_have_a_code_is_kept_with_every_change(backend: Backend) {
    let store = backend.open();
    for name in ["a", "b", "c"] {
        store.commit(in_position(name, 1, "sent")).await.unwrap();
    }
    assert_eq!((in_state(&*store, "sent").await, in_state(&*store, "accepted").await), (3, 0));
    store.commit(in_position("a", 2, "accepted")).await.unwrap();
    // What is refused counts nothing.
    store.commit(in_position("b", 5, "accepted")).await.unwrap_err();
    assert_eq!((in_state(&*store, "sent").await, in_state(&*store, "accepted").await), (2, 1));
    store.commit(in_position("a", 3, "sent")).await.unwrap();
    assert_eq!((in_state(&*store, "sent").await, in_state(&*store, "accepted").await), (3, 0));
    let listed = store.search(&Scope::Gateway, &query(&format!("Task?business-status={STATE}|sent"))).await.unwrap();
    assert_eq!(listed.matches.len(), 3);
    assert_eq!(in_state(&*store, "never-heard-of").await, 0);
}

#[tokio::test]
async fn how_many_have_a_code_costs_the_same_however_many_have_it() {
    let store = SqliteStore::in_memory(parameters()).unwrap();
    let mut needed = Vec::new();
    for round in 0..2 {
        for number in 0..100 {
            store.commit(in_position(&format!("t{round}-{number}"), 1, "sent")).await.unwrap();
        }
        let before = store.statement_counts();
        assert_eq!(in_state(&store, "sent").await, 100 * (round + 1));
        needed.push(since(&store, before).steps);
    }
    println!("steps of counting 100 and 200: {needed:?}");
    assert_eq!(needed[0], needed[1]);
}

/// A condition is asked by the writer again: that no resource has the value is one look, whatever else there is.
#[tokio::test]
async fn a_condition_costs_the_same_however_much_is_stored() {
    let store = SqliteStore::in_memory(parameters()).unwrap();
    let mut needed = Vec::new();
    for round in 0..2 {
        for number in 0..60 {
            store.commit(referral(&format!("r{round}-{number}"), PANTRY, noon())).await.unwrap();
        }
        let mut steps = Vec::new();
        for guarded in [false, true] {
            let name = format!("Patient/new-{round}-{guarded}");
            let mut plan = Plan { writes: vec![write(&name, 1, noon(), "")], ..Plan::default() };
            if guarded {
                plan.guards = vec![Guard::NoneMatch {
                    kind: "Patient".to_owned(),
                    parameters: vec![("identifier".to_owned(), "urn:example:elm-clinic:mrn|not-yet".to_owned())],
                    organization: CLINIC.to_owned(),
                }];
            }
            let before = store.statement_counts();
            store.commit(plan).await.unwrap();
            steps.push(since(&store, before).steps);
        }
        needed.push(steps[1] - steps[0]);
    }
    println!("steps of a condition among 60 and 120 referrals: {needed:?}");
    assert_eq!(needed[0], needed[1]);
    assert!(needed[0] < 200, "{needed:?}");
}

fn served_at(base: &str) -> Arc<SearchParameters> {
    Arc::new(SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap().with_base(base))
}

fn about(name: &str, subject: &str) -> Plan {
    let body = format!(r#","subject":{{"reference":"{subject}"}}"#);
    Plan { writes: vec![write(&format!("Condition/{name}"), 1, noon(), &body)], ..Plan::default() }
}

async fn conditions_of(store: &SqliteStore, served: &SearchParameters, subject: &str) -> Vec<String> {
    let asked = Query::parse(served, "Condition", &[("subject".to_owned(), subject.to_owned())]).unwrap();
    let page = store.search(&Scope::Gateway, &asked).await.unwrap();
    page.matches.into_iter().map(|stored| stored.key.id).collect()
}

async fn is_whole(path: &Path, served: &Arc<SearchParameters>) {
    let report = check::check(path, served, NonZeroU64::MIN).await.unwrap();
    assert!(report.is_whole() && report.index_rows.is_some(), "{report:?}");
}

#[tokio::test]
async fn another_base_url_makes_no_index_anew() {
    let (first, second) = ("http://127.0.0.1:8080/fhir", "https://gateway.example/fhir/");
    let folder = tempfile::tempdir().unwrap();
    let mut needed = Vec::new();
    for count in [40, 80] {
        let path = folder.path().join(format!("{count}.db"));
        let served = served_at(first);
        let store = SqliteStore::open(&path, &served).unwrap();
        for number in 0..count {
            store.commit(referral(&format!("r{number}"), PANTRY, noon())).await.unwrap();
        }
        store.commit(about("relative", "Patient/r1")).await.unwrap();
        store.commit(about("own", &format!("{first}/Patient/r1"))).await.unwrap();
        store.commit(about("other", "https://gateway.example/fhir/Patient/r1")).await.unwrap();
        store.commit(about("near", "https://gateway.example/fhirx/Patient/r1")).await.unwrap();
        assert_eq!(conditions_of(&store, &served, "Patient/r1").await, ["r1", "relative", "own"]);
        drop(store);
        is_whole(&path, &served).await;

        let moved = served_at(second);
        let store = SqliteStore::open(&path, &moved).unwrap();
        needed.push(store.statement_counts().steps);
        // Under whichever URL somebody was told of it.
        for subject in
            ["Patient/r1", "https://gateway.example/fhir/Patient/r1", "http://127.0.0.1:8080/fhir/Patient/r1"]
        {
            let found = conditions_of(&store, &moved, subject).await;
            assert_eq!(found, ["r1", "relative", "own", "other"], "{subject}");
        }
        // A new version leaves no row of the one before behind.
        let mut plan = about("own", "Patient/r2");
        plan.writes[0] = write("Condition/own", 2, noon(), r#","subject":{"reference":"Patient/r2"}"#);
        store.commit(plan).await.unwrap();
        assert_eq!(conditions_of(&store, &moved, "Patient/r1").await, ["r1", "relative", "other"]);
        drop(store);
        is_whole(&path, &moved).await;

        let again = SqliteStore::open(&path, &served).unwrap();
        assert_eq!(conditions_of(&again, &served, "Patient/r1").await, ["r1", "relative", "other"]);
    }
    println!("steps of opening 40 and 80 referrals under another URL: {needed:?}");
    assert!(needed[1] * 20 <= needed[0] * 21, "{needed:?}");
}
