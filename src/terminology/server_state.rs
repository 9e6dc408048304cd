//! The server that is asked, with what is known of it and from it.

use std::time::Duration;

use tokio::sync::Semaphore;

use super::breaker::Breaker;
use super::cache::Cache;
use super::server::Server;

/// A server, with what is known of it and from it.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) server: Server,
    pub(super) cache: Cache,
    pub(super) breaker: Breaker,
    /// One permit for each request that may run
    pub(super) permits: Semaphore,
    pub(super) timeout: Duration,
}
