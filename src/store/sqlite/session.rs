//! The open transaction of the writer, as one job sees it: what it has come to, and what it has to announce.

use crate::error::{Category, Error, Result};
use crate::store::newest::ChangeNotice;

use super::keys::Keys;
use super::statement::Connection;
use crate::store::failure::is_of_store;
use crate::store::index_ids::Index;
use crate::store::write_queue::Savepoint;

/// How far the store has come; written back once a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// The newest commit
    pub(super) seq: i64,
    /// The newest lastUpdated, in microseconds
    pub(super) updated: i64,
}

/// The open transaction, as a job sees it.
pub(super) struct Session<'w> {
    pub(super) connection: &'w Connection,
    pub(super) keys: &'w mut Keys,
    /// What resources are indexed by; none where they are not written
    pub(super) index: Option<&'w Index>,
    pub(super) progress: Progress,
    /// The newest id of a version
    pub(super) version: i64,
    /// The type of each resource that is stored for the first time
    pub(super) created: Vec<i64>,
    /// What is announced when the transaction is through
    pub(super) announcements: Vec<ChangeNotice>,
    /// The version of the clients, where a job changed it
    pub(super) clients: Option<i64>,
    /// Plans that were refused as conflicts
    pub(super) conflicts: u64,
    /// Why the database did not take what a job wrote
    pub(super) failure: Option<Error>,
    /// How the jobs of the group are kept apart
    pub(super) isolation: Isolation,
}

/// How the jobs of a group are kept apart: what one of them wrote before it failed must not stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isolation {
    /// A plan fails before it writes, but for a few cases: where one did not, the group is done again with savepoints. Each
    /// page that a savepoint protects is copied, which is a tenth of what a plan costs
    None,
    /// As `None`, and a plan has failed after it wrote
    Broken,
    /// Each in a savepoint of its own
    Savepoints,
}

/// How far the group had come.
#[derive(Debug, Clone, Copy)]
struct Mark {
    progress: Progress,
    version: i64,
    created: usize,
    announced: usize,
    /// How many rows the connection had changed
    changes: u64,
}

impl<'w> Session<'w> {
    /// A session that has come nowhere yet.
    pub(super) fn new_session(connection: &'w Connection, keys: &'w mut Keys, index: Option<&'w Index>) -> Self {
        Self {
            connection,
            keys,
            index,
            progress: Progress { seq: 0, updated: 0 },
            version: 0,
            created: Vec::new(),
            announcements: Vec::new(),
            clients: None,
            conflicts: 0,
            failure: None,
            isolation: Isolation::Savepoints,
        }
    }

    /// The id of the search parameter with this number.
    pub(super) fn parameter(&self, number: u16) -> Result<i64> {
        Ok(self.index()?.id(number))
    }

    /// What resources are indexed by.
    pub(super) fn index(&self) -> Result<&'w Index> {
        self.index.ok_or_else(|| Error::fault("the store was opened to administer clients only"))
    }

    /// All of the work or nothing of it, whatever becomes of the rest of the group. Work that can be done again may go without
    /// a savepoint.
    pub(super) fn repeatable<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.isolation == Isolation::Savepoints {
            return self.within_savepoint(work);
        }
        let before = self.mark();
        let outcome = work(self);
        if let Err(error) = &outcome {
            if self.connection.total_changes() == before.changes {
                self.conflicts += u64::from(error.category == Category::Conflict);
                self.set_back(before);
            } else {
                self.isolation = Isolation::Broken;
            }
        }
        outcome
    }

    fn mark(&self) -> Mark {
        Mark {
            progress: self.progress,
            version: self.version,
            created: self.created.len(),
            announced: self.announcements.len(),
            changes: self.connection.total_changes(),
        }
    }

    fn set_back(&mut self, to: Mark) {
        self.progress = to.progress;
        self.version = to.version;
        self.created.truncate(to.created);
        self.announcements.truncate(to.announced);
    }

    /// Is the transaction still open? Outside of it a statement would commit by itself.
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_autocommit()
    }

    fn execute(&self, sql: &str) -> Result<()> {
        self.connection.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

impl Savepoint for Session<'_> {
    fn within_savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let (before, given) = (self.mark(), self.keys.given());
        self.execute("SAVEPOINT one")?;
        let outcome = work(self);
        if let Err(error) = &outcome {
            if is_of_store(error) {
                self.failure = Some(error.clone());
            }
            // A database that fails may have rolled everything back: then there is no savepoint, and nothing to go on with.
            if !self.is_open() {
                return outcome;
            }
            self.conflicts += u64::from(error.category == Category::Conflict);
            self.execute("ROLLBACK TO one")?;
            self.set_back(before);
            if self.keys.given() != given {
                self.keys.forget();
            }
        }
        self.execute("RELEASE one")?;
        outcome
    }
}
