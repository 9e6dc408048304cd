//! The clients, as PostgreSQL keeps them.

use jiff::Timestamp;
use tokio::sync::watch;

use crate::referral::plan::AuditEntry;
use crate::store::sql::clients;
use crate::store::{ClientRow, Credentials, StoreFuture};

use super::{PostgresStore, read_only};

impl Credentials for PostgresStore {
    fn clients(&self) -> StoreFuture<'_, Vec<ClientRow>> {
        self.readers.read(|reader| clients::all(reader))
    }

    fn save_client(&self, _: ClientRow, _: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        read_only::refuse()
    }

    fn end_client<'a>(&'a self, _: &'a str, _: Timestamp, _: Vec<AuditEntry>) -> StoreFuture<'a, bool> {
        read_only::refuse()
    }

    fn clients_version(&self) -> watch::Receiver<u64> {
        self.newest_sequences.clients()
    }
}
