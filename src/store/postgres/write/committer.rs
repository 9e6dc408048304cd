//! The one thread of a gateway that writes ([`write_queue`](crate::store::write_queue)): a group is one transaction, which begins by
//! locking the row of `store`. So what it sees is what all gateways have committed before, and its numbers follow theirs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::warn;

use crate::error::{Error, Result};
use crate::store::WriteState;
use crate::store::failure::{stopped, superseded};
use crate::store::index_ids::Index;
use crate::store::newest::NewestSequences;
use crate::store::postgres::database::PostgresDatabase;
use crate::store::postgres::error::{is_standby, is_unreachable};
use crate::store::postgres::notices::{self, Announced};
use crate::store::postgres::schema::NEWEST;
use crate::store::sql::newest::refresh;
use crate::store::write_queue::{self, WriteCounters};
use crate::store::write_state::WriteStateSender;

use super::batch::{Batch, owned};
use super::connection::WriterConnection;
use super::generation::{catch_up, index_marked, tend};
use super::keys::Keys;
use super::outcome::was_committed;
use super::progress::Progress;
use super::session::Session;

type Job = dyn write_queue::Job<Committer>;

/// How often it is said which index is used.
const TEND_INTERVAL: Duration = Duration::from_mins(1);

/// A transaction that has begun.
struct Begun {
    progress: Progress,
    /// Its number
    transaction: String,
    /// Have gateways with other search parameters stored what this one does not find yet?
    is_index_behind: bool,
}

/// The thread's own state.
pub(in crate::store) struct Committer {
    database: WriterConnection,
    index: Arc<Index>,
    /// How long an index is kept that no gateway uses
    index_kept: Duration,
    /// When it was last said that this one is used
    tended: Option<Instant>,
    newest_sequences: Arc<NewestSequences>,
    counters: Arc<WriteCounters>,
    keys: Keys,
    /// The newest commit that was seen
    newest: i64,
    /// Up to which commit it is known what is new for whom
    announced: Announced,
    state: WriteStateSender,
}

impl Committer {
    pub(in crate::store) fn new(
        database: WriterConnection,
        index: Arc<Index>,
        index_kept: Duration,
        newest_sequences: Arc<NewestSequences>,
        counters: Arc<WriteCounters>,
        announced: Announced,
        state: watch::Sender<WriteState>,
    ) -> Self {
        let state = WriteStateSender::new(state);
        let keys = Keys::default();
        let tended = None;
        Self { database, index, index_kept, tended, newest_sequences, counters, keys, newest: 0, announced, state }
    }

    // --- what others have written

    fn look_at_store(&mut self) -> Result<()> {
        let io = self.database.io();
        let connection = self.database.connection()?;
        let sql = "SELECT s.seq, s.directory, s.clients, v.version, pg_is_in_recovery(),
                       EXISTS (SELECT 1 FROM index_pending WHERE generation = $1)
                   FROM store s, schema_version v";
        let row = connection.query_one(sql, &[&self.index.generation])?;
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
        // Whoever searches next need not wait for it.
        if row.try_get::<_, bool>(5)? {
            catch_up(connection, &self.index)?;
        }
        Ok(())
    }

    /// Says now and then which index is used, and has what is left of others removed.
    fn tend_index(&mut self) -> Result<()> {
        if self.index.generation == 0 || self.tended.is_some_and(|tended| tended.elapsed() < TEND_INTERVAL) {
            return Ok(());
        }
        let kept = i64::try_from(self.index_kept.as_secs()).unwrap_or(i64::MAX);
        if !tend(self.database.connection()?, &self.index, kept)? {
            self.tended = Some(Instant::now());
        }
        Ok(())
    }

    // --- writing

    fn transaction(&mut self, group: &mut [Box<Job>]) -> Result<()> {
        let Begun { mut progress, transaction, is_index_behind } = match self.begin() {
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
        // What others have stored is found by what follows.
        while is_index_behind && index_marked(connection, &self.index, &mut self.keys, &mut progress)? > 0 {}
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

    /// Begins a transaction with the row of `store` in hand; gives how far the store has come.
    fn begin(&mut self) -> Result<Begun> {
        let newest = self.newest;
        let connection = self.database.connection()?;
        let mut batch = Batch::default();
        batch.add("BEGIN", Vec::new());
        let store = batch.add("SELECT seq, updated FROM store FOR UPDATE", Vec::new());
        // A statement of its own: it sees what was committed by whoever had the row before.
        let ids = batch.add(
            "SELECT (SELECT coalesce(max(id), 0) FROM version), (SELECT coalesce(max(id), 0) FROM resource),
                 (SELECT coalesce(max(id), 0) FROM audit), (SELECT coalesce(max(id), 0) FROM system),
                 (SELECT version FROM schema_version), pg_current_xact_id()::text,
                 EXISTS (SELECT 1 FROM index_generation WHERE id = $1),
                 EXISTS (SELECT 1 FROM index_generation WHERE id <> $1),
                 EXISTS (SELECT 1 FROM index_pending WHERE generation = $1)",
            owned![self.index.generation],
        );
        let answers = connection.run(&batch)?;
        let missing = || Error::fault("the database has no row of the store");
        let (store, ids) = (answers[store].first().ok_or_else(missing)?, answers[ids].first().ok_or_else(missing)?);
        // Whoever administers clients has none.
        if self.index.generation != 0 && !ids.try_get::<_, bool>(6)? {
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
            other_indexes: ids.try_get(7)?,
            audit_end: None,
        };
        if progress.seq < newest {
            return Err(set_back());
        }
        Ok(Begun { progress, transaction: ids.try_get(5)?, is_index_behind: ids.try_get(8)? })
    }
}

impl write_queue::Writer for Committer {
    type Session<'s> = Session<'s>;

    fn state(&self) -> &WriteStateSender {
        &self.state
    }

    /// Has another gateway written? Then what it announced to its own is announced here. Where the database failed: does it take
    /// writes now?
    fn look(&mut self) {
        let looked = self.look_at_store().and_then(|()| self.tend_index());
        match looked {
            Ok(()) if self.state.is_failing() => self.state.tell(WriteState::Open),
            Ok(()) => {}
            Err(cause) => {
                self.database.lose();
                self.state.tell_failure(&cause);
            }
        }
    }

    fn write(&mut self, mut group: Vec<Box<Job>>) {
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

    fn abandon(&mut self) {
        self.database.lose();
    }
}

fn set_back() -> Error {
    stopped("the database was set back to an earlier state while it was open")
}

/// Adds what was stored for the first time to the counts of the types.
fn count(mut created: Vec<i64>, batch: &mut Batch<'_>) {
    created.sort_unstable();
    let runs = created.chunk_by(i64::eq).filter_map(|run| Some((*run.first()?, run.len().cast_signed() as i64)));
    batch.add_rows(
        "UPDATE kind k SET resources = k.resources + n.resources
         FROM unnest($1::bigint[], $2::bigint[]) n (id, resources) WHERE k.id = n.id",
        runs,
        owned![],
    );
}
