//! The store in one SQLite file: nothing to install, and nothing lost.
//!
//! What is promised: when a commit is answered, its transaction is in the write-ahead log and the log is synced
//! (`journal_mode = WAL`, `synchronous = FULL`), so it survives `kill -9` and, as far as the disk keeps its word, loss
//! of power. A commit that was not answered is there whole or not at all. Several processes may open one file: writes
//! take turns, sequences stay one order, and what another process wrote is noticed within a quarter of a second.
//!
//! Where the database does not take what is written (a full disk, a file that is gone, one that another version of the
//! program has changed), every write says so and nothing of it is stored; what can be read is read meanwhile.
//!
//! How it works: one thread writes (`writer`), a few read (`reader`), and no thread that keeps many requests going touches the
//! file; those that work on few read it themselves. What
//! can be computed before the transaction (parsing, index rows) is computed by the sender. A store in memory has one
//! connection, so there the thread that writes reads as well.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::referral::VersionRange;
use crate::referral::plan::{AuditEntry, Idempotency, Plan};
use crate::referral::scope::Scope;

use super::audit_chain::{AuditRow, ChainEnd};
use super::index::SearchParameters;
use super::index_ids::Index;
use super::newest::NewestSequences;
use super::prepared::PreparedPlan;
use super::query::Query;
use super::sql::{self, newest, read, referral, search};
use super::write_queue::{self, Jobs};
use super::{
    AuditLog, AuditPage, AuditQuery, Changes, ClientRow, Committed, ConsentQuery, Credentials, DirectoryPosition, Feed,
    GivenConsent, Health, Page, PrunedVersions, RenewalGroup, Resources, Retention, Statistics, StoreFuture, Stored,
    StoredReferral, Versions, WriteState,
};
use in_use::FileUse;
use reader::Readers;
use session::Session;
use statement::{Connection, StatementCounters};
use writer::{Counters, Writer};

mod audit;
pub mod backup;
mod bases;
pub mod check;
mod clients;
mod commit;
mod connection;
mod consents;
mod counted;
mod database;
mod error;
mod feed;
mod file_identity;
mod in_use;
mod keys;
mod leases;
mod moving;
mod multi_insert;
mod pending_plan;
mod read_queue;
mod reader;
mod reindex;
pub mod restore;
mod retention;
mod room;
mod rows;
mod schema;
mod session;
mod shares;
mod statement;
mod step_limit;
mod task_steps;
mod unanswered;
mod withheld;
mod writer;

pub(super) use moving::{read_copied, write_copy};
pub use statement::StatementCounts;

/// Threads that read. More than cores would only wait for each other.
const READERS: usize = 4;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    /// The name of its cursors
    id: String,
    /// What resources are indexed by; none where they are neither written nor searched
    index: Option<Arc<Index>>,
    /// Names that its cursors had before it was restored from a copy, each with the last commit that they stand for
    earlier_ids: Vec<(String, u64)>,
    newest_sequences: Arc<NewestSequences>,
    counters: Arc<Counters>,
    statements: Arc<StatementCounters>,
    readers: Readers,
    /// None once it is being dropped
    jobs: Option<Jobs<Writer>>,
    writer: Option<JoinHandle<()>>,
    write_state: watch::Receiver<WriteState>,
}

impl SqliteStore {
    /// Opens the file, which is made where it is missing. Where the search parameters have changed since it was
    /// written, its index is made anew.
    ///
    /// # Errors
    /// If the file cannot be used, is another program's, or was written by a newer version of this one.
    pub fn open(path: &Path, parameters: &Arc<SearchParameters>) -> Result<Self> {
        let connection = connection::open_writer(path)?;
        let index = reindex::prepare(&connection, parameters)?;
        let usage = FileUse::served(path)?;
        usage.mark(&connection)?;
        let statements = connection.counters().clone();
        Self::start(connection, usage, Some(Arc::new(index)), Some(path), |_| {
            Readers::start(path, READERS, &statements)
        })
    }

