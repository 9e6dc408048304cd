//! How far a store has come, as the open transaction sees it.

use crate::store::audit_chain::ChainEnd;

/// How far the store has come; written back once a group.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// The newest commit
    pub(super) seq: i64,
    /// The newest lastUpdated, in microseconds
    pub(super) updated: i64,
    /// The newest ids
    pub(super) version: i64,
    pub(super) resource: i64,
    pub(super) audit: i64,
    pub(super) system: i64,
    /// Are there other generations of the search index?
    pub(super) other_indexes: bool,
    /// The end of the audit log; none: not asked yet
    pub(super) audit_end: Option<ChainEnd>,
}
