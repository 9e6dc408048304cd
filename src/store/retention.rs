//! What is not kept for ever: it goes in groups, so that whoever writes beside it waits for one of them at most.

use jiff::Timestamp;

use super::answer::StoreFuture;

/// What became of one group of versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrunedVersions {
    /// How many documents were removed
    pub removed: u64,
    /// Where the next group begins; none after the last
    pub next: Option<u64>,
}

/// What of a store goes with time.
///
/// Errors of every operation: `Busy` where the database takes no writes, `Fault` where it fails.
pub trait Retention: Send + Sync {
    /// Removes a group of the idempotency keys that were used before this time, and says how many; 0 when none is left. A
    /// request that is repeated under one of them is a new one then.
    fn prune_keys(&self, before: Timestamp) -> StoreFuture<'_, u64>;

    /// Removes, of a group of versions, the documents of those that were replaced before this time; that there was a version,
    /// when and by which commit stays known. `after` is where the group before ended, 0 for the first.
    ///
    /// Kept are the newest version of every resource; those that an organization was shown last before its part in a referral
    /// ended, which stay readable to it; and every version of a referral's Task, which is the history that its record shows.
    fn prune_versions(&self, before: Timestamp, after: u64) -> StoreFuture<'_, PrunedVersions>;
}
