//! Resources, as PostgreSQL keeps them.

use tokio::sync::{mpsc, watch};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::VersionRange;
use crate::referral::plan::{Idempotency, Plan};
use crate::referral::scope::Scope;
use crate::store::query::Query;
use crate::store::sql::{Database, consents, directory, read, referral, renewals, search, statistics};
use crate::store::{
    Committed, ConsentQuery, DirectoryPosition, GivenConsent, Page, RenewalGroup, Resources, Statistics, StoreFuture,
    Stored, StoredReferral, Versions,
};

use super::PostgresStore;

impl Resources for PostgresStore {
    fn commit(&self, plan: Plan) -> StoreFuture<'_, Committed> {
        self.commit_plan(plan)
    }

    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a ResourceKey,
        version: Option<u64>,
    ) -> StoreFuture<'a, Option<Stored>> {
        let (scope, key) = (scope.clone(), key.clone());
        self.readers.read(move |reader| read::read(reader, &scope, &key, version))
    }

    fn read_each<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<Option<Stored>>> {
        let (scope, keys) = (scope.clone(), keys.to_vec());
        self.readers.read(move |reader| read::read_each(reader, &scope, &keys))
    }

    fn history<'a>(&'a self, scope: &'a Scope, key: &'a ResourceKey, range: VersionRange) -> StoreFuture<'a, Versions> {
        let (scope, key) = (scope.clone(), key.clone());
        self.readers.read(move |reader| read::history(reader, &scope, &key, range))
    }

    fn visible<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<bool>> {
        let (scope, keys) = (scope.clone(), keys.to_vec());
        self.readers.read(move |reader| read::visible(reader, &scope, &keys))
    }

    fn may_share<'a>(&'a self, organization: &'a str, key: &'a ResourceKey) -> StoreFuture<'a, bool> {
        let (organization, key) = (organization.to_owned(), key.clone());
        self.readers.read(move |reader| read::may_share(reader, &organization, &key))
    }

    fn search<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> StoreFuture<'a, Page> {
        Box::pin(async move {
            let (index, scope, query) = (self.index()?.clone(), scope.clone(), query.clone());
            self.read_indexed(move |reader: &dyn Database| search::search(reader, &index, &scope, &query)).await
        })
    }

    fn search_each<'a>(&'a self, scope: &'a Scope, queries: &'a [Query]) -> StoreFuture<'a, Vec<Page>> {
        Box::pin(async move {
            let (index, scope, queries) = (self.index()?.clone(), scope.clone(), queries.to_vec());
            let each = move |reader: &dyn Database| {
                queries.iter().map(|query| search::search(reader, &index, &scope, query)).collect()
            };
            self.read_indexed(each).await
        })
    }

    fn referral<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        with_history: bool,
    ) -> StoreFuture<'a, Option<StoredReferral>> {
        let (scope, task) = (scope.clone(), task.clone());
        self.readers.read(move |reader| referral::referral(reader, &scope, &task, with_history, None))
    }

    fn referral_each<'a>(
        &'a self,
        scope: &'a Scope,
        tasks: &'a [ResourceKey],
    ) -> StoreFuture<'a, Vec<Result<Option<StoredReferral>>>> {
        let (scope, tasks) = (scope.clone(), tasks.to_vec());
        self.readers.read(move |reader| {
            Ok(tasks.iter().map(|task| referral::referral(reader, &scope, task, true, None)).collect())
        })
    }

    fn referral_as_of<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        seq: u64,
    ) -> StoreFuture<'a, Option<StoredReferral>> {
        let (scope, task) = (scope.clone(), task.clone());
        self.readers.read(move |reader| referral::referral(reader, &scope, &task, true, Some(seq)))
    }

    fn sharing<'a>(&'a self, key: &'a ResourceKey) -> StoreFuture<'a, Vec<ResourceKey>> {
        let key = key.clone();
        self.readers.read(move |reader| read::sharing(reader, &key))
    }

    fn is_shared_widely<'a>(&'a self, key: &'a ResourceKey, tasks: usize) -> StoreFuture<'a, bool> {
        let key = key.clone();
        self.readers.read(move |reader| renewals::is_shared_widely(reader, &key, tasks))
    }

    fn next_renewal(&self, tasks: usize) -> StoreFuture<'_, Option<RenewalGroup>> {
        self.readers.read(move |reader| renewals::next(reader, tasks))
    }

    fn consents<'a>(&'a self, patient: &'a ResourceKey, query: &'a ConsentQuery) -> StoreFuture<'a, Vec<GivenConsent>> {
        let (patient, query) = (patient.clone(), query.clone());
        self.read_indexed(move |reader: &dyn Database| consents::find(reader, &patient, &query))
    }

    fn resting_on<'a>(
        &'a self,
        patient: &'a ResourceKey,
        consent: &'a ResourceKey,
        refuses: bool,
    ) -> StoreFuture<'a, Vec<ResourceKey>> {
        let (patient, consent) = (patient.clone(), consent.clone());
        self.read_indexed(move |reader: &dyn Database| consents::resting(reader, &patient, &consent, refuses))
    }

    fn idempotent<'a>(&'a self, client: &'a str, key: &'a str) -> StoreFuture<'a, Option<Idempotency>> {
        let (client, key) = (client.to_owned(), key.to_owned());
        self.readers.read(move |reader| read::idempotent(reader, &client, &key))
    }

    fn directory_changes(
        &self,
        since: DirectoryPosition,
        changes: mpsc::Sender<Stored>,
    ) -> StoreFuture<'_, DirectoryPosition> {
        self.readers.read(move |reader| directory::changes(reader, since, &changes))
    }

    fn catch_up(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.catch_up.run())
    }

    fn directory_version(&self) -> watch::Receiver<u64> {
        self.newest_sequences.directory()
    }

    fn statistics(&self) -> StoreFuture<'_, Statistics> {
        let counters = self.counters.clone();
        self.readers.read(move |reader| Ok(counters.add_to(statistics::of_database(reader)?)))
    }
}
