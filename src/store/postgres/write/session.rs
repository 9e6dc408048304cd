//! The open transaction of the writer, as one job sees it: what it has come to, and what it has to announce.

use crate::error::{Category, Error, Result};
use crate::store::index_ids::Index;
use crate::store::newest::ChangeNotice;
use crate::store::postgres::database::PostgresDatabase;
use crate::store::write_queue::Savepoint;

use super::blocking::BlockingConnection;
use super::keys::Keys;
use super::progress::Progress;

/// The open transaction, as a job sees it.
pub(in crate::store) struct Session<'w> {
    pub(in crate::store) connection: &'w BlockingConnection,
    /// The same, as what both databases are asked is asked of
    pub(in crate::store) database: PostgresDatabase<'w>,
    pub(super) keys: &'w mut Keys,
    pub(super) index: &'w Index,
    pub(super) progress: Progress,
    /// The type of each resource that is stored for the first time
    pub(super) created: Vec<i64>,
    /// What is announced when the transaction is through
    pub(super) announcements: Vec<ChangeNotice>,
    /// The version of the clients, where a job changed it
    pub(super) clients: Option<i64>,
    /// Plans that were refused as conflicts
    pub(super) conflicts: u64,
    /// Why the transaction cannot go on
    pub(super) broken: Option<Error>,
}

impl Savepoint for Session<'_> {
    /// The work begins with [`SAVEPOINT`] and, where it succeeds, has done [`RELEASE`]: both are sent with other statements.
    fn within_savepoint<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let (progress, created, announced, clients) =
            (self.progress.clone(), self.created.len(), self.announcements.len(), self.clients);
        let outcome = work(self);
        if let Err(error) = &outcome {
            self.conflicts += u64::from(error.category == Category::Conflict);
            self.progress = progress;
            self.created.truncate(created);
            self.announcements.truncate(announced);
            self.clients = clients;
            self.keys.forget_given();
            // Without its connection the transaction is gone, and what was done for the others with it.
            if self.connection.batch("ROLLBACK TO one; RELEASE one").is_err() {
                self.broken = Some(error.clone());
            }
        } else {
            self.keys.keep_given();
        }
        outcome
    }
}

/// Begins what may be taken back alone.
pub(in crate::store) const SAVEPOINT: &str = "SAVEPOINT one";
/// Ends it.
pub(in crate::store) const RELEASE: &str = "RELEASE one";
