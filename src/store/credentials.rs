//! Credentials: the clients that may call.

use jiff::Timestamp;
use tokio::sync::watch;

use super::answer::{ClientRow, StoreFuture};

/// Where clients are kept.
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait Credentials: Send + Sync {
    /// All clients, revoked ones among them, in the order of their making.
    fn clients(&self) -> StoreFuture<'_, Vec<ClientRow>>;

    /// Adds a client, or puts it in the place of the one with its id.
    fn put_client(&self, client: ClientRow) -> StoreFuture<'_, ()>;

    /// Revokes a client from this time on; false if there is none with this id. Revoking twice keeps the first time.
    fn revoke_client<'a>(&'a self, id: &'a str, at: Timestamp) -> StoreFuture<'a, bool>;

    /// Raised whenever the clients change, be it by another process.
    fn clients_version(&self) -> watch::Receiver<u64>;
}
