//! Gateways of two versions on one PostgreSQL database, each with search parameters of its own: both serve and store, each finds at
//! once what the other stored, and the index of the one that is gone goes as well.

use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use handoff::definitions::Definitions;
use handoff::fhir::Key;
use handoff::referral::Scope;
use handoff::referral::plan::{Guard, Plan};
use handoff::store::index::SearchParameters;
use handoff::store::postgres::{DatabaseUrl, PostgresStore};
use handoff::store::query::Query;
use handoff::store::{Resources, Retention};
use jiff::SignedDuration;

use crate::backend::parameters;
use crate::postgres::{Database, server};
use crate::referral::{CLINIC, PANTRY, key, noon, referral, task_body, write};
use crate::search::query;

/// Those of another version: one more, one less.
fn other_parameters() -> &'static Arc<SearchParameters> {
    static OTHER: OnceLock<Arc<SearchParameters>> = OnceLock::new();
    OTHER.get_or_init(|| {
        let shipped = include_str!("../../profiles/handoff/search-parameters.yaml");
        let text = shipped.replace("[name, family, given, birthdate]", "[name, family, gender]");
        assert_ne!(text, shipped);
        Arc::new(SearchParameters::compile(&Definitions::r4().unwrap(), "other.yaml", &text).unwrap())
    })
}

async fn open(database: &Database, parameters: &Arc<SearchParameters>) -> PostgresStore {
    PostgresStore::open(&DatabaseUrl::parse(&database.url()).unwrap(), parameters).await.unwrap()
}

/// The query for the gateway of the other version.
fn query_of_other(url: &str) -> Query {
    let (kind, rest) = url.split_once('?').unwrap();
    let pairs = rest.split('&').map(|pair| pair.split_once('=').unwrap());
    let named: Vec<_> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Query::parse(other_parameters(), kind, &named).unwrap()
}

async fn found(store: &PostgresStore, query: &Query) -> Vec<String> {
    let page = store.search(&Scope::Gateway, query).await.unwrap();
    let mut keys: Vec<String> = page.matches.iter().map(|stored| stored.key.id.clone()).collect();
    keys.sort();
    keys
}

fn status(name: &str, version: u64, status: &str) -> Plan {
    let task = write(&format!("Task/{name}"), version, noon(), &task_body(name, PANTRY, status));
    Plan { writes: vec![task], ..Plan::default() }
}

/// How many rows each generation has.
fn rows(database: &Database) -> Vec<String> {
    let sql = "SELECT p.generation, count(*) FROM token t JOIN parameter p ON p.id = t.parameter GROUP BY 1 ORDER BY 1";
    database.sql(sql).lines().map(str::to_owned).collect()
}

