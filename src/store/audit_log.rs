//! The audit log: who did, saw and was refused what. A row is never changed; old ones go as a whole from the beginning.

use jiff::Timestamp;

use crate::fhir::ResourceKey;
use crate::referral::plan::{AuditEntry, AuditOutcome};

use super::answer::StoreFuture;
use super::audit_chain::{AuditRow, ChainEnd};

/// Which rows are wanted; what is not said is not asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// From this time on
    pub since: Option<Timestamp>,
    /// Up to this time, it included
    pub until: Option<Timestamp>,
    /// Of this client
    pub client: Option<String>,
    /// Of clients of this Organization (its id)
    pub organization: Option<String>,
    /// About this resource, alone or among others
    pub subject: Option<ResourceKey>,
    /// One of these actions; any, if empty
    pub actions: Vec<String>,
    /// With this outcome
    pub outcome: Option<AuditOutcome>,
    /// Newest first
    pub descending: bool,
    /// At most so many
    pub limit: usize,
    /// After the page that gave this cursor
    pub cursor: Option<u64>,
}

impl Default for AuditQuery {
    fn default() -> Self {
        Self {
            since: None,
            until: None,
            client: None,
            organization: None,
            subject: None,
            actions: Vec::new(),
            outcome: None,
            descending: false,
            limit: 100,
            cursor: None,
        }
    }
}

impl AuditQuery {
    /// Is this row wanted? What a backend asks its database for, asked of one row.
    pub fn matches(&self, row: &AuditRow) -> bool {
        let entry = &row.entry;
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found);
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && is(&self.client, &entry.client)
            && is(&self.organization, &entry.organization)
            && self.subject.as_ref().is_none_or(|key| entry.subject.iter().chain(&entry.entities).any(|of| of == key))
            && (self.actions.is_empty() || self.actions.iter().any(|action| *action == entry.action))
            && self.outcome.is_none_or(|outcome| entry.outcome == outcome)
    }
}

/// Some of the rows that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditPage {
    /// The rows, in the order in which they were written, or the other way round
    pub rows: Vec<AuditRow>,
    /// Where to go on; none on the last page
    pub next: Option<u64>,
}

/// Where what happened is remembered. What a commit does is remembered with it: see
/// [`Plan::audit`](crate::referral::Plan::audit). Every backend chains its rows as [`super::audit_chain`] says, each of
/// its writers in a chain of its own or all in one.
///
/// Errors of every operation: `Busy` where the database stays locked, `Fault` where it fails.
pub trait AuditLog: Send + Sync {
    /// Remembers what changed no resource.
    fn audit(&self, entries: Vec<AuditEntry>) -> StoreFuture<'_, ()>;

    /// The rows that are wanted.
    fn audit_rows<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, AuditPage>;

    /// How many rows are wanted, whatever the page.
    fn audit_count<'a>(&'a self, query: &'a AuditQuery) -> StoreFuture<'a, u64>;

    /// The row with this number of this chain.
    fn audit_row<'a>(&'a self, chain: &'a str, number: u64) -> StoreFuture<'a, Option<AuditRow>>;

    /// Where each chain ends, as the store has noted it beside the rows.
    fn audit_chains(&self) -> StoreFuture<'_, Vec<ChainEnd>>;

    /// At most `limit` rows of a chain (of none, where it is empty), in the order of their numbers and, where a number is
    /// there twice, of their positions; those after this number and position.
    fn audit_chain<'a>(&'a self, chain: &'a str, after: (u64, u64), limit: usize) -> StoreFuture<'a, Vec<AuditRow>>;

    /// Removes every row from the beginning on that is older than `before`, up to the first that is not, and remembers that as
    /// `entry`, with the checkpoint as its detail. Says how many rows went; where none did, nothing is remembered.
    fn prune_audit(&self, before: Timestamp, entry: AuditEntry) -> StoreFuture<'_, u64>;
}
