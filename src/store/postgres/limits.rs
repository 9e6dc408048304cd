//! How much of a database one gateway takes, and how long it waits for it.

use std::time::Duration;

/// See the module head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseLimits {
    /// How many connections read; one more writes, and one listens
    pub readers: usize,
    /// How long it may take to make a connection, where its URL does not say
    pub connect: Duration,
    /// How long is waited for a connection that is free
    pub wait: Duration,
    /// How long one statement of a read may take
    pub read: Duration,
    /// How long one statement of a commit may take
    pub write: Duration,
    /// How long a search index is kept that no gateway uses
    pub index_kept: Duration,
}

impl Default for DatabaseLimits {
    fn default() -> Self {
        Self {
            readers: 8,
            connect: Duration::from_secs(5),
            wait: Duration::from_secs(10),
            read: Duration::from_secs(5),
            write: Duration::from_mins(1),
            index_kept: Duration::from_hours(24),
        }
    }
}