    /// From now on, ends every read of the file that takes more steps of the database than these.
    pub fn set_max_steps(&self, most: u64) {
        self.readers.set_max_steps(most);
    }

    /// What its statements have come to so far, on all of its connections.
    pub fn statement_counts(&self) -> StatementCounts {
        self.statements.counts()
    }

    /// A store of its own in memory, gone when it is dropped: for tests of what stands on a store. One connection
    /// writes and reads, so what is read is what was committed before.
    ///
    /// # Errors
    /// If there is no memory for it.
    pub fn in_memory(parameters: &Arc<SearchParameters>) -> Result<Self> {
        let connection = connection::open_memory()?;
        let index = reindex::prepare(&connection, parameters)?;
        let statements = connection.counters().clone();
        Self::start(connection, FileUse::None, Some(Arc::new(index)), None, |jobs| {
            Ok(Readers::at_writer(jobs.clone(), statements))
        })
    }

    /// Opens the file to administer it. Clients are read and changed; resources are read, and neither written nor
    /// searched, so what indexes them is not needed.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub fn open_for_clients(path: &Path) -> Result<Self> {
        let writer = connection::open_writer(path)?;
        let statements = writer.counters().clone();
        Self::start(writer, FileUse::Command, None, Some(path), |_| Readers::start(path, READERS, &statements))
    }

    /// Opens a file that has to be there, to look at it: nothing of it is changed, be it a copy without its log.
    ///
    /// # Errors
    /// If it is not there, is another program's, or was written by another version of this one.
    pub fn open_read_only(path: &Path) -> Result<Self> {
        let reader = connection::open_existing(path)?;
        schema::require_newest(&reader, path)?;
        let statements = reader.counters().clone();
        Self::start(reader, FileUse::None, None, Some(path), |_| Readers::start(path, READERS, &statements))
    }

    /// Lets the file grow to no more than this many bytes; to what it has, if that is more already.
    ///
    /// # Errors
    /// Where the database takes no writes.
    pub async fn limit_size(&self, bytes: u64) -> Result<()> {
        let counters = self.counters.clone();
        self.write(move |session| {
            let page: i64 = session.connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
            let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
            session.connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            counters.room.fetch_min(room::room(session.connection, None)?, Ordering::Relaxed);
            Ok(())
        })
        .await
    }

    fn start(
        mut connection: Connection,
        usage: FileUse,
        index: Option<Arc<Index>>,
        path: Option<&Path>,
        readers: impl FnOnce(&Jobs<Writer>) -> Result<Readers>,
    ) -> Result<Self> {
        connection::begin_serving(&mut connection)?;
        let (id, earlier_ids) = sql::feed::ids(&connection)?;
        let statements = connection.counters().clone();
        let newest_sequences = Arc::new(NewestSequences::default());
        newest::refresh(&newest_sequences, &connection)?;
        let counters = Arc::new(Counters::default());
        let (jobs, waiting) = Jobs::channel();
        let readers = readers(&jobs)?;
        let (write_state, state) = watch::channel(WriteState::Open);
        let writer = Writer::new(
            connection,
            usage,
            path,
            index.clone(),
            newest_sequences.clone(),
            counters.clone(),
            write_state,
        );
        let thread = std::thread::Builder::new().name("store-write".to_owned());
        let thread = thread.spawn(move || write_queue::run(writer, &waiting)).map_err(Error::fault)?;
        Ok(Self {
            id,
            index,
            earlier_ids,
            newest_sequences,
            counters,
            statements,
            readers,
            jobs: Some(jobs),
            writer: Some(thread),
            write_state: state,
        })
    }

    /// What resources are indexed by.
    fn index(&self) -> Result<&Arc<Index>> {
        self.index.as_ref().ok_or_else(|| Error::fault("the store was opened to administer clients only"))
    }

    /// Has this done by the writer.
    fn write<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Session<'_>) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        match &self.jobs {
            Some(jobs) => jobs.submit(work),
            None => Box::pin(std::future::ready(Err(super::write_state::store_stopped()))),
        }
    }
}

