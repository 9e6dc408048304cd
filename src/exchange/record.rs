//! Program records: a referral as the agency's own kind of document.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::Document;

use super::remarks::Remarks;

/// A referral as a program record.
#[derive(Debug, Clone)]
pub struct Record {
    /// The record, as JSON text
    pub json: String,
    /// The newest commit that concerns the referral; what `ETag` and `If-Match` carry
    pub version: u64,
    /// What the last change of it should be read with
    pub remarks: Remarks,
}

impl Record {
    pub(super) fn new(json: String, version: u64) -> Self {
        Self { json, version, remarks: Remarks::default() }
    }

    /// The record as a value that can be changed.
    ///
    /// # Errors
    /// A fault, if it is no JSON.
    pub fn value(&self) -> Result<Value> {
        Document::value_of(&self.json).map_err(|issue| Error::fault(issue.text))
    }
}

/// What a record that is put was changed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Nothing is said: what stands now
    Newest,
    /// This version; what happened since is merged with it
    Version(u64),
}
