//! The audit log, as PostgreSQL keeps it.

use jiff::Timestamp;

use crate::referral::plan::AuditEntry;
use crate::store::audit_chain::{AuditRow, ChainEnd};
use crate::store::sql::audit;
use crate::store::{AuditLog, AuditPage, AuditQuery, StoreFuture};

use super::PostgresStore;

impl AuditLog for PostgresStore {
    fn audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        self.write_audit(entries)
    }

    fn audit_rows<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, AuditPage> {
        let query = query.clone();
        self.readers.read(move |reader| audit::rows(reader, &query))
    }

    fn audit_count<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, u64> {
        let query = query.clone();
        self.readers.read(move |reader| audit::count(reader, &query))
    }

    fn audit_row<'a>(&'a self, chain: &'a str, number: u64) -> StoreFuture<'a, Option<AuditRow>> {
        let chain = chain.to_owned();
        self.readers.read(move |reader| audit::one(reader, &chain, number))
    }

    fn audit_chains(&self) -> StoreFuture<'_, Vec<ChainEnd>> {
        self.readers.read(|reader| audit::ends(reader))
    }

    fn audit_chain<'a>(&'a self, chain: &'a str, after: (u64, u64), limit: usize) -> StoreFuture<'a, Vec<AuditRow>> {
        let chain = chain.to_owned();
        self.readers.read(move |reader| audit::chain(reader, &chain, after, limit))
    }

    fn prune_audit(&self, before: Timestamp, entry: AuditEntry) -> StoreFuture<'_, u64> {
        self.prune_audit_log(before, entry)
    }
}
