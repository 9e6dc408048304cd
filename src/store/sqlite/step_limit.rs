//! How much one read may make the database do: steps of its virtual machine (<https://sqlite.org/opcode.html>). A search that
//! would look at everything is ended, so that it does not keep a reader from the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;

use super::statement::{Connection, StepsLeft};

/// How many steps one read may take. Shared by all readers, and cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct MaxSteps(Arc<AtomicU64>);

/// The steps of the read that a connection is at.
#[derive(Debug)]
pub(super) struct StepLimit {
    most: MaxSteps,
    left: Arc<StepsLeft>,
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
        let left = Arc::new(StepsLeft::unlimited());
        connection.limit_steps(&left)?;
        Ok(Self { most, left })
    }

    /// A read begins, with all its steps before it.
    pub(super) fn begin(&self) {
        self.left.set(self.most.0.load(Ordering::Relaxed));
    }

    /// It has ended: what the connection does for itself is not limited.
    pub(super) fn end(&self) {
        self.left.set(u64::MAX);
    }
}
