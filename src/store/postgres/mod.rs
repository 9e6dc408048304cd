//! The store in a PostgreSQL database: for more machines than one.
//!
//! What is promised is what SQLite promises, whichever gateway asks: a commit that was answered is durable, on the synchronous
//! standby too where the database has one; sequences become visible in their order. The row of `store` is the order: whoever
//! commits locks it first, so that the next one sees all that was committed before (numbers of a database sequence would become
//! visible out of order).
//!
//! How it works: each gateway has one task that writes (`committer`), on one connection, a group of plans in one transaction;
//! what can be computed before is computed before. What reads takes a connection of the pool.

// Until the parts that read and write stand on what is here.
#![allow(dead_code)]

use std::sync::Arc;

use crate::error::{Category, Error, Result};

use super::index::SearchParameters;
use super::index_ids::Index;
use connection::{Connection, Pool};
pub use url::{DatabaseUrl, TlsMode};

mod connection;
mod error;
mod index;
mod index_value;
mod schema;
mod tls;
mod url;

/// How many connections read, unless the settings say otherwise.
const READERS: usize = 8;
/// What a session that reads is set to: a read that takes longer is ended.
const READER_OPTIONS: &str = "-c statement_timeout=30s -c default_transaction_read_only=on";
/// What the session that writes is set to: where this gateway hangs with the order in its hands, the others go on.
const WRITER_OPTIONS: &str = "-c statement_timeout=60s -c lock_timeout=20s -c idle_in_transaction_session_timeout=15s";

/// A store in a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    /// The name of its cursors
    id: String,
    /// Names that its cursors had before it was restored from a copy, each with the last commit that they stand for
    earlier_ids: Vec<(String, u64)>,
    index: Arc<Index>,
    readers: Pool,
}

impl PostgresStore {
    /// Opens the database; its tables are made where there are none.
    ///
    /// # Errors
    /// If the database cannot be used, is another program's, or was written by a newer version of this one.
    pub async fn open(url: &DatabaseUrl, parameters: &Arc<SearchParameters>) -> Result<Self> {
        let writers = Pool::new(url, WRITER_OPTIONS, 1)?;
        let writer = writers.connection().await.map_err(|error| at_start(url, error))?;
        schema::migrate(&writer, url).await?;
        let index = index::prepare(&writer, parameters).await?;
        let (id, earlier_ids) = ids(&writer).await?;
        let readers = Pool::new(url, READER_OPTIONS, READERS)?;
        Ok(Self { id, earlier_ids, index: Arc::new(index), readers })
    }

    /// A connection to read with.
    async fn reader(&self) -> Result<Connection> {
        self.readers.connection().await
    }
}

/// What cannot be reached when the gateway starts was named wrongly, or is not there.
fn at_start(url: &DatabaseUrl, error: Error) -> Error {
    match error.category {
        Category::Busy => schema::unusable(url, &error),
        _ => error,
    }
}

/// The name of the cursors that are given, and the names that they had before the store was restored from a copy, each with
/// the last commit that a cursor of that name may stand for.
async fn ids(connection: &Connection) -> Result<(String, Vec<(String, u64)>)> {
    let mut name: String = connection.query_one("SELECT id FROM store", &[]).await?.try_get(0)?;
    let mut earlier: Vec<(String, u64)> = Vec::new();
    for row in connection.query("SELECT cursors, seq FROM restored ORDER BY number", &[]).await? {
        let seq = row.try_get::<_, i64>(1)?.cast_unsigned();
        // What a later copy no longer held is gone for all names before.
        for (_, last) in &mut earlier {
            *last = seq.min(*last);
        }
        earlier.push((std::mem::replace(&mut name, row.try_get(0)?), seq));
    }
    Ok((name, earlier))
}
