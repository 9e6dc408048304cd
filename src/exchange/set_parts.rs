//! A clock that is set and ids that count: what an exchange is given where it is to do the same each time, in the cases that
//! the command line runs and in tests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;

use super::parts::{Clock, Ids};

/// A clock that stands where it was set.
#[derive(Debug)]
pub struct SetClock(AtomicI64);

impl SetClock {
    /// One that stands at this time.
    pub fn at(time: Timestamp) -> Self {
        Self(AtomicI64::new(time.as_microsecond()))
    }

    /// Sets it, forward or back.
    pub fn set(&self, time: Timestamp) {
        self.0.store(time.as_microsecond(), Relaxed);
    }
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        // It was a time when it was set.
        Timestamp::from_microsecond(self.0.load(Relaxed)).unwrap_or_default()
    }
}

/// Ids by a number that counts.
#[derive(Debug)]
pub struct CountingIds {
    given: AtomicU64,
    id: fn(u64) -> String,
}

impl CountingIds {
    /// Ids that are made of their number so; the first is 1.
    pub fn new(id: fn(u64) -> String) -> Self {
        Self { given: AtomicU64::new(0), id }
    }
}

impl Default for CountingIds {
    /// `n1`, `n2` ...
    fn default() -> Self {
        Self::new(|number| format!("n{number}"))
    }
}

impl Ids for CountingIds {
    fn next(&self) -> String {
        (self.id)(self.given.fetch_add(1, Relaxed) + 1)
    }
}
