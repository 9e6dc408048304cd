//! How much one read may make the database do: steps of its virtual machine (<https://sqlite.org/opcode.html>). A search that
//! would look at everything is ended, so that it does not keep a reader from the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::Connection;

use crate::error::Result;

/// After how many steps is looked at how many there have been.
const INTERVAL: u64 = 1_000;

/// How many steps one read may take. Shared by all readers, and cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct MaxSteps(Arc<AtomicU64>);

/// The steps of the read that a connection is at.
#[derive(Debug)]
pub(super) struct StepLimit {
    most: MaxSteps,
    left: Arc<AtomicU64>,
}

impl MaxSteps {
    /// As many as it takes.
    pub(super) fn none() -> Self {
        Self(Arc::new(AtomicU64::new(u64::MAX)))
    }

    pub(super) fn set(&self, most: u64) {
        self.0.store(most, Ordering::Relaxed);
    }
}

impl StepLimit {
    /// Limits what this connection does from now on.
    pub(super) fn install(connection: &mut Connection, most: MaxSteps) -> Result<Self> {
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let counted = left.clone();
        connection.progress_handler(
            INTERVAL as i32,
            Some(move || {
                let before = counted.load(Ordering::Relaxed);
                counted.store(before.saturating_sub(INTERVAL), Ordering::Relaxed);
                before < INTERVAL
            }),
        )?;
        Ok(Self { most, left })
    }

    /// A read begins, with all its steps before it.
    pub(super) fn begin(&self) {
        self.left.store(self.most.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// It has ended: what the connection does for itself is not limited.
    pub(super) fn end(&self) {
        self.left.store(u64::MAX, Ordering::Relaxed);
    }
}
