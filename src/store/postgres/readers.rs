//! How a store reads: with a connection of the pool, on a thread that may be blocked meanwhile. One read is one snapshot: a
//! transaction that is repeatable and writes nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::connection::{Connection, Pool};
use super::database::PostgresDatabase;
use super::error::is_unreachable;
use super::index;
use crate::error::{Error, Result};
use crate::store::StoreFuture;
use crate::store::failure::superseded;
use crate::store::sql::Database;

/// How many connections one after the other may turn out to be lost: a pool has no more of them.
const MAX_LOST: usize = 16;
/// How a store reads.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    pool: Arc<Pool>,
    /// After how long a statement is ended
    timeout: Duration,
}

impl Readers {
    /// Reads with the connections of this pool; a statement that takes longer is ended.
    pub(super) fn new(pool: Pool, timeout: Duration) -> Self {
        Self { pool: Arc::new(pool), timeout }
    }

    /// Reads one state of the database, if all that is stored in it is found by this generation of the search index; nothing where it
    /// is not.
    pub(super) fn read_indexed<T: Send + 'static>(
        &self,
        generation: i64,
        read: impl FnOnce(&dyn Database) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'_, Option<T>> {
        Box::pin(async move {
            let (connection, state) = self.begin(Some(generation)).await?;
            match state.as_deref() {
                Some(index::CURRENT) => Ok(Some(read_on(connection, read).await?)),
                Some(index::BEHIND) => {
                    connection.batch("COMMIT").await?;
                    Ok(None)
                }
                _ => {
                    connection.discard();
                    Err(superseded("the search index"))
                }
            }
        })
    }

    /// Reads one state of the database.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Database) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let (connection, _) = self.begin(None).await?;
            read_on(connection, read).await
        })
    }

    /// A connection with a transaction begun, and how this generation of the search index stands in it. One that was lost while it was
    /// idle is found out here, and another one is taken.
    async fn begin(&self, generation: Option<i64>) -> Result<(Connection, Option<String>)> {
        let state = generation.map(|generation| format!("; {}", index::state_query(generation))).unwrap_or_default();
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {}{state}",
            self.timeout.as_millis()
        );
        let mut tries = 0;
        loop {
            let connection = self.pool.connection().await?;
            let error = match connection.word(&begin).await {
                Ok(word) => return Ok((connection, word)),
                Err(error) => error,
            };
            connection.discard();
            tries += 1;
            if tries > MAX_LOST || !is_unreachable(&error) {
                return Err(error);
            }
        }
    }
}

/// Reads with this connection, whose transaction is begun, on a thread that may be blocked.
async fn read_on<T: Send + 'static>(
    connection: Connection,
    read: impl FnOnce(&dyn Database) -> Result<T> + Send + 'static,
) -> Result<T> {
    let runtime = Handle::current();
    let (answer, answered) = oneshot::channel();
    tokio::task::spawn_blocking(move || {
        // Who no longer waits needs no answer.
        if !answer.is_closed() {
            snapshot(connection, &runtime, |outcome| drop(answer.send(outcome)), read);
        }
    });
    answered.await.unwrap_or_else(|_| Err(Error::fault("a read of the store was not answered")))
}

/// Reads, answers, and ends the transaction: whoever waits does not wait for that.
fn snapshot<T>(
    connection: Connection,
    runtime: &Handle,
    answer: impl FnOnce(Result<T>),
    read: impl FnOnce(&dyn Database) -> Result<T>,
) {
    let outcome = catch_unwind(AssertUnwindSafe(|| read(&PostgresDatabase::new(&connection, runtime))));
    // A read that panics is not answered, and what its connection stands in is not known.
    let Ok(outcome) = outcome else { return connection.discard() };
    answer(outcome);
    if runtime.block_on(connection.batch("COMMIT")).is_err() {
        connection.discard();
    }
}
