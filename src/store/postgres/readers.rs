//! How a store reads: with a connection of the pool, on a thread that may be blocked meanwhile. One read is one snapshot: a
//! transaction that is repeatable and writes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::connection::{Connection, Pool};
use super::database::PostgresDatabase;
use crate::error::{Error, Result};
use crate::store::StoreFuture;
use crate::store::sql::Database;

/// So many steps of SQLite take about a millisecond: the limit on what a search may cost is told in these, and PostgreSQL
/// bounds a statement by its time.
const STEPS_A_MILLISECOND: u64 = 100_000;
/// The longest time that PostgreSQL can be told.
const MAX_MILLISECONDS: u64 = i32::MAX as u64;

/// How a store reads.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    pool: Arc<Pool>,
    /// After how many milliseconds a statement is ended
    timeout: Arc<AtomicU64>,
}

impl Readers {
    /// Reads with the connections of this pool.
    pub(super) fn new(pool: Pool) -> Self {
        Self { pool: Arc::new(pool), timeout: Arc::new(AtomicU64::new(MAX_MILLISECONDS)) }
    }

    /// From now on, ends what would take longer than SQLite has for these steps.
    pub(super) fn set_max_steps(&self, most: u64) {
        self.timeout.store((most / STEPS_A_MILLISECOND).clamp(1, MAX_MILLISECONDS), Ordering::Relaxed);
    }

    /// Reads one state of the database.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Database) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let connection = self.pool.connection().await?;
            let begin = format!(
                "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}",
                self.timeout.load(Ordering::Relaxed)
            );
            let runtime = Handle::current();
            let (answer, answered) = oneshot::channel();
            tokio::task::spawn_blocking(move || {
                // Who no longer waits needs no answer.
                if !answer.is_closed() {
                    snapshot(connection, &runtime, &begin, |outcome| drop(answer.send(outcome)), read);
                }
            });
            answered.await.unwrap_or_else(|_| Err(Error::fault("a read of the store was not answered")))
        })
    }
}

/// Reads, answers, and ends the transaction: whoever waits does not wait for that.
fn snapshot<T>(
    connection: Connection,
    runtime: &Handle,
    begin: &str,
    answer: impl FnOnce(Result<T>),
    read: impl FnOnce(&dyn Database) -> Result<T>,
) {
    if let Err(error) = runtime.block_on(connection.batch(begin)) {
        answer(Err(error));
        return connection.discard();
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| read(&PostgresDatabase::new(&connection, runtime))));
    // A read that panics is not answered, and what its connection stands in is not known.
    let Ok(outcome) = outcome else { return connection.discard() };
    answer(outcome);
    if runtime.block_on(connection.batch("COMMIT")).is_err() {
        connection.discard();
    }
}
