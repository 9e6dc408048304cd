//! The two ends of a copy of a store from one database to another: see [`crate::store::copy`].

use tokio::runtime::Handle;

use super::connection::{Connection, Pool};
use super::database::PostgresDatabase;
use super::limits::DatabaseLimits;
use super::schema;
use super::url::DatabaseUrl;
use crate::error::Result;
use crate::store::sql::{Database, values};

/// What the session of a copy is set to: it takes as long as it takes.
const OPTIONS: &str = "-c statement_timeout=0";

/// Makes the tables of a database that is to be written to.
///
/// # Errors
/// If it cannot be used, is another program's, or was written by a newer version of this one.
pub(in crate::store) async fn make_tables(url: &DatabaseUrl) -> Result<()> {
    let connection = connect(url).await?;
    schema::migrate(&connection, url).await
}

/// Reads one state of the database, from a thread that may be blocked.
pub(in crate::store) fn read_copied<T>(
    url: &DatabaseUrl,
    runtime: &Handle,
    read: impl FnOnce(&dyn Database) -> Result<T>,
) -> Result<T> {
    let connection = runtime.block_on(connect(url))?;
    runtime.block_on(connection.batch("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))?;
    let outcome = read(&PostgresDatabase::new(&connection, runtime));
    connection.discard();
    outcome
}

/// Writes to the database, from a thread that may be blocked.
pub(in crate::store) fn write_copy<T>(
    url: &DatabaseUrl,
    runtime: &Handle,
    write: impl FnOnce(&dyn Database) -> Result<T>,
) -> Result<T> {
    let connection = runtime.block_on(connect(url))?;
    let database = PostgresDatabase::new(&connection, runtime);
    let outcome = write(&database);
    if outcome.is_ok() {
        // What is known of the tables is as they were: empty.
        database.execute("ANALYZE", values![])?;
    }
    connection.discard();
    outcome
}

/// The newest commit and how many resources there are; nothing where there are no tables yet.
pub(super) async fn read_tables(url: &DatabaseUrl) -> Result<Option<(u64, u64)>> {
    let connection = connect(url).await?;
    if !schema::is_there(&connection, url).await? {
        return Ok(None);
    }
    let sql = "SELECT seq, (SELECT coalesce(sum(resources), 0)::bigint FROM kind) FROM store";
    let found = connection.query_one(sql, &[]).await?;
    let (commit, resources): (i64, i64) = (found.try_get(0)?, found.try_get(1)?);
    Ok(Some((commit.cast_unsigned(), resources.cast_unsigned())))
}

async fn connect(url: &DatabaseUrl) -> Result<Connection> {
    let connection = Pool::new(url, OPTIONS, 1, &DatabaseLimits::default())?.connection().await;
    connection.map_err(|error| schema::unusable(url, &error))
}
