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

use tokio::sync::watch;

use crate::error::{Category, Error, Result};

use super::WriteState;
use super::index::SearchParameters;
use super::index_ids::Index;
use super::newest::NewestSequences;
use super::sql;
use connection::Pool;
pub(super) use index_value::{fit, is_cut};
pub(super) use moving::{make_tables, read_copied, write_copy};
use readers::Readers;
pub use url::{DatabaseUrl, TlsMode};

mod audit;
mod connection;
mod credentials;
mod database;
mod error;
mod feed;
mod health;
mod index;
mod index_value;
mod moving;
mod read_only;
mod readers;
mod resources;
mod retention;
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
    readers: Readers,
    newest_sequences: Arc<NewestSequences>,
    write_state: watch::Receiver<WriteState>,
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
        let readers = Readers::new(Pool::new(url, READER_OPTIONS, READERS)?);
        let (id, earlier_ids) = readers.read(|reader| sql::feed::ids(reader)).await?;
        let newest_sequences = Arc::new(NewestSequences::default());
        let refreshed = newest_sequences.clone();
        readers.read(move |reader| sql::newest::refresh(&refreshed, reader)).await?;
        let (_, write_state) = watch::channel(WriteState::Stopped(read_only::refusal()));
        Ok(Self { id, earlier_ids, index: Arc::new(index), readers, newest_sequences, write_state })
    }

    /// From now on, ends what would take longer than SQLite has for these steps.
    pub fn set_max_steps(&self, most: u64) {
        self.readers.set_max_steps(most);
    }
}

/// What cannot be reached when the gateway starts was named wrongly, or is not there.
fn at_start(url: &DatabaseUrl, error: Error) -> Error {
    match error.category {
        Category::Busy => schema::unusable(url, &error),
        _ => error,
    }
}
