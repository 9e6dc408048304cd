//! What goes with time, of what PostgreSQL keeps.

use jiff::Timestamp;

use crate::store::{PrunedVersions, Retention, StoreFuture};

use super::PostgresStore;

impl Retention for PostgresStore {
    fn prune_keys(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.prune_used_keys(before)
    }

    fn prune_versions(&self, before: Timestamp, after: u64) -> StoreFuture<'_, PrunedVersions> {
        self.prune_old_versions(before, after)
    }
}
