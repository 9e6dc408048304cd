//! What goes with time, of what PostgreSQL keeps.

use jiff::Timestamp;

use crate::store::{PrunedVersions, Retention, StoreFuture};

use super::{PostgresStore, read_only};

impl Retention for PostgresStore {
    fn prune_keys(&self, _: Timestamp) -> StoreFuture<'_, u64> {
        read_only::refuse()
    }

    fn prune_versions(&self, _: Timestamp, _: u64) -> StoreFuture<'_, PrunedVersions> {
        read_only::refuse()
    }
}
