//! The threads that read, each with its own connection: a read waits for the disk here and not on a thread that serves.
//!
//! A read is one snapshot: the write-ahead log lets it see one state of the database, and the writer goes on meanwhile.

use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::{Error, Result};
use crate::store::StoreFuture;

use super::connection::open_reader;
use super::writer::store_stopped;

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The reading threads. They end when this is dropped.
#[derive(Debug)]
pub(super) struct Readers {
    reads: Option<Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts this many threads.
    pub(super) fn start(path: &Path, count: usize) -> Result<Self> {
        let (sender, receiver) = channel::<Read>();
        let receiver = Arc::new(Mutex::new(receiver));
        let mut threads = Vec::new();
        for number in 0..count {
            let connection = open_reader(path)?;
            let receiver = receiver.clone();
            let thread = std::thread::Builder::new().name(format!("store-read-{number}"));
            threads.push(thread.spawn(move || serve(&connection, &receiver)).map_err(Error::fault)?);
        }
        Ok(Self { reads: Some(sender), threads })
    }

    /// Reads on one of the threads.
    pub(super) fn read<'a, T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> StoreFuture<'a, T> {
        let (answer, answered) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            // Who no longer waits needs no answer.
            if !answer.is_closed() {
                let _ = answer.send(snapshot(connection, read));
            }
        });
        if let Some(reads) = &self.reads {
            // Without a receiver the answer's sender is dropped with the read, and that is the answer.
            let _ = reads.send(read);
        }
        Box::pin(async move { answered.await.unwrap_or_else(|_| Err(store_stopped())) })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.reads = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, reads: &Mutex<Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else { return };
        read(connection);
    }
}

/// Everything that one read asks is answered from one state of the database.
fn snapshot<T>(connection: &Connection, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    connection.prepare_cached("BEGIN")?.execute([])?;
    let outcome = read(connection);
    connection.prepare_cached("COMMIT")?.execute([])?;
    outcome
}
