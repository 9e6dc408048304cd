//! Layer 3: what is kept, behind one trait.
//!
//! A write is a [`Plan`], committed whole or not at all; a read takes the [`Scope`] with whose eyes it looks, so nothing
//! is read for nobody in particular. What a scope does not see is answered as if it were not there.
//!
//! Three promises that every backend keeps, and one suite (`tests/store`) that holds them to it:
//! - an answered commit is durable, and found exactly once, whatever happens to the process a moment later;
//! - every commit has a sequence; sequences become visible in their order, and `lastUpdated` never runs backwards, so
//!   whoever follows [`Store::changes`] misses nothing;
//! - a document is given back byte for byte, as it was committed.
//!
//! It must not know who calls (`security`), nor what a referral, a program or a request is.

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;
use tokio::sync::watch;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{AuditEntry, Idempotency, Plan};
use crate::referral::scope::Scope;

use query::Query;

mod answer;
mod conflict;
pub mod index;
pub mod query;
pub mod sqlite;

pub use answer::{Changes, ClientRow, Committed, Page, ReadResult, Statistics, Stored, StoredParty, StoredReferral};
pub use conflict::conflicting;

/// What a store answers, later.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// Where resources, what is owed to whom, audit and clients are kept.
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait Store: Send + Sync {
    /// Commits the plan in one transaction; when the answer is there, it is durable.
    ///
    /// # Errors
    /// `Conflict`, and nothing is stored, where a version precondition or a guard does not hold, or the idempotency key
    /// has been used. The resource that stands in the way is named: see [`conflicting`].
    fn commit(&self, plan: Plan) -> StoreFuture<'_, Committed>;

    /// The newest version of a resource, or the version named.
    fn read<'a>(
        &'a self,
        scope: &'a Scope,
        key: &'a ResourceKey,
        version: Option<u64>,
    ) -> StoreFuture<'a, Option<Stored>>;

    /// The newest `count` versions of a resource, newest first.
    fn history<'a>(&'a self, scope: &'a Scope, key: &'a ResourceKey, count: usize) -> StoreFuture<'a, Vec<Stored>>;

    /// Which of these resources are there and seen, in the order asked.
    fn visible<'a>(&'a self, scope: &'a Scope, keys: &'a [ResourceKey]) -> StoreFuture<'a, Vec<bool>>;

    /// A page of the resources that match and are seen.
    ///
    /// # Errors
    /// `Incorrect` for a cursor that is not of this search, and where more would be included than a page may hold.
    fn search<'a>(&'a self, scope: &'a Scope, query: &'a Query) -> StoreFuture<'a, Page>;

    /// The referral that this Task carries: the Task, and all that is shared through it and seen.
    fn referral<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        with_history: bool,
    ) -> StoreFuture<'a, Option<StoredReferral>>;

    /// The same referral as it was after the commit `seq`: every resource and the extras at their newest version of then.
    fn referral_as_of<'a>(
        &'a self,
        scope: &'a Scope,
        task: &'a ResourceKey,
        seq: u64,
    ) -> StoreFuture<'a, Option<StoredReferral>>;

    /// The Tasks through which this resource is shared.
    fn sharing<'a>(&'a self, key: &'a ResourceKey) -> StoreFuture<'a, Vec<ResourceKey>>;

    /// The Tasks with something new for this organization after the sequence `since`, each once, at its newest change,
    /// oldest change first; a Task that it no longer sees among them. All Tasks of one sequence are given together, so the answer may be longer than `limit`.
    fn changes<'a>(&'a self, organization: &'a str, since: u64, limit: usize) -> StoreFuture<'a, Changes>;

    /// The newest sequence with something for this organization; 0 if there never was. Kept in memory and raised after
    /// the commit, so a poll with nothing to find asks no database, and a long poll waits here.
    fn newest(&self, organization: &str) -> watch::Receiver<u64>;

    /// A name that this store got when it was made. A cursor of another store is told by it.
    fn store_id(&self) -> &str;

    /// What was answered to the request that this client sent under this key.
    fn idempotent<'a>(&'a self, client: &'a str, key: &'a str) -> StoreFuture<'a, Option<Idempotency>>;

    /// All public resources: the directory.
    fn directory(&self) -> StoreFuture<'_, Vec<Stored>>;

    /// Raised by every commit that changes the directory.
    fn directory_version(&self) -> watch::Receiver<u64>;

    /// Remembers what changed no resource.
    fn audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()>;

    /// All clients, revoked ones among them, in the order of their making.
    fn clients(&self) -> StoreFuture<'_, Vec<ClientRow>>;

    /// Adds a client, or puts it in the place of the one with its id.
    fn put_client(&self, client: ClientRow) -> StoreFuture<'_, ()>;

    /// Revokes a client from this time on; false if there is none with this id. Revoking twice keeps the first time.
    fn revoke_client<'a>(&'a self, id: &'a str, at: Timestamp) -> StoreFuture<'a, bool>;

    /// Raised whenever the clients change, be it by another process.
    fn clients_version(&self) -> watch::Receiver<u64>;

    /// Counts for the metrics.
    fn statistics(&self) -> StoreFuture<'_, Statistics>;
}
