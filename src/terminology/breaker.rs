//! A server that is down is left alone for a while, so that not every message waits for it in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Counts failures. After enough of them in a row nobody asks until the pause is over; then one may try.
#[derive(Debug)]
pub(super) struct Breaker {
    max_failures: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    consecutive_failures: u32,
    /// Nobody asks before
    paused_until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(max_failures: u32, pause: Duration) -> Self {
        Self { max_failures: max_failures.max(1), pause, state: Mutex::default() }
    }

    /// May the server be asked now? Whoever may when the pause is over tries it for all others.
    pub(super) fn allows_request(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.paused_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) => {
                state.paused_until = Some(now + self.pause);
                true
            }
        }
    }

    /// The server answered, whatever it said.
    pub(super) fn record_success(&self) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The server did not answer. True if it counts as down from now on.
    pub(super) fn record_failure(&self, now: Instant) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.consecutive_failures = state.consecutive_failures.saturating_add(1);
        if state.consecutive_failures < self.max_failures {
            return false;
        }
        state.paused_until = Some(now + self.pause);
        state.consecutive_failures == self.max_failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_alone_what_is_down_and_lets_one_try() {
        let (start, pause) = (Instant::now(), Duration::from_secs(30));
        let breaker = Breaker::new(2, pause);
        assert!(!breaker.record_failure(start) && breaker.allows_request(start));
        assert!(breaker.record_failure(start), "the second failure in a row closes it");
        assert!(!breaker.allows_request(start) && !breaker.allows_request(start + pause / 2));
        assert!(breaker.allows_request(start + pause) && !breaker.allows_request(start + pause), "one tries for all");
        assert!(!breaker.record_failure(start + pause), "that is no news");
        breaker.record_success();
        assert!(breaker.allows_request(start) && !breaker.record_failure(start) && breaker.allows_request(start));
    }
}
