//! Feeds: what each organization has to read, in the order of the commits.

use tokio::sync::watch;

use super::answer::{Changes, StoreFuture};

/// What is new for whom.
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait Feed: Send + Sync {
    /// The Tasks with something new for this organization after the sequence `since`, each once, at its newest change,
    /// oldest change first; a Task that it no longer sees among them. All Tasks of one sequence are given together, so
    /// the answer may be longer than `limit`.
    fn changes<'a>(&'a self, organization: &'a str, since: u64, limit: usize) -> StoreFuture<'a, Changes>;

    /// The newest sequence with something for this organization; 0 if there never was. Kept in memory and raised after
    /// the commit; a long poll waits here. Where one gateway alone serves the store, nothing newer is known to anybody.
    fn newest(&self, organization: &str) -> watch::Receiver<u64>;

    /// The same, with all that was committed before the store caught up last
    /// (see [`Resources::catch_up`](super::Resources::catch_up)), be it announced by then or not. What is kept in memory, as long
    /// as that is all there is.
    fn newest_now<'a>(&'a self, organization: &'a str) -> StoreFuture<'a, u64> {
        Box::pin(std::future::ready(Ok(*self.newest(organization).borrow())))
    }

    /// The newest commit of all. What is read may be ahead of what was announced (see [`Feed::newest`]), and a cursor that
    /// was just given stands for it.
    fn newest_commit(&self) -> StoreFuture<'_, u64>;

    /// A name that this store got when it was made, or restored from a copy. A cursor of another store is told by it.
    fn store_id(&self) -> &str;

    /// The names that it had before it was restored, each with the last commit that it still holds of that time: a cursor for a
    /// later one stands for what is gone.
    fn earlier_ids(&self) -> &[(String, u64)];
}
