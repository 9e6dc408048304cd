//! The one thread of a gateway that writes: group commit.
//!
//! It takes everything that waits and does it in one transaction with a savepoint for each. The transaction begins by locking
//! the row of `store`, so what it sees is what all gateways have committed before, and its numbers follow theirs; while it waits
//! for the row or the disk the next group gathers. An answer is given after the commit and never before; a refusal too, because
//! it may stand on a neighbour in the group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tracing::warn;

use crate::error::{Error, Result};
use crate::store::failure::{stopped, superseded};
use crate::store::index_ids::Index;
use crate::store::newest::NewestSequences;
use crate::store::postgres::connection::Pool;
use crate::store::postgres::database::PostgresDatabase;
use crate::store::postgres::error::{is_standby, is_unreachable};
use crate::store::postgres::notices::{self, Announced};
use crate::store::postgres::schema::NEWEST;
use crate::store::sql::newest::refresh;
use crate::store::write_state::{WriteStateSender, store_stopped};
use crate::store::{StoreFuture, WriteState};

use super::blocking::{Batch, owned};
use super::connection::WriterConnection;
use super::keys::Keys;
use super::outcome::was_committed;
use super::progress::Progress;
use super::session::Session;

/// Most jobs of one transaction: a bound on how long the first of them waits, and on how long the others have the row.
const MAX_GROUP: usize = 256;
/// How often it is looked whether another gateway has written, and whether a database that failed takes writes again.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// One thing to write.
pub(in crate::store) trait Job: Send {
    /// Does it, inside the transaction of its group.
    fn perform(&mut self, session: &mut Session<'_>);
    /// Answers, after the transaction; `failed` says why nothing of the group is stored.
    fn answer(self: Box<Self>, failed: Option<&Error>);
}

/// A job: what to do, and who waits for it.
struct PendingJob<W, T> {
    work: Option<W>,
    outcome: Result<T>,
    answer: oneshot::Sender<Result<T>>,
}

/// What the writer has done since it began.
#[derive(Debug, Default)]
pub(in crate::store) struct Counters {
    pub(in crate::store) commits: AtomicU64,
    pub(in crate::store) groups: AtomicU64,
    pub(in crate::store) conflicts: AtomicU64,
}

/// The way to the writer. It writes until the last of these is gone.
#[derive(Clone)]
pub(in crate::store) struct Jobs(Sender<Box<dyn Job>>);

/// The thread's own state.
pub(in crate::store) struct Committer {
    database: WriterConnection,
    index: Arc<Index>,
    newest_sequences: Arc<NewestSequences>,
    counters: Arc<Counters>,
    keys: Keys,
    /// The newest commit that was seen
    newest: i64,
    /// Up to which commit it is known what is new for whom
    announced: Announced,
    state: WriteStateSender,
}

// === Jobs ===

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs")
    }
}

impl Jobs {
    /// A way, and where the jobs come out.
    pub(in crate::store) fn channel() -> (Self, Receiver<Box<dyn Job>>) {
        let (jobs, waiting) = channel();
        (Self(jobs), waiting)
    }

