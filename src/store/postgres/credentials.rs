//! The clients, as PostgreSQL keeps them.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::referral::plan::AuditEntry;
use crate::store::sql::clients;
use crate::store::{ClientRow, Credentials, StoreFuture};

use super::PostgresStore;

impl Credentials for PostgresStore {
    fn clients(&self) -> StoreFuture<'_, Vec<ClientRow>> {
        self.readers.read(|reader| clients::all(reader))
    }

    fn save_client(&self, client: ClientRow, remembered: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        self.write_client(client, remembered)
    }

    fn end_client<'a>(&'a self, id: &'a str, at: Timestamp, remembered: Vec<AuditEntry>) -> StoreFuture<'a, bool> {
        self.revoke(id, at, remembered)
    }

    fn clients_version(&self) -> watch::Receiver<u64> {
        self.newest_sequences.clients()
    }
}
