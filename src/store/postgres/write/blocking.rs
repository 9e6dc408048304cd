//! A connection for whoever stands on a thread that may wait: the writer, and what reads.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio_postgres::Row;

use crate::error::Result;
use crate::store::postgres::connection::{Connection, Parameter};
use crate::store::sql::all_or_nothing;

use super::batch::Batch;

/// See the module head.
#[derive(Debug)]
pub(in crate::store) struct BlockingConnection {
    connection: Connection,
    io: Handle,
}

impl BlockingConnection {
    /// The connection, whose traffic this runtime carries.
    pub(in crate::store) fn new(connection: Connection, io: Handle) -> Self {
        Self { connection, io }
    }

    /// The connection itself.
    pub(in crate::store) fn inner(&self) -> &Connection {
        &self.connection
    }

    /// The rows that a statement gives.
    pub(in crate::store) fn query(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Vec<Row>> {
        self.io.block_on(self.connection.query(sql, values))
    }

    /// The row that a statement gives, if it gives any.
    pub(super) fn query_opt(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Option<Row>> {
        self.io.block_on(self.connection.query_opt(sql, values))
    }

    /// The one row that a statement gives.
    pub(in crate::store) fn query_one(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Row> {
        self.io.block_on(self.connection.query_one(sql, values))
    }

    /// How many rows a statement changed.
    pub(in crate::store) fn execute(&self, sql: &str, values: &[Parameter<'_>]) -> Result<u64> {
        self.io.block_on(self.connection.execute(sql, values))
    }

    /// Does several statements without values.
    pub(in crate::store) fn batch(&self, sql: &str) -> Result<()> {
        self.io.block_on(self.connection.batch(sql))
    }

    /// All of the work in a transaction, or nothing of it.
    pub(in crate::store) fn within_transaction<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        all_or_nothing(|sql| self.batch(sql), work)
    }

    /// Does these statements, and gives the rows of each. The first failure is told; what comes behind it is not done where it
    /// stands in one transaction.
    pub(in crate::store) fn run(&self, batch: &Batch<'_>) -> Result<Vec<Vec<Row>>> {
        self.io.block_on(async {
            // A statement that is new is prepared before any is sent, so that their order holds.
            for (sql, _) in &batch.statements {
                self.connection.prepare(sql, &[]).await?;
            }
            let values: Vec<Vec<Parameter<'_>>> = batch
                .statements
                .iter()
                .map(|(_, values)| values.iter().map(|value| &**value as Parameter<'_>).collect())
                .collect();
            let sent =
                batch.statements.iter().zip(&values).map(|((sql, _), values)| self.connection.query(sql, values));
            all(sent.collect()).await.into_iter().collect()
        })
    }

    /// Closes the connection: what it stands in is not known.
    pub(super) fn discard(self) {
        let _in_runtime = self.io.enter();
        self.connection.discard();
    }
}

/// What all of these come to; each is begun in its turn before any is waited for.
async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    std::future::poll_fn(move |cx| {
        let mut waiting = false;
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(outputs.iter_mut().filter_map(Option::take).collect()) }
    })
    .await
}
