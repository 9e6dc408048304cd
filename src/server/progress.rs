//! How far a connection of HTTP/1.1 is: it waits for a request, the head of one is on its way, or one is being answered. The
//! stream and the service of one connection share it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

use super::request_service::{RequestWatch, ServedRequest};

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

/// See the module head. Cheap to clone. Every phase has a number of its own, so that the same phase of another request is
/// told apart.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    number: AtomicU64,
    /// Who reads while a request is served
    reader: Mutex<Option<Waker>>,
}

/// A request, until its answer is written.
pub(super) struct Request(Progress);

impl Drop for Request {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

impl ServedRequest for Request {}

impl RequestWatch for Progress {
    type Request = Request;

    /// A request is whole, up to its body.
    fn request_began(&self) -> Request {
        let forward = match self.now().0 {
            Phase::Idle => 2,
            Phase::Head => 1,
            Phase::Serving => 3,
        };
        self.0.number.fetch_add(forward, Ordering::Relaxed);
        Request(self.clone())
    }
}

impl Progress {
    /// The phase, and its number.
    pub(super) fn now(&self) -> (Phase, u64) {
        let number = self.0.number.load(Ordering::Relaxed);
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
            self.0.number.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Its answer is written. From now on a reader waits for the next one, and not for ever.
    fn request_ended(&self) {
        if self.now().0 == Phase::Serving {
            self.0.number.fetch_add(1, Ordering::Relaxed);
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
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
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
            let request = progress.request_began();
            progress.bytes_came();
            assert_eq!(progress.now().0, Phase::Serving);
            drop(request);
            assert_eq!(progress.now().0, Phase::Idle);
            numbers.push(progress.now().1);
        }
        // Its head came with the request before it.
        let _request = progress.request_began();
        assert_eq!(progress.now().0, Phase::Serving);
        numbers.push(progress.now().1);
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    }
}
