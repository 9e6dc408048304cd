//! How a store reads: on threads, each with its own connection, so a read waits for the disk here and not on a thread
//! that serves; a database in memory is read by the thread that writes it.
//!
//! A read is one snapshot: the write-ahead log lets it see one state of the database, and the writer goes on meanwhile.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::store::StoreFuture;

use super::connection::open_reader;
use super::read_queue::ReadQueue;
use super::schema;
use super::statement::{Connection, StatementCounters};
use super::step_limit::{MaxSteps, StepLimit};
use super::writer::Writer;
use crate::store::write_queue::Jobs;
use crate::store::write_state::store_stopped;

type Read = Box<dyn FnOnce(&Connection, &StepLimit) + Send>;

/// How a store reads.
#[derive(Debug)]
pub(super) enum Readers {
    /// On threads that do nothing else
    Threads {
        /// Where they take what is to be read
        reads: Arc<ReadQueue<Read>>,
        /// The threads
        threads: Vec<JoinHandle<()>>,
        /// How many steps one read may take
        max_steps: MaxSteps,
    },
    /// On the one that writes: a database in memory has one connection. None once the store is to end
    Writer(Option<Jobs<Writer>>),
}

impl Readers {
    /// Starts this many threads.
    pub(super) fn start(path: &Path, count: usize, statements: &Arc<StatementCounters>) -> Result<Self> {
        let reads = Arc::new(ReadQueue::<Read>::new());
        let mut threads = Vec::new();
        let max_steps = MaxSteps::none();
        for number in 0..count {
            let mut connection = open_reader(path, statements)?;
            let step_limit = StepLimit::install(&mut connection, max_steps.clone())?;
            let taken = reads.clone();
            let thread = std::thread::Builder::new().name(format!("store-read-{number}"));
            threads.push(thread.spawn(move || serve(&connection, &step_limit, &taken)).map_err(Error::fault)?);
        }
        Ok(Self::Threads { reads, threads, max_steps })
    }

    /// Ends reads that take more steps than these. Where it is read by the one that writes, they are not counted.
    pub(super) fn set_max_steps(&self, most: u64) {
        if let Self::Threads { max_steps, .. } = self {
            max_steps.set(most);
        }
    }

    /// Reads where it is written.
    pub(super) fn at_writer(jobs: Jobs<Writer>) -> Self {
        Self::Writer(Some(jobs))
    }

    /// Reads one state of the database.
    pub(super) fn read<'a, T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        match self {
            Self::Threads { reads, .. } => read_on_thread(reads, read),
            Self::Writer(Some(jobs)) => jobs.submit(move |session| read(session.connection)),
            Self::Writer(None) => Box::pin(std::future::ready(Err(store_stopped()))),
        }
    }

    /// Ends the threads, once they have read what was asked for.
    pub(super) fn stop(&mut self) {
        match self {
            Self::Threads { reads, threads, .. } => {
                reads.close();
                for thread in threads.drain(..) {
                    let _ = thread.join();
                }
            }
            Self::Writer(jobs) => *jobs = None,
        }
    }
}

fn read_on_thread<'a, T: Send + 'static>(
    reads: &ReadQueue<Read>,
    read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> StoreFuture<'a, T> {
    let (answer, answered) = oneshot::channel();
    let read: Read = Box::new(move |connection, step_limit| {
        // Who no longer waits needs no answer.
        if !answer.is_closed() {
            let _ = answer.send(snapshot(connection, step_limit, read));
        }
    });
    // Once the threads end, the answer's sender is dropped with the read, and that is the answer.
    reads.push(read);
    Box::pin(
        async move { answered.await.unwrap_or_else(|_| Err(Error::fault("a read of the store was not answered"))) },
    )
}

fn serve(connection: &Connection, step_limit: &StepLimit, reads: &ReadQueue<Read>) {
    while let Some(read) = reads.next() {
        // A read that panics is not answered; the thread goes on with the next one.
        if catch_unwind(AssertUnwindSafe(|| read(connection, step_limit))).is_err() && !connection.is_autocommit() {
            let _ = connection.execute_batch("ROLLBACK");
        }
    }
}

/// Everything that one read asks is answered from one state of the database.
fn snapshot<T>(
    connection: &Connection,
    step_limit: &StepLimit,
    read: impl FnOnce(&Connection) -> Result<T>,
) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let outcome = schema::check(connection).and_then(|()| {
        step_limit.begin();
        read(connection)
    });
    step_limit.end();
    // A read that failed may have ended the transaction.
    if !connection.is_autocommit() {
        connection.prepare_cached("COMMIT")?.execute([])?;
    }
    outcome
}