impl Drop for SqliteStore {
    /// Waits until everything that was sent is written.
    fn drop(&mut self) {
        self.readers.stop();
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

impl Resources for SqliteStore {
    fn commit(&self, plan: Plan) -> StoreFuture<'_, Committed> {
        Box::pin(async move {
            let read = |keys: Vec<_>| self.readers.read(move |reader| read::documents(reader, &keys));
            let prepared = PreparedPlan::of(plan, &self.index()?.definition, read).await?;
            match &self.jobs {
                Some(jobs) => pending_plan::submit(jobs, prepared).await,
                None => Err(super::write_state::store_stopped()),
            }
        })
    }

    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a ResourceKey,
        version: Option<u64>,
    ) -> StoreFuture<'a, Option<Stored>> {
        let (scope, key) = (scope.clone(), key.clone());
        self.readers.read(move |reader| read::read(reader, &scope, &key, version))
    }

    fn read_each<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<Option<Stored>>> {
        let (scope, keys) = (scope.clone(), keys.to_vec());
        self.readers.read(move |reader| read::read_each(reader, &scope, &keys))
    }

    fn history<'a>(&'a self, scope: &'a Scope, key: &'a ResourceKey, range: VersionRange) -> StoreFuture<'a, Versions> {
        let (scope, key) = (scope.clone(), key.clone());
        self.readers.read(move |reader| read::history(reader, &scope, &key, range))
    }

    fn visible<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<bool>> {
        let (scope, keys) = (scope.clone(), keys.to_vec());
        self.readers.read(move |reader| read::visible(reader, &scope, &keys))
    }

    fn may_share<'a>(&'a self, organization: &'a str, key: &'a ResourceKey) -> StoreFuture<'a, bool> {
        let (organization, key) = (organization.to_owned(), key.clone());
        self.readers.read(move |reader| read::may_share(reader, &organization, &key))
    }

    fn search<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            let (index, scope, query) = (self.index()?.clone(), scope.clone(), query.clone());
            self.readers.read(move |reader| search::search(reader, &index, &scope, &query)).await
        })
    }

    fn search_each<'a>(&'a self, scope: &'a Scope, queries: &'a [Query]) -> StoreFuture<'a, Vec<Page>> {
        Box::pin(async move {
            let (index, scope, queries) = (self.index()?.clone(), scope.clone(), queries.to_vec());
            let each = move |reader: &Connection| {
                queries.iter().map(|query| search::search(reader, &index, &scope, query)).collect()
            };
            self.readers.read(each).await
        })
    }

    fn referral<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        with_history: bool,
    ) -> StoreFuture<'a, Option<StoredReferral>> {
        let (scope, task) = (scope.clone(), task.clone());
        self.readers.read(move |reader| referral::referral(reader, &scope, &task, with_history, None))
    }

    fn referral_each<'a>(
        &'a self,
        scope: &'a Scope,
        tasks: &'a [ResourceKey],
    ) -> StoreFuture<'a, Vec<Result<Option<StoredReferral>>>> {
        let (scope, tasks) = (scope.clone(), tasks.to_vec());
        self.readers.read(move |reader| {
            Ok(tasks.iter().map(|task| referral::referral(reader, &scope, task, true, None)).collect())
        })
    }

    fn referral_as_of<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        seq: u64,
    ) -> StoreFuture<'a, Option<StoredReferral>> {
        let (scope, task) = (scope.clone(), task.clone());
        self.readers.read(move |reader| referral::referral(reader, &scope, &task, true, Some(seq)))
    }

    fn sharing<'a>(&'a self, key: &'a ResourceKey) -> StoreFuture<'a, Vec<ResourceKey>> {
        let key = key.clone();
        self.readers.read(move |reader| read::sharing(reader, &key))
    }

    fn is_shared_widely<'a>(&'a self, key: &'a ResourceKey, tasks: usize) -> StoreFuture<'a, bool> {
        let key = key.clone();
        self.readers.read(move |reader| sql::renewals::is_shared_widely(reader, &key, tasks))
    }

    fn next_renewal(&self, tasks: usize) -> StoreFuture<'_, Option<RenewalGroup>> {
        self.readers.read(move |reader| sql::renewals::next(reader, tasks))
    }

    fn consents<'a>(&'a self, patient: &'a ResourceKey, query: &'a ConsentQuery) -> StoreFuture<'a, Vec<GivenConsent>> {
        let (patient, query) = (patient.clone(), query.clone());
        self.readers.read(move |reader| sql::consents::find(reader, &patient, &query))
    }

    fn resting_on<'a>(
        &'a self,
        patient: &'a ResourceKey,
        consent: &'a ResourceKey,
        refuses: bool,
    ) -> StoreFuture<'a, Vec<ResourceKey>> {
        let (patient, consent) = (patient.clone(), consent.clone());
        self.readers.read(move |reader| sql::consents::resting(reader, &patient, &consent, refuses))
    }

    fn idempotent<'a>(&'a self, client: &'a str, key: &'a str) -> StoreFuture<'a, Option<Idempotency>> {
        let (client, key) = (client.to_owned(), key.to_owned());
        self.readers.read(move |reader| read::idempotent(reader, &client, &key))
    }

    fn directory_changes(
        &self,
        since: DirectoryPosition,
        changes: mpsc::Sender<Stored>,
    ) -> StoreFuture<'_, DirectoryPosition> {
        // Each change is waited for by whoever asks.
        self.readers.read_elsewhere(move |reader| sql::directory::changes(reader, since, &changes))
    }

    fn directory_version(&self) -> watch::Receiver<u64> {
        self.newest_sequences.directory()
    }

    fn statistics(&self) -> StoreFuture<'_, Statistics> {
        let counters = self.counters.clone();
        self.readers.read(move |reader| {
            let of_database = sql::statistics::of_database(reader)?;
            Ok(Statistics { room: counters.room.load(Ordering::Relaxed), ..counters.writes.add_to(of_database) })
        })
    }
}

