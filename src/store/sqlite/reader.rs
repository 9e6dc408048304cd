//! How a store reads: with a few connections of its own, on threads of its own, so a read waits for the disk here and not on a
//! thread that keeps many requests going. A thread that may wait reads itself (`reading_threads`), which spares two wakeups; a
//! database in memory is read by the thread that writes it.
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
use crate::store::reading_threads::reads_itself;
use crate::store::write_queue::Jobs;
use crate::store::write_state::store_stopped;

/// Something that is to be read, and then told.
type Read = Box<dyn FnOnce(&Reader) -> Option<Tell> + Send>;
type Tell = Box<dyn FnOnce() + Send>;

/// What something is read with.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    step_limit: StepLimit,
}

/// How a store reads.
#[derive(Debug)]
pub(super) enum Readers {
    /// With connections that do nothing else
    Threads {
        /// Where what is to be read meets a connection
        reads: Arc<ReadQueue<Reader, Read>>,
        /// The threads that read for those that may not wait for the disk
        threads: Vec<JoinHandle<()>>,
        /// How many steps one read may take
        max_steps: MaxSteps,
        /// What counts the reads
        statements: Arc<StatementCounters>,
    },
    /// On the one that writes: a database in memory has one connection
    Writer {
        /// None once the store is to end
        jobs: Option<Jobs<Writer>>,
        /// What counts the reads
        statements: Arc<StatementCounters>,
    },
}

impl Readers {
    /// Starts this many threads, with as many connections.
    pub(super) fn start(path: &Path, count: usize, statements: &Arc<StatementCounters>) -> Result<Self> {
        let max_steps = MaxSteps::none();
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            let mut connection = open_reader(path, statements)?;
            let step_limit = StepLimit::install(&mut connection, max_steps.clone())?;
            connections.push(Reader { connection, step_limit });
        }
        let reads = Arc::new(ReadQueue::new(connections));
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let taken = reads.clone();
            let thread = std::thread::Builder::new().name(format!("store-read-{number}"));
            threads.push(thread.spawn(move || serve(&taken)).map_err(Error::fault)?);
        }
        Ok(Self::Threads { reads, threads, max_steps, statements: statements.clone() })
    }

    /// Ends reads that take more steps than these. Where it is read by the one that writes, they are not counted.
    pub(super) fn set_max_steps(&self, most: u64) {
        if let Self::Threads { max_steps, .. } = self {
            max_steps.set(most);
        }
    }

    /// Reads where it is written.
    pub(super) fn at_writer(jobs: Jobs<Writer>, statements: Arc<StatementCounters>) -> Self {
        Self::Writer { jobs: Some(jobs), statements }
    }

    /// Reads one state of the database: here, where this thread reads itself and a connection is free.
    pub(super) fn read<'a, T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        if let Self::Threads { reads, statements, .. } = self
            && reads_itself()
            && let Some(taken) = reads.take_free()
        {
            statements.count_read();
            let found = taken.connection().map_or_else(|| Err(not_answered()), |reader| reader.answer(read));
            return Box::pin(std::future::ready(found));
        }
        self.read_elsewhere(read)
    }

    /// Reads one state of the database, never here: what is found on the way may be waited for by this thread.
    pub(super) fn read_elsewhere<'a, T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        match self {
            Self::Threads { reads, statements, .. } => {
                statements.count_read();
                read_on_thread(reads, read)
            }
            Self::Writer { jobs: Some(jobs), statements } => {
                statements.count_read();
                jobs.submit(move |session| read(session.connection))
            }
            Self::Writer { jobs: None, .. } => Box::pin(std::future::ready(Err(store_stopped()))),
        }
    }

    /// Ends the threads, once they have read what was asked for, and closes the connections: only who closes the file last finds
    /// it whole.
    pub(super) fn stop(&mut self) {
        match self {
            Self::Threads { reads, threads, .. } => {
                reads.close();
                for thread in threads.drain(..) {
                    let _ = thread.join();
                }
                reads.drop_connections();
            }
            Self::Writer { jobs, .. } => *jobs = None,
        }
    }
}

fn read_on_thread<'a, T: Send + 'static>(
    reads: &ReadQueue<Reader, Read>,
    read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
) -> StoreFuture<'a, T> {
    let (answer, answered) = oneshot::channel();
    let read: Read = Box::new(move |reader| {
        // Who no longer waits needs no answer.
        if answer.is_closed() {
            return None;
        }
        let found = reader.answer(read);
        Some(Box::new(move || drop(answer.send(found))))
    });
    // Once the threads end, the answer's sender is dropped with the read, and that is the answer.
    reads.push(read);
    Box::pin(async move { answered.await.unwrap_or_else(|_| Err(not_answered())) })
}

fn not_answered() -> Error {
    Error::fault("a read of the store was not answered")
}

fn serve(reads: &ReadQueue<Reader, Read>) {
    while let Some((read, taken)) = reads.next() {
        let tell = taken.connection().and_then(read);
        // Whoever is told may ask for more at once, and is to find what it knows still at hand.
        drop(taken);
        if let Some(tell) = tell {
            tell();
        }
    }
}

impl Reader {
    /// What a read finds. One that panics is not answered; the connection goes on with the next one.
    fn answer<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        catch_unwind(AssertUnwindSafe(|| self.snapshot(read))).unwrap_or_else(|_| {
            self.step_limit.end();
            if !self.connection.is_autocommit() {
                let _ = self.connection.execute_batch("ROLLBACK");
            }
            Err(not_answered())
        })
    }

    /// Everything that one read asks is answered from one state of the database.
    fn snapshot<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let Self { connection, step_limit } = self;
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
}