    /// Has this done by the writer, whether or not the answer is waited for.
    pub(in crate::store) fn submit<'a, T, W>(&self, work: W) -> StoreFuture<'a, T>
    where
        T: Send + 'static,
        W: FnOnce(&mut Session<'_>) -> Result<T> + Send + 'static,
    {
        let (answer, outcome) = oneshot::channel();
        let job = PendingJob { work: Some(work), outcome: Err(store_stopped()), answer };
        // Without a receiver the answer's sender is dropped with the job, and that is the answer.
        let _ = self.0.send(Box::new(job));
        Box::pin(async move { outcome.await.unwrap_or_else(|_| Err(store_stopped())) })
    }
}

impl<T, W> Job for PendingJob<W, T>
where
    T: Send,
    W: FnOnce(&mut Session<'_>) -> Result<T> + Send,
{
    fn perform(&mut self, session: &mut Session<'_>) {
        if let Some(work) = self.work.take() {
            self.outcome = session.within_savepoint(work);
        }
    }

    fn answer(self: Box<Self>, failed: Option<&Error>) {
        // Who no longer waits is not missed: the plan is committed all the same.
        let _ = self.answer.send(match failed {
            Some(cause) => Err(cause.clone()),
            None => self.outcome,
        });
    }
}

// === Committer ===

impl Committer {
    pub(in crate::store) fn new(
        pool: Pool,
        io: Handle,
        index: Arc<Index>,
        newest_sequences: Arc<NewestSequences>,
        counters: Arc<Counters>,
        announced: Announced,
        state: watch::Sender<WriteState>,
    ) -> Self {
        let database = WriterConnection::new(pool, io);
        let state = WriteStateSender::new(state);
        Self { database, index, newest_sequences, counters, keys: Keys::default(), newest: 0, announced, state }
    }

    /// Writes until the last sender is gone; what was sent before is written. After a panic nothing is: what it left behind
    /// is not known.
    pub(in crate::store) fn run(mut self, jobs: &Receiver<Box<dyn Job>>) {
        if catch_unwind(AssertUnwindSafe(|| self.serve(jobs))).is_err() {
            self.state.tell(WriteState::Stopped(stopped("the thread that stores has failed")));
            self.refuse_all(jobs);
        }
    }

    fn serve(&mut self, jobs: &Receiver<Box<dyn Job>>) {
        let mut looked = Instant::now();
        while !self.state.has_stopped() {
            let first = match jobs.recv_timeout(POLL_INTERVAL) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if looked.elapsed() >= POLL_INTERVAL {
                self.look();
                looked = Instant::now();
            }
            if let Some(first) = first {
                self.write(std::iter::once(first).chain(jobs.try_iter()).take(MAX_GROUP).collect());
            }
        }
        self.refuse_all(jobs);
    }

    /// Answers everybody why nothing is written any more, until the last sender is gone.
    fn refuse_all(&self, jobs: &Receiver<Box<dyn Job>>) {
        let cause = self.state.refusal();
        while let Ok(job) = jobs.recv() {
            job.answer(Some(&cause));
        }
    }

    // --- what others have written

    /// Has another gateway written? Then what it announced to its own is announced here. Where the database failed: does it take
    /// writes now?
    fn look(&mut self) {
        let looked = self.look_at_store();
        match looked {
            Ok(()) if self.state.is_failing() => self.state.tell(WriteState::Open),
            Ok(()) => {}
            Err(cause) => {
                self.database.lose();
                self.state.tell_failure(&cause);
            }
        }
    }

    fn look_at_store(&mut self) -> Result<()> {
        let io = self.database.io();
        let connection = self.database.connection()?;
        let sql = "SELECT s.seq, s.directory, s.clients, v.version, pg_is_in_recovery() FROM store s, schema_version v";
        let row = connection.query_one(sql, &[])?;
        if row.try_get::<_, i64>(3)? != NEWEST {
            return Err(superseded("the schema of the database"));
        }
        if row.try_get::<_, bool>(4)? {
            return Err(is_standby());
        }
        let seq: i64 = row.try_get(0)?;
        if seq < self.newest {
            return Err(set_back());
        }
        self.newest_sequences.raise_directory(row.try_get::<_, i64>(1)?.cast_unsigned());
        self.newest_sequences.raise_clients(row.try_get::<_, i64>(2)?.cast_unsigned());
        // Notices that are still on their way come before the next look.
        if self.announced.newest() < self.newest {
            refresh(&self.newest_sequences, &PostgresDatabase::new(connection.inner(), &io))?;
            self.announced.raise(self.newest);
        }
        self.newest = seq;
        Ok(())
    }

    // --- writing

    fn write(&mut self, mut group: Vec<Box<dyn Job>>) {
        let failed = self.transaction(&mut group).err();
        if let Some(cause) = &failed {
            self.keys.forget();
            self.database.lose();
            self.state.tell_failure(cause);
            warn!(%cause, jobs = group.len(), "a group of commits failed");
        }
        for job in group {
            job.answer(failed.as_ref());
        }
    }

    fn transaction(&mut self, group: &mut [Box<dyn Job>]) -> Result<()> {
        let (progress, transaction) = match self.begin() {
            // A connection that was lost while nobody wrote is no failure: nothing was sent with it yet.
            Err(error) if is_unreachable(&error) => {
                self.database.lose();
                self.begin()?
            }
            begun => begun?,
        };
        let seq = progress.seq;
        let io = self.database.io();
        let connection = self.database.connection()?;
        let mut session = Session {
            connection,
            database: PostgresDatabase::new(connection.inner(), &io),
            keys: &mut self.keys,
            index: &self.index,
            progress,
            created: Vec::new(),
            announcements: Vec::new(),
            clients: None,
            conflicts: 0,
            broken: None,
        };
        for job in group {
            job.perform(&mut session);
        }
        let Session { progress, created, announcements, clients, conflicts, broken, .. } = session;
        if let Some(broken) = broken {
            return Err(broken);
        }
        let mut batch = Batch::default();
        if progress.seq != seq {
            let directory = announcements.iter().filter(|one| one.directory).map(|one| one.seq.cast_signed()).max();
            batch.add(
                "UPDATE store SET seq = $1, updated = $2, directory = coalesce($3, directory)",
                owned![progress.seq, progress.updated, directory],
            );
            count(created, &mut batch);
        }
        for notice in notices::write(seq, progress.seq, &announcements, clients) {
            batch.add("SELECT pg_notify($1, $2)", owned![notices::CHANNEL, notice]);
        }
        batch.add("COMMIT", Vec::new());
        if let Err(error) = connection.run(&batch) {
            if !is_unreachable(&error) {
                return Err(error);
            }
            self.database.lose();
            if !was_committed(&mut self.database, &transaction)? {
                return Err(error);
            }
        }
        self.counters.commits.fetch_add((progress.seq - seq).cast_unsigned(), Ordering::Relaxed);
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        self.counters.conflicts.fetch_add(conflicts, Ordering::Relaxed);
        self.newest = self.newest.max(progress.seq);
        for announcement in &announcements {
            self.newest_sequences.announce(announcement);
        }
        if let Some(version) = clients {
            self.newest_sequences.raise_clients(version.cast_unsigned());
        }
        self.announced.follow(seq, progress.seq);
        Ok(())
    }

    /// Begins a transaction with the row of `store` in hand; gives how far the store has come, and the transaction's number.
    fn begin(&mut self) -> Result<(Progress, String)> {
        let newest = self.newest;
        let connection = self.database.connection()?;
        let mut batch = Batch::default();
        batch.add("BEGIN", Vec::new());
        let store = batch.add("SELECT seq, updated, parameters FROM store FOR UPDATE", Vec::new());
        // A statement of its own: it sees what was committed by whoever had the row before.
        let ids = batch.add(
            "SELECT (SELECT coalesce(max(id), 0) FROM version), (SELECT coalesce(max(id), 0) FROM resource),
                 (SELECT coalesce(max(id), 0) FROM audit), (SELECT coalesce(max(id), 0) FROM system),
                 (SELECT version FROM schema_version), pg_current_xact_id()::text",
            Vec::new(),
        );
        let answers = connection.run(&batch)?;
        let missing = || Error::fault("the database has no row of the store");
        let (store, ids) = (answers[store].first().ok_or_else(missing)?, answers[ids].first().ok_or_else(missing)?);
        if store.try_get::<_, &str>(2)? != self.index.fingerprint {
            return Err(superseded("the search index"));
        }
        if ids.try_get::<_, i64>(4)? != NEWEST {
            return Err(superseded("the schema of the database"));
        }
        let progress = Progress {
            seq: store.try_get(0)?,
            updated: store.try_get(1)?,
            version: ids.try_get(0)?,
            resource: ids.try_get(1)?,
            audit: ids.try_get(2)?,
            system: ids.try_get(3)?,
            audit_end: None,
        };
        if progress.seq < newest {
            return Err(set_back());
        }
        Ok((progress, ids.try_get(5)?))
    }
}

fn set_back() -> Error {
    stopped("the database was set back to an earlier state while it was open")
}

/// Adds what was stored for the first time to the counts of the types.
fn count(mut created: Vec<i64>, batch: &mut Batch<'_>) {
    created.sort_unstable();
    let runs = created.chunk_by(i64::eq).filter_map(|run| Some((*run.first()?, run.len().cast_signed() as i64)));
    let (kinds, counts): (Vec<i64>, Vec<i64>) = runs.unzip();
    if !kinds.is_empty() {
        batch.add(
            "UPDATE kind k SET resources = k.resources + n.resources
             FROM unnest($1::bigint[], $2::bigint[]) n (id, resources) WHERE k.id = n.id",
            owned![kinds, counts],
        );
    }
}
