//! The schema of the database: makes it, brings it to this version step by step, or refuses it.
//!
//! As with SQLite every version is a step of its own, and a step that was released is never changed. `schema_version` says how
//! many steps the database has taken; the steps are taken in one transaction, by one gateway at a time: the others wait for
//! it at an advisory lock, and find them taken.

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::connection::Connection;
use super::url::DatabaseUrl;

/// What each version does to the one before it; the first makes the tables.
const STEPS: &[&str] = &[include_str!("001.sql"), include_str!("002.sql")];

/// The version that this program reads and writes.
pub(super) const NEWEST: i64 = STEPS.len().cast_signed() as i64;

/// The advisory lock of whoever changes the schema: `handoff` in letters.
const LOCK: i64 = 0x0068_616e_646f_6666;

/// Brings the database to the newest version.
pub(super) async fn migrate(connection: &Connection, url: &DatabaseUrl) -> Result<()> {
    connection.batch("BEGIN").await?;
    let migrated = steps(connection, url).await;
    connection.batch(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    migrated
}

async fn steps(connection: &Connection, url: &DatabaseUrl) -> Result<()> {
    connection.query("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = version(connection).await?;
    let missing = usize::try_from(found).ok().and_then(|taken| STEPS.get(taken..));
    let Some(missing) = missing else { return Err(too_new(url, found)) };
    if missing.is_empty() {
        return Ok(());
    }
    if found == 0 {
        refuse_foreign(connection, url).await?;
        connection
            .batch("CREATE TABLE schema_version (version bigint NOT NULL); INSERT INTO schema_version VALUES (0)")
            .await?;
    }
    for step in missing {
        connection.batch(step).await?;
    }
    if found == 0 {
        let id = uuid::Uuid::new_v4().simple().to_string();
        connection
            .execute(
                "INSERT INTO store (one, id, seq, updated, directory, clients, parameters) VALUES (1, $1, 0, 0, 0, 0, '')",
                &[&id],
            )
            .await?;
    } else {
        tracing::info!(from = found, to = STEPS.len(), "the database was brought to the schema of this version");
    }
    connection.execute("UPDATE schema_version SET version = $1", &[&(STEPS.len().cast_signed() as i64)]).await?;
    Ok(())
}

/// Has the database the tables of this version? It has none where it is new.
///
/// # Errors
/// If it is another program's, or another version's.
pub(super) async fn is_there(connection: &Connection, url: &DatabaseUrl) -> Result<bool> {
    match usize::try_from(version(connection).await?) {
        Ok(0) => refuse_foreign(connection, url).await.map(|()| false),
        Ok(found) if found == STEPS.len() => Ok(true),
        Ok(found) if found < STEPS.len() => {
            Err(unusable(url, &"an earlier handoff wrote it; it is brought to this schema when it is served"))
        }
        Ok(found) => Err(too_new(url, found.cast_signed() as i64)),
        Err(_) => Err(unusable(url, &"its schema has no version")),
    }
}

/// How many steps the database has taken.
async fn version(connection: &Connection) -> Result<i64> {
    let is_there = "SELECT to_regclass('schema_version') IS NOT NULL";
    if !connection.query_one(is_there, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    Ok(connection.query_one("SELECT version FROM schema_version", &[]).await?.try_get(0)?)
}

/// A database without a version that holds tables was made by somebody else.
async fn refuse_foreign(connection: &Connection, url: &DatabaseUrl) -> Result<()> {
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";
    let tables: i64 = connection.query_one(tables, &[]).await?.try_get(0)?;
    if tables > 0 { Err(unusable(url, &"it is the database of another program")) } else { Ok(()) }
}

fn too_new(url: &DatabaseUrl, found: i64) -> Error {
    let known = STEPS.len();
    let message = format!(
        "the database {url} has schema {found}, written by a newer handoff; this one reads up to schema {known}"
    );
    Error::new(Category::Unsupported, Issue::error(Key::StoreSchema, "", message))
}

/// The database cannot be used, and why.
pub(super) fn unusable(url: &DatabaseUrl, why: &dyn std::fmt::Display) -> Error {
    let message = format!("the database {url} cannot be used: {why}");
    Error::new(Category::Unreachable, Issue::error(Key::StoreUnusable, "", message))
}
