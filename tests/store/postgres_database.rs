//! What is about the PostgreSQL database itself: how it is opened, made, and refused.

use std::sync::Arc;

use handoff::definitions::Definitions;
use handoff::error::Category;
use handoff::referral::Scope;
use handoff::referral::plan::Plan;
use handoff::store::Resources;
use handoff::store::index::SearchParameters;
use handoff::store::postgres::{DatabaseUrl, PostgresStore};

use crate::backend::parameters;
use crate::postgres::server;
use crate::referral::{PANTRY, noon, referral, task_body, write};
use crate::search::query;

#[tokio::test]
async fn a_database_is_made_once_however_many_open_it() {
    let Some(server) = server() else { return };
    let database = server.database();
    let url = DatabaseUrl::parse(&database.url()).unwrap();
    let (one, other) = tokio::join!(PostgresStore::open(&url, parameters()), PostgresStore::open(&url, parameters()));
    drop((one.unwrap(), other.unwrap()));
    assert_eq!(database.sql("SELECT version FROM schema_version").trim(), "2");
    assert_eq!(database.sql("SELECT count(*) FROM store").trim(), "1");
    assert_eq!(database.sql("SELECT count(*), min(ready) FROM index_generation").trim(), "1|1");
    PostgresStore::open(&url, parameters()).await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_ours_or_newer_is_refused() {
    let Some(server) = server() else { return };
    let foreign = server.database();
    foreign.sql("CREATE TABLE members (name text)");
    let open = async |database: &crate::postgres::Database| {
        let url = DatabaseUrl::parse(&database.url()).unwrap();
        PostgresStore::open(&url, parameters()).await.unwrap_err()
    };
    let error = open(&foreign).await;
    assert_eq!(error.category, Category::Unreachable);
    assert!(error.to_string().contains("another program"), "{error}");
    assert_eq!(foreign.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").trim(), "1");

    let newer = server.database();
    PostgresStore::open(&DatabaseUrl::parse(&newer.url()).unwrap(), parameters()).await.unwrap();
    newer.sql("UPDATE schema_version SET version = 4711");
    let error = open(&newer).await;
    assert_eq!(error.category, Category::Unsupported);
    assert!(error.to_string().contains("4711") && error.to_string().contains("newer handoff"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_told() {
    let Some(server) = server() else { return };
    let database = server.database();
    for (url, why) in [
        ("postgres://handoff@127.0.0.1:1/x?sslmode=disable".to_owned(), "cannot be reached"),
        (database.url().replace("test_", "absent_"), "no such database"),
        // This server has no certificate: nothing goes on without encryption.
        (format!("{}?sslmode=require", database.network_url()), "TLS"),
    ] {
        let error = PostgresStore::open(&DatabaseUrl::parse(&url).unwrap(), parameters()).await.unwrap_err();
        assert_eq!(error.category, Category::Unreachable, "{error}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let plain = format!("{}?sslmode=disable", database.network_url());
    PostgresStore::open(&DatabaseUrl::parse(&plain).unwrap(), parameters()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_is_made_anew_when_what_it_is_made_of_has_changed() {
    let Some(server) = server() else { return };
    let database = server.database();
    let url = DatabaseUrl::parse(&database.url()).unwrap();
    let body = r#","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope",
        "code":"patient-privacy"}]},"patient":{"reference":"https://two.example/fhir/Patient/a"},
        "provision":{"type":"permit"}"#;
    let store = PostgresStore::open(&url, parameters()).await.unwrap();
    store.commit(referral("a", PANTRY, noon())).await.unwrap();
    let writes = vec![write("Consent/x", 1, noon(), body)];
    store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
    let rows = "WITH own AS (SELECT id FROM parameter WHERE generation = (SELECT max(id) FROM index_generation))
                SELECT (SELECT count(*) FROM token JOIN own ON id = parameter), (SELECT count(*) FROM text JOIN own ON id = parameter),
                    (SELECT count(*) FROM date JOIN own ON id = parameter), (SELECT count(*) FROM counted JOIN own ON id = parameter)";
    let before = database.sql(rows);
    drop(store);
    let served = SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap().with_base("https://two.example/fhir");
    let served = Arc::new(served);
    let store = PostgresStore::open(&url, &served).await.unwrap();
    let found = async |url: &str| -> Vec<String> {
        let page = store.search(&Scope::Gateway, &query(url)).await.unwrap();
        page.matches.iter().map(|stored| stored.key.to_string()).collect()
    };
    assert_eq!(found("Consent?patient=Patient/a").await, ["Consent/a", "Consent/x"]);
    assert_eq!(found("Task?owner=Organization/harbor-pantry&status=requested").await, ["Task/a"]);
    assert_ne!(
        database
            .sql("SELECT count(*) FROM consent_rule WHERE consent = (SELECT id FROM resource WHERE logical = 'x')")
            .trim(),
        "0"
    );
    // What was found by the whole URL is found by what it leads to, and all else as before.
    let after = database.sql(rows);
    let count = |text: &str| text.trim().split('|').map(|number| number.parse::<i64>().unwrap()).collect::<Vec<_>>();
    assert_eq!(count(&after)[1..], count(&before)[1..]);
    assert_eq!(count(&after)[0], count(&before)[0] - 1);
    // And what is removed later is found to be removed.
    let writes = vec![write("Consent/x", 2, noon(), r#","status":"active""#)];
    store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
    assert_eq!(found("Consent?patient=Patient/a").await, ["Consent/a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_that_were_not_kept_before_are_kept_with_the_next_version() {
    let Some(server) = server() else { return };
    let database = server.database();
    let store = PostgresStore::open(&DatabaseUrl::parse(&database.url()).unwrap(), parameters()).await.unwrap();
    let of = |version, status: &str| write("Task/t", version, noon(), &task_body("t", PANTRY, status));
    store.commit(Plan { writes: vec![of(1, "requested"), of(2, "received")], ..Plan::default() }).await.unwrap();
    database.sql("DELETE FROM task_step");
    store.commit(Plan { writes: vec![of(3, "accepted")], ..Plan::default() }).await.unwrap();
    assert_eq!(
        database.sql("SELECT version FROM task_step ORDER BY version").split_whitespace().collect::<Vec<_>>(),
        ["1", "2", "3"]
    );
}
