//! What checking a store came to.

use super::finding::StoreFinding;

/// What checking a store came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreReport {
    /// The newest commit; none where the file is damaged
    pub commit: Option<u64>,
    /// How many resources were looked at
    pub resources: u64,
    /// How many rows of the search index were; none where the index was made with other parameters than those given
    pub index_rows: Option<u64>,
    /// How many rows of the audit log were
    pub audit_rows: u64,
    /// What is wrong
    pub findings: Vec<StoreFinding>,
}

impl StoreReport {
    /// Is nothing wrong?
    pub fn is_whole(&self) -> bool {
        self.findings.is_empty()
    }
}
