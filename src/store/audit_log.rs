//! The audit log: who did what to which referral, and what was refused.

use crate::referral::plan::AuditEntry;

use super::answer::StoreFuture;

/// Where what happened is remembered. What a commit does is remembered with it: see
/// [`Plan::audit`](crate::referral::Plan::audit).
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait AuditLog: Send + Sync {
    /// Remembers what changed no resource.
    fn audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()>;
}
