//! What the store has its writer do.

use jiff::Timestamp;

use super::PostgresStore;
use super::write::batch::Batch;
use super::write::session::{RELEASE, SAVEPOINT, Session};
use super::write::{audit, clients, commit, retention};
use crate::error::Result;
use crate::referral::plan::{AuditEntry, Plan};
use crate::store::prepared::PreparedPlan;
use crate::store::sql::{Database, read};
use crate::store::{ClientRow, Committed, PrunedVersions, StoreFuture};

/// How often what others have stored is made found before a read is made where nobody stores meanwhile.
const MAX_CATCH_UPS: usize = 3;

impl PostgresStore {
    /// Reads what is found by the search index, in a state in which all that is stored is found by it: what gateways with other
    /// search parameters have stored is made found first.
    pub(super) fn read_indexed<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Database) -> Result<T> + Clone + Send + 'static,
    ) -> StoreFuture<'_, T> {
        Box::pin(async move {
            let generation = self.index()?.generation;
            for _ in 0..MAX_CATCH_UPS {
                if let Some(found) = self.readers.read_indexed(generation, read.clone()).await? {
                    return Ok(found);
                }
                // The writer makes it found before it does anything.
                self.jobs.submit(within(|_| Ok(()))).await?;
            }
            self.jobs.submit(within(move |session| read(&session.database))).await
        })
    }

    /// Commits the plan in one transaction.
    pub(super) fn commit_plan(&self, plan: Plan) -> StoreFuture<'_, Committed> {
        Box::pin(async move {
            let documents = |keys: Vec<_>| self.readers.read(move |reader| read::documents(reader, &keys));
            let prepared = PreparedPlan::of(plan, &self.index.definition, documents).await?;
            self.jobs.submit(move |session| commit::commit(session, prepared)).await
        })
    }

    /// Adds a client, or puts it in the place of the one with its id.
    pub(super) fn write_client(&self, client: ClientRow, remembered: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        self.jobs.submit(within(move |session| {
            clients::put(session, &client)?;
            remember(session, remembered)
        }))
    }

    /// Revokes a client; false if there is none with this id.
    pub(super) fn revoke(&self, id: &str, at: Timestamp, remembered: Vec<AuditEntry>) -> StoreFuture<'_, bool> {
        let id = id.to_owned();
        self.jobs.submit(within(move |session| {
            let found = clients::revoke(session, &id, at)?;
            remember(session, if found { remembered } else { Vec::new() })?;
            Ok(found)
        }))
    }

    /// Writes entries of the audit log.
    pub(super) fn write_audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        self.jobs.submit(within(move |session| remember(session, entries)))
    }

    /// Removes the oldest entries of the audit log.
    pub(super) fn prune_audit_log(&self, before: Timestamp, entry: AuditEntry) -> StoreFuture<'_, u64> {
        self.jobs.submit(within(move |session| audit::prune(session, before, entry)))
    }

    /// Removes a group of idempotency keys.
    pub(super) fn prune_used_keys(&self, before: Timestamp) -> StoreFuture<'_, u64> {
        self.jobs.submit(within(move |session| retention::prune_keys(session, before)))
    }

    /// Removes documents of a group of versions.
    pub(super) fn prune_old_versions(&self, before: Timestamp, after: u64) -> StoreFuture<'_, PrunedVersions> {
        self.jobs.submit(within(move |session| retention::prune_versions(session, before, after)))
    }
}

/// The work between the two ends of its savepoint.
pub(super) fn within<T>(
    work: impl FnOnce(&mut Session<'_>) -> Result<T>,
) -> impl FnOnce(&mut Session<'_>) -> Result<T> {
    move |session| {
        session.connection.batch(SAVEPOINT)?;
        let done = work(session)?;
        session.connection.batch(RELEASE)?;
        Ok(done)
    }
}

fn remember(session: &mut Session<'_>, entries: Vec<AuditEntry>) -> Result<()> {
    let mut batch = Batch::default();
    audit::write_behind(session, entries, &mut batch)?;
    session.connection.run(&batch).map(drop)
}
