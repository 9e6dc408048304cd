//! What the FHIR API is made of, and what of it is made once and served often.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;

use crate::error::Result;
use crate::exchange::Exchange;
use crate::profile::Checker;
use crate::store::index::SearchParameters;

use super::artifacts::Artifacts;

/// The FHIR API without its routes.
pub struct FhirService {
    pub(super) exchange: Arc<Exchange>,
    /// For the resource types that there are
    pub(super) checker: Arc<Checker>,
    /// What resources are found by
    pub(super) parameters: Arc<SearchParameters>,
    /// The public address, where it is not the one that clients use
    pub(super) base: Option<String>,
    pub(super) capability: OnceLock<Bytes>,
    artifacts: OnceLock<Artifacts>,
}

impl FhirService {
    /// Puts the parts together.
    pub fn new(
        exchange: Arc<Exchange>,
        checker: Arc<Checker>,
        parameters: Arc<SearchParameters>,
        base: Option<String>,
    ) -> Self {
        Self { exchange, checker, parameters, base, capability: OnceLock::new(), artifacts: OnceLock::new() }
    }

    /// Our own definitions.
    pub(super) fn artifacts(&self) -> Result<&Artifacts> {
        if let Some(known) = self.artifacts.get() {
            return Ok(known);
        }
        let read = Artifacts::shipped()?;
        Ok(self.artifacts.get_or_init(|| read))
    }
}
