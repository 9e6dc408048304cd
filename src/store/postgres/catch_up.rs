//! How far the database has come, asked before anything is decided by what a gateway has in memory: who is let in, the directory,
//! what is new for whom. Notices make it likely that it is known by then; here it is seen, so one that is late or lost decides
//! nothing.
//!
//! One look is for all who asked before it was begun, and whoever asks while it is under way waits for the next: many requests at
//! once cost few looks, and none is answered by what was read before it came.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio_postgres::Row;

use super::connection::Pool;
use super::error::{is_standby, is_unreachable, unreachable};
use super::limits::DatabaseLimits;
use super::notices::Announced;
use super::url::DatabaseUrl;
use crate::error::Result;
use crate::store::newest::NewestSequences;

/// One row of one page.
const LOOK: &str = "SELECT seq, directory, clients, pg_is_in_recovery() FROM store";

/// See the module head.
#[derive(Debug)]
pub(super) struct CatchUp {
    /// Of one connection, which does nothing else
    pool: Pool,
    newest_sequences: Arc<NewestSequences>,
    announced: Announced,
    /// How long a look may take: a database that does not answer is one that cannot be reached
    wait: Duration,
    /// How many looks were begun
    begun: AtomicU64,
    /// Held by whoever looks
    last: Mutex<Look>,
}

/// A look that has ended.
#[derive(Debug)]
struct Look {
    /// As how manieth it was begun
    number: u64,
    outcome: Result<()>,
}

impl CatchUp {
    pub(super) fn new(
        url: &DatabaseUrl,
        limits: &DatabaseLimits,
        newest_sequences: Arc<NewestSequences>,
        announced: Announced,
    ) -> Result<Self> {
        let pool = Pool::new(url, &format!("-c statement_timeout={}s", limits.read.as_secs()), 1, limits)?;
        let last = Mutex::new(Look { number: 0, outcome: Ok(()) });
        Ok(Self { pool, newest_sequences, announced, wait: limits.wait, begun: AtomicU64::new(0), last })
    }

    /// Ready when everything that was committed before this was asked is announced.
    pub(super) async fn run(&self) -> Result<()> {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.number > before {
            return last.outcome.clone();
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let looked = tokio::time::timeout(self.wait, self.look()).await;
        let outcome = looked.unwrap_or_else(|_| Err(unreachable("it does not answer")));
        *last = Look { number, outcome: outcome.clone() };
        outcome
    }

    async fn look(&self) -> Result<()> {
        let row = self.read().await?;
        // It may be behind what this gateway was told was committed.
        if row.try_get::<_, bool>(3)? {
            return Err(is_standby());
        }
        self.newest_sequences.raise_directory(row.try_get::<_, i64>(1)?.cast_unsigned());
        self.newest_sequences.raise_clients(row.try_get::<_, i64>(2)?.cast_unsigned());
        self.announced.see(row.try_get(0)?);
        Ok(())
    }

    /// The row. A connection that was lost while it was idle is found out here, and another one is made.
    async fn read(&self) -> Result<Row> {
        let connection = self.pool.connection().await?;
        match connection.query_one(LOOK, &[]).await {
            Err(error) if is_unreachable(&error) => {
                connection.discard();
                self.pool.connection().await?.query_one(LOOK, &[]).await
            }
            answer => answer,
        }
    }
}
