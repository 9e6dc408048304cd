//! What is about the PostgreSQL database itself: how it is opened, made, and refused.

use handoff::error::Category;
use handoff::store::postgres::{DatabaseUrl, PostgresStore};

use crate::backend::parameters;
use crate::postgres::server;

#[tokio::test]
async fn a_database_is_made_once_however_many_open_it() {
    let Some(server) = server() else { return };
    let database = server.database();
    let url = DatabaseUrl::parse(&database.url()).unwrap();
    let (one, other) = tokio::join!(PostgresStore::open(&url, parameters()), PostgresStore::open(&url, parameters()));
    drop((one.unwrap(), other.unwrap()));
    assert_eq!(database.sql("SELECT version FROM schema_version").trim(), "1");
    assert_eq!(database.sql("SELECT count(*) FROM store").trim(), "1");
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
