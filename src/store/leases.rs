//! What one of several gateways on a store does alone.

use std::time::Duration;

use jiff::Timestamp;

use super::answer::StoreFuture;

/// That one gateway does something alone for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it does
    pub name: &'static str,
    /// The gateway, by a name that no other process has
    pub holder: String,
    /// For how long, unless it says so again: by the clock of the database, which is one for all
    pub length: Duration,
}

/// See the module head.
///
/// Errors of every operation: `Busy` where the database takes no writes, `Fault` where it fails.
pub trait Leases: Send + Sync {
    /// Takes a lease, or keeps it. False where it is not due yet at `now`, or another gateway has it, which has not said for its
    /// length that it still does.
    fn take_lease<'a>(&'a self, lease: &'a Lease, now: Timestamp) -> StoreFuture<'a, bool>;

    /// Gives a lease up: it is due again at `due`, for whoever takes it then.
    fn end_lease<'a>(&'a self, lease: &'a Lease, due: Timestamp) -> StoreFuture<'a, ()>;
}
