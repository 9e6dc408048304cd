//! Resources: how they are committed, read and searched, always for somebody.

use tokio::sync::{mpsc, watch};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::VersionRange;
use crate::referral::plan::{Idempotency, Plan};
use crate::referral::scope::Scope;

use super::answer::{
    Committed, ConsentQuery, DirectoryPosition, GivenConsent, Page, Statistics, StoreFuture, Stored, StoredReferral,
    Versions,
};
use super::query::Query;
use super::renewal::RenewalGroup;

/// Where resources are kept, with who takes part in which referral.
///
/// Whoever reads as an organization is given everything without what is withheld from it, and finds nothing by that.
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait Resources: Send + Sync {
    /// Commits the plan in one transaction; when the answer is there, it is durable.
    ///
    /// # Errors
    /// `Conflict`, and nothing is stored, where a version precondition or a guard does not hold, where others take part
    /// than those whom a share was made for, or the idempotency key has been used. The resource that stands in the way is
    /// named: see [`conflicting`](super::conflicting).
    fn commit(&self, plan: Plan) -> StoreFuture<'_, Committed>;

    /// The newest version of a resource, or the version named.
    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a ResourceKey,
        version: Option<u64>,
    ) -> StoreFuture<'a, Option<Stored>>;

    /// The newest version of each of these, in the order asked; all from one state of the store.
    fn read_each<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<Option<Stored>>>;

    /// These versions of a resource, newest first; fewer than asked for where they are large. One that cannot be read is
    /// told in its place.
    fn history<'a>(&'a self, scope: &'a Scope, key: &'a ResourceKey, range: VersionRange) -> StoreFuture<'a, Versions>;

    /// Which of these resources are there and seen, in the order asked.
    fn visible<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<bool>>;

    /// May this organization (its id) share the resource on: what it sent itself, what it was given as a requester, and what
    /// is public. What an owner was given in one referral is not its to share in another.
    fn may_share<'a>(&'a self, organization: &'a str, key: &'a ResourceKey) -> StoreFuture<'a, bool>;

    /// A page of the resources that match and are seen.
    ///
    /// # Errors
    /// A fault for a match that cannot be read, unless the query has it told in its place.
    /// `Incorrect` for a cursor that is not of this search, and where more would be included than a page may hold.
    fn search<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> StoreFuture<'a, Page>;

    /// The page of each of these searches, in the order asked; all from one state of the store.
    ///
    /// # Errors
    /// As [`Resources::search`].
    fn search_each<'a>(&'a self, scope: &'a Scope, queries: &'a [Query]) -> StoreFuture<'a, Vec<Page>>;

    /// The referral that this Task carries: the Task, and all that is shared through it and seen.
    fn referral<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        with_history: bool,
    ) -> StoreFuture<'a, Option<StoredReferral>>;

    /// The referral of each of these Tasks, in the order asked, with its history; all from one state of the store. One that
    /// cannot be read keeps no other back.
    fn referral_each<'a>(
        &'a self,
        scope: &'a Scope,
        tasks: &'a [ResourceKey],
    ) -> StoreFuture<'a, Vec<Result<Option<StoredReferral>>>>;

    /// The same referral as it was after the commit `seq`: every resource and the extras at their newest version of then,
    /// and who took part. Nothing where a version of then is not kept any more.
    fn referral_as_of<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        seq: u64,
    ) -> StoreFuture<'a, Option<StoredReferral>>;

    /// The Tasks through which this resource is shared.
    fn sharing<'a>(&'a self, key: &'a ResourceKey) -> StoreFuture<'a, Vec<ResourceKey>>;

    /// Is this resource shared through more Tasks than so many, or has it left work for a later time (see
    /// [`DeferredChange`](crate::referral::plan::DeferredChange)) that a change would have to wait for?
    fn is_shared_widely<'a>(&'a self, key: &'a ResourceKey, tasks: usize) -> StoreFuture<'a, bool>;

    /// Of the work that changes have left, what is done next: a group of at most so many Tasks.
    fn next_renewal(&self, tasks: usize) -> StoreFuture<'_, Option<RenewalGroup>>;

    /// The Consents about this Patient that may say something, whoever sees them, those that were given last first.
    ///
    /// # Errors
    /// A fault for one that cannot be read: whoever decides by them has to know all of them.
    fn consents<'a>(&'a self, patient: &'a ResourceKey, query: &'a ConsentQuery) -> StoreFuture<'a, Vec<GivenConsent>>;

    /// The Tasks that show this Patient to somebody, and that a change of this Consent may concern: see
    /// [`RestsOn`](crate::referral::plan::RestsOn). All of them that show it to anybody, where it may refuse now.
    fn resting_on<'a>(
        &'a self,
        patient: &'a ResourceKey,
        consent: &'a ResourceKey,
        refuses: bool,
    ) -> StoreFuture<'a, Vec<ResourceKey>>;

    /// What was answered to the request that this client sent under this key.
    fn idempotent<'a>(&'a self, client: &'a str, key: &'a str) -> StoreFuture<'a, Option<Idempotency>>;

    /// The Organizations, then the Locations, then the HealthcareServices of the directory that changed after this position,
    /// each in the order of change and sent on one by one; answers how far that is. It is one state of the directory,
    /// however long it takes. What is not public any more is not among them; it is missing in the count.
    ///
    /// # Errors
    /// Where nobody takes them any more, too.
    fn directory_changes(
        &self,
        since: DirectoryPosition,
        changes: mpsc::Sender<Stored>,
    ) -> StoreFuture<'_, DirectoryPosition>;

    /// Ready when everything is announced that was committed before this was asked, whoever committed it: the versions of the
    /// directory and the clients, and what is new for whom (see [`Feed::newest_now`](super::Feed::newest_now)). Asked before
    /// anything is decided by what is kept in memory. A store that one gateway alone serves announces what it commits.
    fn catch_up(&self) -> StoreFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Raised by every commit that changes the directory.
    fn directory_version(&self) -> watch::Receiver<u64>;

    /// Counts for the metrics.
    fn statistics(&self) -> StoreFuture<'_, Statistics>;
}
