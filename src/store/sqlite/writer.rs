//! The one thread that writes ([`write_queue`](crate::store::write_queue)): a group is one transaction of the file, and the log is
//! synced once for it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tracing::warn;

use crate::error::{Error, Result};
use crate::store::WriteState;
use crate::store::newest::NewestSequences;
use crate::store::write_queue::{self, WriteCounters};
use crate::store::write_state::WriteStateSender;

use super::file_identity::FileIdentity;
use super::in_use::FileUse;
use super::keys::Keys;
use super::room::room;
use super::schema;
use super::session::{Isolation, Progress, Session};
use super::statement::Connection;
use crate::store::failure::{stopped, superseded};
use crate::store::index_ids::Index;
use crate::store::sql::newest;

/// How much has to fit into a database that was full, before it is said to take writes again.
const ROOM: i64 = 1024 * 1024;

/// What the writer has done, and what it has seen.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) writes: WriteCounters,
    /// How many bytes more the database could take, when it was looked last
    pub(super) room: AtomicU64,
}

type Job = dyn write_queue::Job<Writer>;

/// The thread's own state.
pub(super) struct Writer {
    connection: Connection,
    usage: FileUse,
    newest_sequences: Arc<NewestSequences>,
    counters: Arc<Counters>,
    keys: Keys,
    index: Option<Arc<Index>>,
    /// `PRAGMA data_version`: changes when another connection has written
    seen: i64,
    /// The newest commit that was answered
    newest: i64,
    /// None of a database in memory
    file: Option<FileIdentity>,
    path: Option<PathBuf>,
    state: WriteStateSender,
}

// === Writer ===

impl Writer {
    pub(super) fn new(
        connection: Connection,
        usage: FileUse,
        path: Option<&Path>,
        index: Option<Arc<Index>>,
        newest_sequences: Arc<NewestSequences>,
        counters: Arc<Counters>,
        state: watch::Sender<WriteState>,
    ) -> Self {
        let (keys, file, path) = (Keys::default(), path.map(FileIdentity::of), path.map(Path::to_owned));
        // 0 is no data version, so the first look sees everything that was written before it.
        let state = WriteStateSender::new(state);
        Self { connection, usage, newest_sequences, counters, keys, index, seen: 0, newest: 0, file, path, state }
    }

    // --- whether it writes

    /// Would the next write be taken? Whoever asks if the gateway is ready is told before a referral has to find out.
    fn look_ahead(&mut self) {
        if !matches!(self.usage, FileUse::Served(_)) || !self.state.is_open() {
            return;
        }
        if let Some(Err(cause)) = self.file.as_ref().map(FileIdentity::check) {
            return self.state.tell_failure(&cause);
        }
        // What cannot be asked now is told by the write that fails.
        let Ok(room) = room(&self.connection, self.path.as_deref()) else { return };
        self.counters.room.store(room, Ordering::Relaxed);
        // Seldom: so little room is tried, because the log may have some that nobody counts.
        if room < ROOM.cast_unsigned()
            && let Err(cause) = self.try_room()
        {
            self.roll_back();
            self.state.tell_failure(&cause);
        }
    }

    /// Where the database did not take what was written: does it now?
    fn try_again(&mut self) {
        if !self.state.is_failing() {
            return;
        }
        match self.try_room() {
            Ok(()) => self.state.tell(WriteState::Open),
            Err(cause) => {
                self.roll_back();
                self.state.tell_failure(&cause);
            }
        }
    }

