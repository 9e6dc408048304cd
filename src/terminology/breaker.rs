//! A server that is down is left alone for a while, so that not every message waits for it in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts failures. After enough of them in a row nobody asks until the pause is over; then one may try.
#[derive(Debug)]
pub(super) struct Breaker {
    failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failed: u32,
    /// Nobody asks before
    closed_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(failures: u32, pause: Duration) -> Self {
        Self { failures: failures.max(1), pause, state: Mutex::default() }
    }

    /// May the server be asked now? Whoever may when the pause is over tries it for all others.
    pub(super) fn may_ask(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.closed_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.closed_until = Some(now + self.pause);
                true
            }
        }
    }

    /// The server answered, whatever it said.
    pub(super) fn answered(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The server did not answer. True if it counts as down from now on.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failed = state.failed.saturating_add(1);
        if state.failed < self.failures {
            return false;
        }
        state.closed_until = Some(now + self.pause);
        state.failed == self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_alone_what_is_down_and_lets_one_try() {
        let (start, pause) = (Instant::now(), Duration::from_secs(30));
        let breaker = Breaker::new(2, pause);
        assert!(!breaker.failed(start) && breaker.may_ask(start));
        assert!(breaker.failed(start), "the second failure in a row closes it");
        assert!(!breaker.may_ask(start) && !breaker.may_ask(start + pause / 2));
        assert!(breaker.may_ask(start + pause) && !breaker.may_ask(start + pause), "one tries for all");
        assert!(!breaker.failed(start + pause), "that is no news");
        breaker.answered();
        assert!(breaker.may_ask(start) && !breaker.failed(start) && breaker.may_ask(start));
    }
}
