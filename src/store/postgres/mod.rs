//! The store in a PostgreSQL database: for more machines than one.
//!
//! What is promised is what SQLite promises, whichever gateway asks: a commit that was answered is durable, on the synchronous
//! standby too where the database has one; sequences become visible in their order. The row of `store` is the order: whoever
//! commits locks it first, so that the next one sees all that was committed before (numbers of a database sequence would become
//! visible out of order).
//!
//! How it works: each gateway has one thread that writes (`write`), on one connection, a group of plans in one transaction;
//! what can be computed before is computed before. What reads takes a connection of the pool. What was committed is told to the
//! other gateways (`notices`), and a look at the row of `store` finds what was told and lost: by the writer for those who wait, and
//! before anything is decided by what is in memory (`catch_up`).

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::error::{Category, Error, Result};

use super::WriteState;
use super::index::SearchParameters;
use super::index_ids::Index;
use super::newest::NewestSequences;
use super::sql;
use super::write_queue::{self, Jobs, WriteCounters};
use catch_up::CatchUp;
use connection::Pool;
pub(super) use index_value::{fit, is_cut};
pub use limits::DatabaseLimits;
pub(super) use moving::{make_tables, read_copied, write_copy};
use notices::Announced;
use readers::Readers;
pub use url::{DatabaseUrl, TlsMode};
use write::blocking::BlockingConnection;
use write::committer::Committer;
use write::connection::WriterConnection;

mod audit;
mod catch_up;
mod check;
mod connection;
mod credentials;
mod database;
mod error;
mod feed;
mod health;
mod index;
mod index_value;
mod leases;
mod limits;
mod moving;
mod notices;
mod readers;
mod resources;
mod retention;
mod schema;
mod tls;
mod url;
mod write;
mod writing;

/// What the session that writes is set to, beside how long a statement may take: where this gateway hangs with the order in its
/// hands, the others go on. It looks up what it knows by its key, so a plan that does is right however large the tables become, and
/// is made once.
const WRITER_OPTIONS: &str = "-c lock_timeout=20s -c idle_in_transaction_session_timeout=15s \
    -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c plan_cache_mode=force_generic_plan";

/// What gets the index ready when the database is opened.
type PrepareIndex = fn(&BlockingConnection, &Arc<SearchParameters>) -> Result<Index>;

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
    announced: Announced,
    catch_up: CatchUp,
    counters: Arc<WriteCounters>,
    jobs: Jobs<Committer>,
    write_state: watch::Receiver<WriteState>,
    listener: AbortHandle,
}

impl PostgresStore {
    /// Opens the database; its tables are made where there are none.
    ///
    /// # Errors
    /// If the database cannot be used, is another program's, or was written by a newer version of this one.
    pub async fn open(url: &DatabaseUrl, parameters: &Arc<SearchParameters>) -> Result<Self> {
        Self::open_with(url, parameters, &DatabaseLimits::default()).await
    }

    /// Opens it to take so much of it.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn open_with(
        url: &DatabaseUrl,
        parameters: &Arc<SearchParameters>,
        limits: &DatabaseLimits,
    ) -> Result<Self> {
        Self::start(url, parameters, index::prepare, limits).await
    }

    /// Opens the database to administer it. Clients are read and changed; resources are read, and neither written nor searched, so
    /// its index is left as it is.
    ///
    /// # Errors
    /// As [`PostgresStore::open`].
    pub async fn open_for_clients(url: &DatabaseUrl, parameters: &Arc<SearchParameters>) -> Result<Self> {
        Self::start(url, parameters, index::none, &DatabaseLimits::default()).await
    }

    async fn start(
        url: &DatabaseUrl,
        parameters: &Arc<SearchParameters>,
        prepare: PrepareIndex,
        limits: &DatabaseLimits,
    ) -> Result<Self> {
        let options = format!("-c statement_timeout={}s {WRITER_OPTIONS}", limits.write.as_secs());
        let writers = Pool::new(url, &options, 1, limits)?;
        let writer = writers.connection().await.map_err(|error| at_start(url, error))?;
        schema::migrate(&writer, url).await?;
        let (io, wanted) = (Handle::current(), parameters.clone());
        // The index may have to be made anew, which takes its time.
        let prepared = tokio::task::spawn_blocking(move || prepare(&BlockingConnection::new(writer, io), &wanted));
        let index = Arc::new(prepared.await.map_err(Error::fault)??);
        let readers = Readers::new(Pool::new(url, "", limits.readers, limits)?, limits.read);
        let (id, earlier_ids) = readers.read(|reader| sql::feed::ids(reader)).await?;
        let newest_sequences = Arc::new(NewestSequences::default());
        let (refreshed, announced) = (newest_sequences.clone(), Announced::default());
        let seq = readers.read(move |reader| {
            sql::newest::refresh(&refreshed, reader)?;
            sql::feed::newest_commit(reader)
        });
        announced.raise(seq.await?.cast_signed());
        let catch_up = CatchUp::new(url, limits, newest_sequences.clone(), announced.clone())?;
        let (state, write_state) = watch::channel(WriteState::Open);
        let counters = Arc::new(WriteCounters::default());
        let (jobs, waiting) = Jobs::channel();
        let listener = tokio::spawn(notices::listen(url.clone(), *limits, newest_sequences.clone(), announced.clone()));
        let committer = Committer::new(
            WriterConnection::new(writers, Handle::current()),
            index.clone(),
            limits.index_kept,
            newest_sequences.clone(),
            counters.clone(),
            announced.clone(),
            state,
        );
        let thread = std::thread::Builder::new().name("store-write".to_owned());
        thread.spawn(move || write_queue::run(committer, &waiting)).map_err(Error::fault)?;
        let listener = listener.abort_handle();
        Ok(Self {
            id,
            earlier_ids,
            index,
            readers,
            newest_sequences,
            announced,
            catch_up,
            counters,
            jobs,
            write_state,
            listener,
        })
    }

    /// What resources are indexed by.
    fn index(&self) -> Result<&Arc<Index>> {
        if self.index.ids.is_empty() {
            return Err(Error::fault("the store was opened to administer clients only"));
        }
        Ok(&self.index)
    }
}

impl Drop for PostgresStore {
    /// What was sent is written all the same.
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// What cannot be reached when the gateway starts was named wrongly, or is not there.
fn at_start(url: &DatabaseUrl, error: Error) -> Error {
    match error.category {
        Category::Busy => schema::unusable(url, &error),
        _ => error,
    }
}
