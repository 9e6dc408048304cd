//! A connection to the database, and the statements that it compiles once: each is kept by its text, and what compiling and
//! running them comes to is counted.
//!
//! SQLite compiles a statement anew where it thinks that another plan may suit the values bound to it: with
//! `SQLITE_ENABLE_STAT4`, which is compiled in, at each new value. The query planner stability guarantee
//! (<https://sqlite.org/queryplanner-ng.html#qpsg>) turns that off, and every connection has it, because this is the only
//! way to one.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, OpenFlags, Params, Row, StatementStatus};

use crate::yielding;

/// A connection. What it compiles is kept; see the module head.
#[derive(Debug)]
pub(super) struct Connection {
    raw: rusqlite::Connection,
    counters: Arc<StatementCounters>,
    steps_left: Option<Arc<StepsLeft>>,
}

/// A compiled statement. It goes back to those that are kept when it is dropped.
pub(super) struct Statement<'c> {
    cached: CachedStatement<'c>,
    counters: &'c StatementCounters,
    steps_left: Option<&'c StepsLeft>,
}

/// After how many steps of a statement SQLite asks whether it may go on; what is less is counted when it ends.
const INTERVAL: i32 = 1_000;

/// How many steps the statements of a connection may still take.
#[derive(Debug)]
pub(super) struct StepsLeft(AtomicU64);

impl StepsLeft {
    /// As many as it takes.
    pub(super) fn unlimited() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }

    /// From now on so many.
    pub(super) fn set(&self, steps: u64) {
        self.0.store(steps, Ordering::Relaxed);
    }

    /// Takes so many. Is none left?
    fn take(&self, steps: u64) -> bool {
        let left = self.0.load(Ordering::Relaxed).saturating_sub(steps);
        self.0.store(left, Ordering::Relaxed);
        left == 0
    }

    fn is_used_up(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// What the statements of a store have come to.
#[derive(Debug, Default)]
pub(super) struct StatementCounters {
    reads: AtomicU64,
    compiled: AtomicU64,
    recompiled: AtomicU64,
    run: AtomicU64,
    steps: AtomicU64,
    sorts: AtomicU64,
    scanned: AtomicU64,
}

/// What the statements of a store have come to, on all of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatementCounts {
    /// Reads of one state of the database, of however many statements: each may be waited for on another thread
    pub reads: u64,
    /// Statements whose text a connection had not compiled yet, or no longer had
    pub compiled: u64,
    /// Statements that SQLite compiled anew by itself
    pub recompiled: u64,
    /// Statements that were run
    pub run: u64,
    /// Steps of the database's virtual machine (<https://sqlite.org/opcode.html>)
    pub steps: u64,
    /// Statements that had to sort what they found
    pub sorts: u64,
    /// Rows that were looked at because no index led to those wanted
    pub scanned: u64,
}

impl Connection {
    /// Opens the file, which is made where it is missing.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        Self::stable(rusqlite::Connection::open(path)?)
    }

    /// Opens the file as these flags say.
    pub(super) fn open_with_flags(path: &Path, flags: OpenFlags) -> rusqlite::Result<Self> {
        Self::stable(rusqlite::Connection::open_with_flags(path, flags)?)
    }

    /// A database of its own in memory.
    pub(super) fn open_in_memory() -> rusqlite::Result<Self> {
        Self::stable(rusqlite::Connection::open_in_memory()?)
    }

    /// Plans do not depend on the values that are bound.
    fn stable(raw: rusqlite::Connection) -> rusqlite::Result<Self> {
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Self { raw, counters: Arc::default(), steps_left: None })
    }

    /// Counts its statements with those of others.
    pub(super) fn counted_by(self, counters: &Arc<StatementCounters>) -> Self {
        Self { counters: counters.clone(), ..self }
    }

    /// Ends what takes more steps than are left.
    pub(super) fn limit_steps(&mut self, left: &Arc<StepsLeft>) -> rusqlite::Result<()> {
        self.steps_left = Some(left.clone());
        let left = left.clone();
        self.raw.progress_handler(
            INTERVAL,
            Some(move || {
                yielding::count(500);
                left.take(INTERVAL.cast_unsigned().into())
            }),
        )
    }

    /// What counts its statements.
    pub(super) fn counters(&self) -> &Arc<StatementCounters> {
        &self.counters
    }

    /// The compiled statement of this text.
    pub(super) fn prepare_cached(&self, sql: &str) -> rusqlite::Result<Statement<'_>> {
        let steps_left = self.steps_left.as_deref();
        if steps_left.is_some_and(StepsLeft::is_used_up) {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_INTERRUPT),
                None,
            ));
        }
        yielding::count(50);
        let cached = self.raw.prepare_cached(sql)?;
        if cached.get_status(StatementStatus::Run) == 0 {
            self.counters.compiled.fetch_add(1, Ordering::Relaxed);
        }
        // SQLite asks whenever the count of a statement comes to a whole interval: each run begins at none.
        cached.reset_status(StatementStatus::VmStep);
        self.counters.run.fetch_add(1, Ordering::Relaxed);
        Ok(Statement { cached, counters: &self.counters, steps_left })
    }

    /// The first row that a statement finds.
    pub(super) fn query_row<T, P: Params>(
        &self,
        sql: &str,
        values: P,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        self.prepare_cached(sql)?.query_row(values, read)
    }

    /// Carries a statement out. Gives how many rows it changed.
    pub(super) fn execute<P: Params>(&self, sql: &str, values: P) -> rusqlite::Result<usize> {
        self.prepare_cached(sql)?.execute(values)
    }

    /// Closes the file, and says whether that went well.
    pub(super) fn close(self) -> rusqlite::Result<()> {
        self.raw.close().map_err(|(_, error)| error)
    }
}

impl Deref for Connection {
    type Target = rusqlite::Connection;

    fn deref(&self) -> &Self::Target {
        &self.raw
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.raw
    }
}

impl<'c> Deref for Statement<'c> {
    type Target = CachedStatement<'c>;

    fn deref(&self) -> &Self::Target {
        &self.cached
    }
}

impl DerefMut for Statement<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cached
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        let add = |counter: &AtomicU64, count: i32| {
            if count != 0 {
                counter.fetch_add(count.cast_unsigned().into(), Ordering::Relaxed);
            }
        };
        let steps = self.cached.reset_status(StatementStatus::VmStep);
        add(&self.counters.steps, steps);
        if let Some(left) = self.steps_left {
            left.take(steps.rem_euclid(INTERVAL).cast_unsigned().into());
        }
        add(&self.counters.recompiled, self.cached.reset_status(StatementStatus::RePrepare));
        add(&self.counters.sorts, self.cached.reset_status(StatementStatus::Sort));
        add(&self.counters.scanned, self.cached.reset_status(StatementStatus::FullscanStep));
    }
}

impl StatementCounters {
    /// Counts a read.
    pub(super) fn count_read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// What there has been so far.
    pub(super) fn counts(&self) -> StatementCounts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatementCounts {
            reads: count(&self.reads),
            compiled: count(&self.compiled),
            recompiled: count(&self.recompiled),
            run: count(&self.run),
            steps: count(&self.steps),
            sorts: count(&self.sorts),
            scanned: count(&self.scanned),
        }
    }
}