impl Feed for SqliteStore {
    fn changes<'a>(&'a self, organization: &'a str, since: u64, limit: usize) -> StoreFuture<'a, Changes> {
        if *self.newest_sequences.organization(organization).borrow() <= since {
            return Box::pin(std::future::ready(Ok(Changes { items: Vec::new(), newest: since })));
        }
        let organization = organization.to_owned();
        self.readers.read(move |reader| sql::feed::changes(reader, &organization, since, limit))
    }

    fn newest(&self, organization: &str) -> watch::Receiver<u64> {
        self.newest_sequences.organization(organization)
    }

    fn newest_commit(&self) -> StoreFuture<'_, u64> {
        self.readers.read(|reader| sql::feed::newest_commit(reader))
    }

    fn store_id(&self) -> &str {
        &self.id
    }

    fn earlier_ids(&self) -> &[(String, u64)] {
        &self.earlier_ids
    }
}

impl Health for SqliteStore {
    fn write_state(&self) -> watch::Receiver<WriteState> {
        self.write_state.clone()
    }
}

impl Retention for SqliteStore {
    fn prune_keys(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.write(move |session| retention::prune_keys(session.connection, before))
    }

    fn prune_versions(&self, before: Timestamp, after: u64) -> StoreFuture<'_, PrunedVersions> {
        self.write(move |session| retention::prune_versions(session.connection, before, after))
    }
}

impl Credentials for SqliteStore {
    fn clients(&self) -> StoreFuture<'_, Vec<ClientRow>> {
        self.readers.read(|reader| sql::clients::all(reader))
    }

    fn save_client(&self, client: ClientRow, remembered: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        self.write(move |session| {
            clients::put(session, &client)?;
            audit::write(session, &remembered)
        })
    }

    fn end_client<'a>(&'a self, id: &'a str, at: Timestamp, remembered: Vec<AuditEntry>) -> StoreFuture<'a, bool> {
        let id = id.to_owned();
        self.write(move |session| {
            let found = clients::revoke(session, &id, at.as_millisecond())?;
            audit::write(session, if found { &remembered } else { &[] })?;
            Ok(found)
        })
    }

    fn clients_version(&self) -> watch::Receiver<u64> {
        self.newest_sequences.clients()
    }
}

