//! A store that shows the plans that are committed through it, and lets something happen in the middle of a step.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{AuditEntry, Idempotency, Plan};
use crate::referral::{Scope, VersionRange};
use crate::store::audit_chain::{AuditRow, ChainEnd};
use crate::store::query::Query;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    AuditLog, AuditPage, AuditQuery, Changes, Committed, ConsentQuery, DirectoryPosition, Feed, GivenConsent, Page,
    RenewalGroup, Resources, Statistics, StoreFuture, Stored, StoredReferral, Versions,
};

/// What happens in the middle of a step.
pub(super) type Meanwhile = Box<dyn FnOnce() -> StoreFuture<'static, ()> + Send>;

/// See the module head.
pub(super) struct WatchedStore {
    store: Arc<SqliteStore>,
    plans: Mutex<Vec<Plan>>,
    audited: Mutex<Vec<AuditEntry>>,
    meanwhile: Mutex<Option<Meanwhile>>,
}

impl WatchedStore {
    pub(super) fn new(store: Arc<SqliteStore>) -> Self {
        Self { store, plans: Mutex::default(), audited: Mutex::default(), meanwhile: Mutex::default() }
    }

    /// The plans that were committed, and what was remembered without one, since this was asked last.
    pub(super) fn take(&self) -> (Vec<Plan>, Vec<AuditEntry>) {
        (std::mem::take(&mut lock(&self.plans)), std::mem::take(&mut lock(&self.audited)))
    }

    /// Lets this happen before the next commit or, in a poll, once it is known which referrals have something new.
    pub(super) fn let_happen(&self, meanwhile: Meanwhile) {
        *lock(&self.meanwhile) = Some(meanwhile);
    }

    async fn happen(&self) -> Result<()> {
        let meanwhile = lock(&self.meanwhile).take();
        if let Some(meanwhile) = meanwhile {
            meanwhile().await?;
            // What was done meanwhile is not this step's.
            self.take();
        }
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Resources for WatchedStore {
    fn commit(&self, plan: Plan) -> StoreFuture<'_, Committed> {
        Box::pin(async move {
            self.happen().await?;
            let committed = self.store.commit(plan.clone()).await?;
            lock(&self.plans).push(plan);
            Ok(committed)
        })
    }

    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a ResourceKey,
        version: Option<u64>,
    ) -> StoreFuture<'a, Option<Stored>> {
        self.store.read(scope, key, version)
    }

    fn read_each<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<Option<Stored>>> {
        self.store.read_each(scope, keys)
    }

    fn history<'a>(&'a self, scope: &'a Scope, key: &'a ResourceKey, range: VersionRange) -> StoreFuture<'a, Versions> {
        self.store.history(scope, key, range)
    }

    fn may_share<'a>(&'a self, organization: &'a str, key: &'a ResourceKey) -> StoreFuture<'a, bool> {
        self.store.may_share(organization, key)
    }

    fn visible<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<bool>> {
        self.store.visible(scope, keys)
    }

    fn search<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> StoreFuture<'a, Page> {
        self.store.search(scope, query)
    }

    fn search_each<'a>(&'a self, scope: &'a Scope, queries: &'a [Query]) -> StoreFuture<'a, Vec<Page>> {
        self.store.search_each(scope, queries)
    }

    fn referral<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        with_history: bool,
    ) -> StoreFuture<'a, Option<StoredReferral>> {
        self.store.referral(scope, task, with_history)
    }

    fn referral_each<'a>(
        &'a self,
        scope: &'a Scope,
        tasks: &'a [ResourceKey],
    ) -> StoreFuture<'a, Vec<Result<Option<StoredReferral>>>> {
        self.store.referral_each(scope, tasks)
    }

    fn referral_as_of<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        seq: u64,
    ) -> StoreFuture<'a, Option<StoredReferral>> {
        self.store.referral_as_of(scope, task, seq)
    }

    fn sharing<'a>(&'a self, key: &'a ResourceKey) -> StoreFuture<'a, Vec<ResourceKey>> {
        self.store.sharing(key)
    }

    fn is_shared_widely<'a>(&'a self, key: &'a ResourceKey, tasks: usize) -> StoreFuture<'a, bool> {
        self.store.is_shared_widely(key, tasks)
    }

    fn next_renewal(&self, tasks: usize) -> StoreFuture<'_, Option<RenewalGroup>> {
        self.store.next_renewal(tasks)
    }

    fn consents<'a>(&'a self, patient: &'a ResourceKey, query: &'a ConsentQuery) -> StoreFuture<'a, Vec<GivenConsent>> {
        self.store.consents(patient, query)
    }

    fn resting_on<'a>(
        &'a self,
        patient: &'a ResourceKey,
        consent: &'a ResourceKey,
        refuses: bool,
    ) -> StoreFuture<'a, Vec<ResourceKey>> {
        self.store.resting_on(patient, consent, refuses)
    }

    fn idempotent<'a>(&'a self, client: &'a str, key: &'a str) -> StoreFuture<'a, Option<Idempotency>> {
        self.store.idempotent(client, key)
    }

    fn directory_changes(
        &self,
        since: DirectoryPosition,
        changes: mpsc::Sender<Stored>,
    ) -> StoreFuture<'_, DirectoryPosition> {
        self.store.directory_changes(since, changes)
    }

    fn catch_up(&self) -> StoreFuture<'_, ()> {
        self.store.catch_up()
    }

    fn directory_version(&self) -> watch::Receiver<u64> {
        self.store.directory_version()
    }

    fn statistics(&self) -> StoreFuture<'_, Statistics> {
        self.store.statistics()
    }
}

impl Feed for WatchedStore {
    fn changes<'a>(&'a self, organization: &'a str, since: u64, limit: usize) -> StoreFuture<'a, Changes> {
        Box::pin(async move {
            let changes = self.store.changes(organization, since, limit).await?;
            self.happen().await?;
            Ok(changes)
        })
    }

    fn newest(&self, organization: &str) -> watch::Receiver<u64> {
        self.store.newest(organization)
    }

    fn newest_now<'a>(&'a self, organization: &'a str) -> StoreFuture<'a, u64> {
        self.store.newest_now(organization)
    }

    fn newest_commit(&self) -> StoreFuture<'_, u64> {
        self.store.newest_commit()
    }

    fn store_id(&self) -> &str {
        self.store.store_id()
    }

    fn earlier_ids(&self) -> &[(String, u64)] {
        self.store.earlier_ids()
    }
}

impl AuditLog for WatchedStore {
    fn audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()> {
        lock(&self.audited).extend(entries.iter().cloned());
        self.store.audit(entries)
    }

    fn audit_rows<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, AuditPage> {
        self.store.audit_rows(query)
    }

    fn audit_count<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, u64> {
        self.store.audit_count(query)
    }

    fn audit_row<'a>(&'a self, chain: &'a str, number: u64) -> StoreFuture<'a, Option<AuditRow>> {
        self.store.audit_row(chain, number)
    }

    fn audit_chains(&self) -> StoreFuture<'_, Vec<ChainEnd>> {
        self.store.audit_chains()
    }

    fn audit_chain<'a>(&'a self, chain: &'a str, after: (u64, u64), limit: usize) -> StoreFuture<'a, Vec<AuditRow>> {
        self.store.audit_chain(chain, after, limit)
    }

    fn prune_audit(&self, before: Timestamp, entry: AuditEntry) -> StoreFuture<'_, u64> {
        self.store.prune_audit(before, entry)
    }
}
