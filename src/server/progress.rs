//! How far a connection is: it waits for a request, the head of one is on its way, or one is being answered. The stream
//! and the service of one connection share it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::Waker;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// No byte of a request has come
    Idle,
    /// A part of a head has come
    Head,
    /// A request is being served
    Serving,
}

/// See the module head. Every phase has a number of its own, so that the same phase of another request is told apart.
#[derive(Debug, Default)]
pub(super) struct Progress {
    number: AtomicU64,
    /// Who reads while a request is served
    reader: Mutex<Option<Waker>>,
}

impl Progress {
    /// The phase, and its number.
    pub(super) fn now(&self) -> (Phase, u64) {
        let number = self.number.load(Ordering::Relaxed);
        let phase = match number % 3 {
            0 => Phase::Idle,
            1 => Phase::Head,
            _ => Phase::Serving,
        };
        (phase, number)
    }

    /// Bytes have come.
    pub(super) fn bytes_came(&self) {
        if self.now().0 == Phase::Idle {
            self.number.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request is whole, up to its body.
    pub(super) fn request_began(&self) {
        let forward = match self.now().0 {
            Phase::Idle => 2,
            Phase::Head => 1,
            Phase::Serving => 3,
        };
        self.number.fetch_add(forward, Ordering::Relaxed);
    }

    /// Its answer is written. From now on a reader waits for the next one, and not for ever.
    pub(super) fn request_ended(&self) {
        if self.now().0 == Phase::Serving {
            self.number.fetch_add(1, Ordering::Relaxed);
            if let Some(reader) = self.reader().take() {
                reader.wake();
            }
        }
    }

    /// Wakes this reader when the request is at its end.
    pub(super) fn wake_at_end(&self, reader: &Waker) {
        self.reader().replace(reader.clone());
    }

    fn reader(&self) -> std::sync::MutexGuard<'_, Option<Waker>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_request_follows_another() {
        let progress = Progress::default();
        let mut numbers = vec![progress.now().1];
        for _ in 0..2 {
            progress.bytes_came();
            progress.bytes_came();
            assert_eq!(progress.now().0, Phase::Head);
            numbers.push(progress.now().1);
            progress.request_began();
            progress.bytes_came();
            assert_eq!(progress.now().0, Phase::Serving);
            progress.request_ended();
            assert_eq!(progress.now().0, Phase::Idle);
            numbers.push(progress.now().1);
        }
        // Its head came with the request before it.
        progress.request_began();
        assert_eq!(progress.now().0, Phase::Serving);
        numbers.push(progress.now().1);
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