impl AuditLog for SqliteStore {
    fn audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        self.write(move |session| audit::write(session, &entries))
    }

    fn audit_rows<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, AuditPage> {
        let query = query.clone();
        self.readers.read(move |reader| sql::audit::rows(reader, &query))
    }

    fn audit_count<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, u64> {
        let query = query.clone();
        self.readers.read(move |reader| sql::audit::count(reader, &query))
    }

    fn audit_row<'a>(&'a self, chain: &'a str, number: u64) -> StoreFuture<'a, Option<AuditRow>> {
        let chain = chain.to_owned();
        self.readers.read(move |reader| sql::audit::one(reader, &chain, number))
    }

    fn audit_chains(&self) -> StoreFuture<'_, Vec<ChainEnd>> {
        self.readers.read(|reader| sql::audit::ends(reader))
    }

    fn audit_chain<'a>(&'a self, chain: &'a str, after: (u64, u64), limit: usize) -> StoreFuture<'a, Vec<AuditRow>> {
        let chain = chain.to_owned();
        self.readers.read(move |reader| sql::audit::chain(reader, &chain, after, limit))
    }

    fn prune_audit(&self, before: Timestamp, entry: AuditEntry) -> StoreFuture<'_, u64> {
        self.write(move |session| audit::prune(session, before, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;
    use crate::fhir::Key;

    /// What a panic left behind is not known, so nothing is acknowledged after it; what is stored can be read.
    #[tokio::test]
    async fn a_writer_that_panics_has_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_for_clients(&folder.path().join("handoff.db")).unwrap();
        let mut state = store.write_state();
        let write = |store: &SqliteStore| {
            store.write(|session| Ok(session.connection.execute("INSERT INTO room VALUES (x'00')", [])?))
        };
        assert_eq!(write(&store).await.unwrap(), 1);
        assert_eq!(*state.borrow(), WriteState::Open);
        let refused = |error: Error| (error.category, error.issues[0].key);
        let dies = store.write::<()>(|session| {
            session.connection.execute("INSERT INTO room VALUES (x'01')", [])?;
            panic!("as a fault in our own code would");
        });
        assert_eq!(refused(dies.await.unwrap_err()), (Category::Busy, Key::StoreStopped));
        state.wait_for(|state| matches!(state, WriteState::Stopped(_))).await.unwrap();
        for _ in 0..3 {
            assert_eq!(refused(write(&store).await.unwrap_err()), (Category::Busy, Key::StoreStopped));
        }
        let rows: StoreFuture<'_, i64> =
            store.readers.read(|reader| Ok(reader.query_row("SELECT count(*) FROM room", [], |row| row.get(0))?));
        assert_eq!(rows.await.unwrap(), 1);
        // A read that panics costs its own answer alone, however many do.
        for _ in 0..=READERS {
            let dies = store.readers.read::<()>(|_| panic!("as a fault in our own code would"));
            assert_eq!(dies.await.unwrap_err().category, Category::Fault);
        }
        assert!(store.clients().await.unwrap().is_empty());
    }

    #[test]
    fn a_thread_that_may_wait_reads_itself_and_any_other_has_it_read() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_for_clients(&folder.path().join("handoff.db")).unwrap();
        let reads_here = |store: &SqliteStore| {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let reader = store.readers.read(|_| Ok(std::thread::current().id()));
            let reader = runtime.block_on(reader).unwrap();
            for _ in 0..=READERS {
                let dies = store.readers.read::<()>(|_| panic!("as a fault in our own code would"));
                assert_eq!(runtime.block_on(dies).unwrap_err().category, Category::Fault);
            }
            assert!(runtime.block_on(store.clients()).unwrap().is_empty());
            reader == std::thread::current().id()
        };
        assert!(!reads_here(&store));
        let store = std::thread::spawn(move || {
            crate::store::read_on_this_thread();
            assert!(reads_here(&store));
            store
        });
        assert!(!reads_here(&store.join().unwrap()));
    }
}
