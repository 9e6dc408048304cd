//! Credentials: the clients that may call.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::referral::plan::AuditEntry;

use super::answer::{ClientRow, StoreFuture};

/// Where clients are kept.
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait Credentials: Send + Sync {
    /// All clients, revoked ones among them, in the order of their making.
    fn clients(&self) -> StoreFuture<'_, Vec<ClientRow>>;

    /// Adds a client, or puts it in the place of the one with its id, and remembers that in the audit log, both or neither.
    fn save_client(&self, client: ClientRow, remembered: Vec<AuditEntry>) -> StoreFuture<'_, ()>;

    /// Revokes a client from this time on, and remembers that, both or neither; false if there is none with this id, of which nothing
    /// is remembered. Revoking twice keeps the first time.
    fn end_client<'a>(&'a self, id: &'a str, at: Timestamp, remembered: Vec<AuditEntry>) -> StoreFuture<'a, bool>;

    /// As [`Credentials::save_client`], for whoever makes a store to try things with: nothing is remembered.
    fn put_client(&self, client: ClientRow) -> StoreFuture<'_, ()> {
        self.save_client(client, Vec::new())
    }

    /// As [`Credentials::end_client`], with nothing remembered.
    fn revoke_client<'a>(&'a self, id: &'a str, at: Timestamp) -> StoreFuture<'a, bool> {
        self.end_client(id, at, Vec::new())
    }

    /// Raised whenever the clients change, be it by another process.
    fn clients_version(&self) -> watch::Receiver<u64>;
}