async fn is_whole(store: &PostgresStore) -> bool {
    let report = store.check(NonZeroU64::MIN).await.unwrap();
    assert!(report.index_rows.is_some_and(|rows| rows > 0), "{report:?}");
    report.is_whole()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_versions_serve_beside_each_other_and_each_finds_all_at_once() {
    let Some(server) = server() else { return };
    let database = server.database();
    let older = open(&database, parameters()).await;
    older.commit(referral("first", PANTRY, noon())).await.unwrap();
    let newer = open(&database, other_parameters()).await;
    let requested = "Task?owner=Organization/harbor-pantry&status=requested";
    let (of_older, of_newer) = (query(requested), query_of_other(requested));
    assert_eq!(found(&newer, &of_newer).await, ["first"]);
    // With each change by the one the other looks next, and finds neither less nor what is not so any more.
    let mut expected = vec!["first".to_owned()];
    for round in 0..5 {
        let (by_older, by_newer) = (format!("o{round}"), format!("p{round}"));
        older.commit(referral(&by_older, PANTRY, noon())).await.unwrap();
        expected.push(by_older.clone());
        expected.sort();
        assert_eq!(found(&newer, &of_newer).await, expected);
        newer.commit(referral(&by_newer, PANTRY, noon())).await.unwrap();
        expected.push(by_newer.clone());
        expected.sort();
        assert_eq!(found(&older, &of_older).await, expected);
        // One that the other made, twice, and by the one and then by the other.
        older.commit(status(&by_newer, 2, "accepted")).await.unwrap();
        older.commit(status(&by_newer, 3, "in-progress")).await.unwrap();
        newer.commit(status(&by_older, 2, "accepted")).await.unwrap();
        older.commit(status(&by_older, 3, "in-progress")).await.unwrap();
        expected.retain(|name| *name == "first");
        assert_eq!(found(&newer, &of_newer).await, expected);
        assert_eq!(found(&older, &of_older).await, expected);
        let going = "Task?status=in-progress";
        assert_eq!(found(&newer, &query_of_other(going)).await.len(), 2 * (round + 1));
        assert_eq!(found(&older, &query(going)).await.len(), 2 * (round + 1));
    }
    // What the one does not index, the other does.
    assert_eq!(found(&newer, &query_of_other("Patient?gender=female")).await.len(), 11);
    assert_eq!(found(&older, &query("Patient?birthdate=1987-02-20")).await.len(), 11);
    // Nor does a conditional create of the one miss what the other has just stored.
    newer.commit(referral("last", PANTRY, noon())).await.unwrap();
    let condition = Guard::NoneMatch {
        kind: "Patient".to_owned(),
        parameters: vec![("identifier".to_owned(), "urn:example:elm-clinic:mrn|last".to_owned())],
        organization: CLINIC.to_owned(),
    };
    let again = Plan { guards: vec![condition], ..Plan::default() };
    assert_eq!(older.commit(again).await.unwrap_err().category, handoff::error::Category::Conflict);
    assert!(is_whole(&older).await && is_whole(&newer).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_index_is_made_on_where_it_was_left_and_misses_nothing_that_was_stored_meanwhile() {
    let Some(server) = server() else { return };
    let database = server.database();
    let older = open(&database, parameters()).await;
    for number in 0..40 {
        older.commit(referral(&format!("r{number}"), PANTRY, noon())).await.unwrap();
    }
    drop(open(&database, other_parameters()).await);
    let whole = rows(&database);
    // As a gateway leaves it that is killed behind the hundredth resource.
    for table in ["token", "reference", "text", "date", "counted"] {
        let behind = if table == "counted" { "" } else { "AND resource > 100" };
        database.sql(&format!(
            "DELETE FROM {table} WHERE parameter IN (SELECT id FROM parameter WHERE generation = 2) {behind}"
        ));
    }
    database.sql("UPDATE index_generation SET ready = 0, built = 100 WHERE id = 2");
    // Of what has its rows and of what has none yet, and something new.
    for name in ["r0", "r39"] {
        older.commit(status(name, 2, "accepted")).await.unwrap();
    }
    older.commit(referral("new", PANTRY, noon())).await.unwrap();
    let marked = database.sql("SELECT count(*) FROM index_pending WHERE generation = 2");
    assert_eq!(marked.trim(), "1", "only what has rows is marked");
    let newer = open(&database, other_parameters()).await;
    assert_eq!(found(&newer, &query_of_other("Task?status=accepted")).await, ["r0", "r39"]);
    assert_eq!(found(&newer, &query_of_other("Task?status=requested&_count=100")).await.len(), 39);
    assert_eq!(rows(&database).len(), whole.len());
    assert!(is_whole(&newer).await && is_whole(&older).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_index_that_no_gateway_uses_is_removed_and_who_comes_back_with_it_stores_nothing() {
    let Some(server) = server() else { return };
    let database = server.database();
    let suspended = open(&database, parameters()).await;
    suspended.commit(referral("first", PANTRY, noon())).await.unwrap();
    let unused = "UPDATE index_generation SET used = used - interval '2 days' WHERE id = 1";
    // It says so when it begins; wait for that, and let the time go by.
    tokio::time::sleep(Duration::from_millis(400)).await;
    database.sql(unused);
    let newer = open(&database, other_parameters()).await;
    let mut turns = 0;
    while database.sql("SELECT count(*) FROM parameter WHERE generation = 1").trim() != "0" {
        turns += 1;
        assert!(turns < 200, "it is not removed: {:?}", rows(&database));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(rows(&database).len(), 1);
    assert_eq!(database.sql("SELECT count(*) FROM index_pending").trim(), "0");
    for refused in [
        suspended.commit(referral("late", PANTRY, noon())).await.unwrap_err(),
        suspended.search(&Scope::Gateway, &query("Task?status=requested")).await.unwrap_err(),
    ] {
        assert_eq!(refused.issues[0].key, Key::StoreSchema, "{refused}");
    }
    newer.commit(referral("next", PANTRY, noon())).await.unwrap();
    assert!(is_whole(&newer).await);
    // Begun anew it makes its index anew.
    let again = open(&database, parameters()).await;
    assert_eq!(found(&again, &query("Task?status=requested")).await, ["first", "next"]);
    assert!(again.read(&Scope::Gateway, &key("Task/next"), None).await.unwrap().is_some());
}

/// Of a version that rows are still made of the document is kept until they are made anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_version_that_an_index_still_holds_is_not_removed() {
    let Some(server) = server() else { return };
    let database = server.database();
    let older = open(&database, parameters()).await;
    older.commit(referral("first", PANTRY, noon())).await.unwrap();
    drop(open(&database, other_parameters()).await);
    let patient = |version, family: &str| {
        let body = format!(r#","name":[{{"family":"{family}"}}]"#);
        Plan { writes: vec![write("Patient/first", version, noon(), &body)], ..Plan::default() }
    };
    older.commit(patient(2, "Second")).await.unwrap();
    older.commit(patient(3, "Third")).await.unwrap();
    let mut next = Some(0);
    while let Some(after) = next {
        next = older.prune_versions(noon() + SignedDuration::from_hours(48), after).await.unwrap().next;
    }
    let kept =
        "SELECT string_agg(v.version::text, ',' ORDER BY v.version) FROM version v JOIN resource r ON r.id = v.resource
                JOIN kind k ON k.id = r.kind WHERE k.name = 'Patient' AND v.document <> ''";
    assert_eq!(database.sql(kept).trim(), "1,3");
    let newer = open(&database, other_parameters()).await;
    assert_eq!(found(&newer, &query_of_other("Patient?family=Fennimore")).await, Vec::<String>::new());
    assert_eq!(found(&newer, &query_of_other("Patient?family=Third")).await, ["first"]);
    assert!(is_whole(&newer).await);
}
