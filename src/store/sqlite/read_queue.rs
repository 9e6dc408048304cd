//! Where what is to be read meets what it is read with. There are a few connections, and threads that read what others ask for
//! with them; a thread that may wait for the disk takes a connection itself, where one is free and nobody waits for it.
//!
//! Of connections and threads the one is taken that was given back last: what it looks at is still at hand to it, and nobody
//! else wakes up.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread, ThreadId};

/// See the module head. `C` is what something is read with, `T` what is to be read.
pub(super) struct ReadQueue<C, T> {
    state: Mutex<State<C, T>>,
}

struct State<C, T> {
    waiting: VecDeque<T>,
    connections: Vec<C>,
    /// Threads that have nothing to do, the last one last
    idle: Vec<Thread>,
    is_closed: bool,
}

/// A connection that is in use, until this is dropped.
pub(super) struct Taken<'q, C, T> {
    queue: &'q ReadQueue<C, T>,
    /// None once it was given back
    connection: Option<C>,
    /// Is it a reader that has it, which takes what waits itself when it is done?
    is_readers: bool,
}

impl<C, T> std::fmt::Debug for ReadQueue<C, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadQueue").finish_non_exhaustive()
    }
}

impl<C, T> ReadQueue<C, T> {
    pub(super) fn new(connections: Vec<C>) -> Self {
        let state = State { waiting: VecDeque::new(), connections, idle: Vec::new(), is_closed: false };
        Self { state: Mutex::new(state) }
    }

    /// Adds something; after the queue is closed it is dropped.
    pub(super) fn push(&self, one: T) {
        let idle = {
            let mut state = self.state();
            if state.is_closed {
                return;
            }
            state.waiting.push_back(one);
            state.idle_reader()
        };
        if let Some(thread) = idle {
            thread.unpark();
        }
    }

    /// A connection for whoever reads itself; none where all are in use, where others wait, and once the queue is closed.
    pub(super) fn take_free(&self) -> Option<Taken<'_, C, T>> {
        let mut state = self.state();
        if state.is_closed || !state.waiting.is_empty() {
            return None;
        }
        let connection = state.connections.pop()?;
        Some(Taken { queue: self, connection: Some(connection), is_readers: false })
    }

    /// What has waited longest, with a connection for it; waits for both. Nothing once the queue is closed and empty.
    pub(super) fn next(&self) -> Option<(T, Taken<'_, C, T>)> {
        let own: Thread = thread::current();
        let id: ThreadId = own.id();
        loop {
            {
                let mut state = self.state();
                // It may have woken up by itself.
                state.idle.retain(|thread| thread.id() != id);
                if state.is_closed && state.waiting.is_empty() {
                    // Others may wait for a connection, and need none any more.
                    state.idle.drain(..).for_each(|thread| thread.unpark());
                    return None;
                }
                if let Some((one, connection)) = state.next() {
                    return Some((one, Taken { queue: self, connection: Some(connection), is_readers: true }));
                }
                state.idle.push(own.clone());
            }
            thread::park();
        }
    }

    /// Nothing more is added; what waits is still taken.
    pub(super) fn close(&self) {
        let idle = {
            let mut state = self.state();
            state.is_closed = true;
            std::mem::take(&mut state.idle)
        };
        idle.iter().for_each(Thread::unpark);
    }

    /// Closes the connections that nobody uses.
    pub(super) fn drop_connections(&self) {
        let connections = std::mem::take(&mut self.state().connections);
        drop(connections);
    }

    fn give_back(&self, connection: C, is_readers: bool) {
        let idle = {
            let mut state = self.state();
            state.connections.push(connection);
            if is_readers { None } else { state.idle_reader() }
        };
        if let Some(thread) = idle {
            thread.unpark();
        }
    }

    fn state(&self) -> MutexGuard<'_, State<C, T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C, T> State<C, T> {
    /// What is read next, and with what.
    fn next(&mut self) -> Option<(T, C)> {
        if self.waiting.is_empty() {
            return None;
        }
        let connection = self.connections.pop()?;
        Some((self.waiting.pop_front()?, connection))
    }

    /// A thread that has nothing to do, if there is something for it.
    fn idle_reader(&mut self) -> Option<Thread> {
        let is_work = !self.connections.is_empty() && !self.waiting.is_empty();
        if is_work { self.idle.pop() } else { None }
    }
}

impl<C, T> Taken<'_, C, T> {
    /// The connection.
    pub(super) fn connection(&self) -> Option<&C> {
        self.connection.as_ref()
    }
}

impl<C, T> Drop for Taken<'_, C, T> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.queue.give_back(connection, self.is_readers);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn everything_is_taken_once_whoever_waits() {
        let queue = Arc::new(ReadQueue::new(vec![(), ()]));
        let taken = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (queue, taken) = (queue.clone(), taken.clone());
                thread::spawn(move || {
                    while let Some((number, _connection)) = queue.next() {
                        taken.fetch_add(number, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let (queue, taken) = (queue.clone(), taken.clone());
                thread::spawn(move || {
                    for number in 1..=500 {
                        match queue.take_free() {
                            Some(_connection) => drop(taken.fetch_add(number, Ordering::Relaxed)),
                            None => queue.push(number),
                        }
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.join().unwrap();
        }
        queue.close();
        queue.push(1_000_000);
        for reader in readers {
            reader.join().unwrap();
        }
        assert_eq!(taken.load(Ordering::Relaxed), 3 * 500 * 501 / 2);
    }

    #[test]
    fn whoever_waits_comes_before_whoever_would_read_itself() {
        let queue = ReadQueue::new(vec!["only"]);
        let taken = queue.take_free().unwrap();
        assert!(queue.take_free().is_none(), "it is in use");
        queue.push(7);
        drop(taken);
        assert!(queue.take_free().is_none(), "somebody waits");
        let (one, taken) = queue.next().unwrap();
        assert_eq!((one, taken.connection()), (7, Some(&"only")));
        drop(taken);
        assert!(queue.take_free().is_some());
        queue.close();
        assert!(queue.take_free().is_none() && queue.next().is_none());
    }
}