    /// Writes as much as a large message, and takes it away again: the pages that it took are free for what comes.
    fn try_room(&self) -> Result<()> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        self.check_database()?;
        self.connection.execute("INSERT INTO room VALUES (zeroblob(?1))", [ROOM])?;
        self.connection.execute_batch("COMMIT; DELETE FROM room")?;
        Ok(())
    }

    /// Is it the database that was opened, as this program knows it?
    fn check_database(&self) -> Result<()> {
        if let Some(file) = &self.file {
            file.check()?;
        }
        schema::check(&self.connection)
    }

    fn roll_back(&mut self) {
        self.keys.forget();
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            self.state.tell(WriteState::Stopped(stopped("a transaction could be neither committed nor rolled back")));
        }
    }

    // --- writing

    /// Has another process written? Then what it announced to its own is announced here.
    fn check_other_writers(&mut self) {
        let version = self.connection.query_row("PRAGMA data_version", [], |row| row.get(0)).map_err(Error::from);
        let refreshed = version.and_then(|version: i64| {
            if version != self.seen {
                newest::refresh(&self.newest_sequences, &self.connection)?;
                self.usage.mark(&self.connection)?;
                self.seen = version;
            }
            Ok(())
        });
        if let Err(cause) = refreshed {
            warn!(%cause, "could not see whether another process has written; it is tried again");
        }
    }

    fn transaction(&mut self, group: &mut [Box<Job>]) -> Result<()> {
        let repeatable = group.iter().all(|job| job.is_repeatable());
        if repeatable && self.attempt(group, Isolation::None)?.is_continue() {
            return Ok(());
        }
        self.attempt(group, Isolation::Savepoints).map(drop)
    }

    /// Does the group in one transaction. `Break`, where that took savepoints and there were none: then nothing is done.
    fn attempt(&mut self, group: &mut [Box<Job>], isolation: Isolation) -> Result<ControlFlow<()>> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        self.check_database()?;
        let (progress, version, same): (_, _, Option<bool>) = self
            .connection
            .prepare_cached(
                "SELECT seq, updated, (SELECT coalesce(max(id), 0) FROM version), parameters = ?1 FROM store",
            )?
            .query_row([self.index.as_ref().map(|index| &index.fingerprint)], |row| {
                Ok((Progress { seq: row.get(0)?, updated: row.get(1)? }, row.get(2)?, row.get(3)?))
            })?;
        if !same.unwrap_or(true) {
            return Err(superseded("the search index"));
        }
        if progress.seq < self.newest {
            return Err(stopped("the database was set back to an earlier state while it was open"));
        }
        let seq = progress.seq;
        let session = Session::new_session(&self.connection, &mut self.keys, self.index.as_deref());
        let mut session = Session { progress, version, isolation, ..session };
        for job in group {
            job.perform(&mut session);
            if session.isolation == Isolation::Broken {
                self.roll_back();
                return Ok(ControlFlow::Break(()));
            }
            if !session.is_open() {
                let unknown = || Error::fault("the database has ended the transaction");
                return Err(session.failure.unwrap_or_else(unknown));
            }
        }
        let Session { progress, created, announcements, clients, conflicts, failure, .. } = session;
        if progress.seq != seq {
            let directory = announcements.iter().filter(|one| one.directory).map(|one| one.seq.cast_signed()).max();
            self.connection
                .prepare_cached("UPDATE store SET seq = ?1, updated = ?2, directory = coalesce(?3, directory)")?
                .execute((progress.seq, progress.updated, directory))?;
            self.count(created)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.newest = progress.seq;
        if let Some(failure) = failure {
            self.state.tell_failure(&failure);
        }
        self.counters.writes.commits.fetch_add((progress.seq - seq).cast_unsigned(), Ordering::Relaxed);
        self.counters.writes.groups.fetch_add(1, Ordering::Relaxed);
        self.counters.writes.conflicts.fetch_add(conflicts, Ordering::Relaxed);
        for announcement in &announcements {
            self.newest_sequences.announce(announcement);
        }
        if let Some(version) = clients {
            self.newest_sequences.raise_clients(version.cast_unsigned());
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Adds what was stored for the first time to the counts of the types, one row a type.
    fn count(&self, mut created: Vec<i64>) -> Result<()> {
        created.sort_unstable();
        for run in created.chunk_by(i64::eq) {
            self.connection
                .prepare_cached("UPDATE kind SET resources = resources + ?2 WHERE id = ?1")?
                .execute((run[0], run.len().cast_signed() as i64))?;
        }
        Ok(())
    }
}

impl write_queue::Writer for Writer {
    type Session<'s> = Session<'s>;

    fn state(&self) -> &WriteStateSender {
        &self.state
    }

    fn look(&mut self) {
        self.check_other_writers();
        self.look_ahead();
        self.try_again();
    }

    fn write(&mut self, mut group: Vec<Box<Job>>) {
        let failed = self.transaction(&mut group).err();
        if let Some(cause) = &failed {
            self.roll_back();
            self.state.tell_failure(cause);
            warn!(%cause, jobs = group.len(), "a group of commits failed; nothing of it is stored");
        }
        for job in group {
            job.answer(failed.as_ref());
        }
    }

    fn abandon(&mut self) {
        self.roll_back();
    }

    /// The file is left as one whole file, unless others use it still: SQLite writes the log back and removes it.
    fn end(&self) {
        if let Err(cause) = self.usage.unmark(&self.connection) {
            warn!(%cause, "the database stays marked as being served; a copy of it will have to be restored as one without its log");
        }
    }
}
