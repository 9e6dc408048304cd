//! Where readers take what is to be read. Of those that wait the one is woken that came last: what it looks at is still at
//! hand to it, and nobody else wakes up.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread, ThreadId};

/// See the module head.
pub(super) struct ReadQueue<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    waiting: VecDeque<T>,
    /// Readers that have nothing to do, the last one last
    idle: Vec<Thread>,
    is_closed: bool,
}

impl<T> std::fmt::Debug for ReadQueue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadQueue").finish_non_exhaustive()
    }
}

impl<T> ReadQueue<T> {
    pub(super) fn new() -> Self {
        Self { state: Mutex::new(State { waiting: VecDeque::new(), idle: Vec::new(), is_closed: false }) }
    }

    /// Adds something; after the queue is closed it is dropped.
    pub(super) fn push(&self, one: T) {
        let idle = {
            let mut state = self.state();
            if state.is_closed {
                return;
            }
            state.waiting.push_back(one);
            state.idle.pop()
        };
        if let Some(thread) = idle {
            thread.unpark();
        }
    }

    /// What has waited longest; waits for something to come. Nothing once the queue is closed and empty.
    pub(super) fn next(&self) -> Option<T> {
        let own: Thread = thread::current();
        let id: ThreadId = own.id();
        loop {
            {
                let mut state = self.state();
                // It may have woken up by itself.
                state.idle.retain(|thread| thread.id() != id);
                if let Some(one) = state.waiting.pop_front() {
                    return Some(one);
                }
                if state.is_closed {
                    return None;
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

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn everything_is_taken_once_whoever_waits() {
        let queue = Arc::new(ReadQueue::new());
        let taken = Arc::new(AtomicUsize::new(0));
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (queue, taken) = (queue.clone(), taken.clone());
                thread::spawn(move || {
                    while let Some(number) = queue.next() {
                        taken.fetch_add(number, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let queue = queue.clone();
                thread::spawn(move || (1..=500).for_each(|number| queue.push(number)))
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
}
