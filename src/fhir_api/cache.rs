//! What is made once and served often.

use std::sync::OnceLock;

use axum::body::Bytes;

use crate::error::Result;

use super::conformance::Artifacts;

/// The CapabilityStatement and our own definitions, once they were asked for.
#[derive(Default)]
pub(crate) struct Cache {
    pub(super) capability: OnceLock<Bytes>,
    artifacts: OnceLock<Artifacts>,
}

impl Cache {
    /// Our own definitions.
    pub(super) fn artifacts(&self) -> Result<&Artifacts> {
        if let Some(known) = self.artifacts.get() {
            return Ok(known);
        }
        let read = Artifacts::shipped()?;
        Ok(self.artifacts.get_or_init(|| read))
    }
}
