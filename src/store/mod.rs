//! Layer 3: what is kept, behind one trait a use: [`Resources`], [`Feed`], [`Credentials`],
//! [`AuditLog`], [`Health`], [`Retention`], [`Leases`].
//!
//! A write is a [`Plan`](crate::referral::Plan), committed whole or not at all; a read takes the
//! [`Scope`](crate::referral::Scope) of whoever asks, so nothing is read for nobody in particular. What a scope does not
//! see is answered as if it were not there.
//!
//! A backend is a folder: `sqlite` and `postgres`; what both are asked in the same words is in `sql`, and `copy` moves a store from one to
//! the other. What does not depend on the database stands beside it: what
//! resources are indexed by (`index`, `index_definition`, `index_ids`, `derived`), how a search is read (`query`) and planned
//! (`search`), how the audit log is chained and verified (`audit_chain`, `audit_verify`), a plan with all that is
//! computed before its transaction (`prepared`), which threads wait for a disk themselves (`reading_threads`), and what is new, in
//! memory (`newest`).
//!
//! Three promises that every backend keeps, and one suite (`tests/store`) that holds them to it:
//! - an answered commit is durable, and found exactly once, whatever happens to the process a moment later;
//! - every commit has a sequence; sequences become visible in their order, and `meta.lastUpdated` strictly
//!   increases from write to write, in microseconds and whatever the clock says: whoever follows [`Feed::changes`], or asks
//!   for what changed after the newest that it saw, misses nothing and gets nothing twice;
//! - a document is given back byte for byte, as it was committed.
//!
//! It must not know who calls (`security`), nor what a referral, a program or a request is.

mod answer;
pub mod audit_chain;
mod audit_log;
pub mod audit_verify;
mod backend;
mod conflict;
pub mod copy;
mod credentials;
mod derived;
mod document;
mod failure;
mod feed;
mod health;
pub mod index;
mod index_definition;
mod index_ids;
mod leases;
mod newest;
mod place;
pub mod postgres;
mod prepared;
pub mod query;
mod reading_threads;
mod renewal;
mod resources;
mod retention;
mod search;
mod shared;
mod sql;
pub mod sqlite;
mod unanswered;
mod visibility;
mod write_queue;
mod write_state;

pub use answer::{
    Changes, ClientRow, Committed, ConsentPosition, ConsentQuery, DirectoryPosition, GivenConsent, Page, ReadResult,
    RuleRecipients, Statistics, StoreFuture, Stored, StoredParty, StoredReferral, Unreadable, Versions,
};
pub use audit_log::{AuditLog, AuditPage, AuditQuery};
pub use backend::Store;
pub use conflict::conflicting;
pub use credentials::Credentials;
pub use feed::Feed;
pub use health::{Health, WriteState};
pub use leases::{Lease, Leases};
pub use place::StorePlace;
pub use reading_threads::read_on_this_thread;
pub use renewal::RenewalGroup;
pub use resources::Resources;
pub use retention::{PrunedVersions, Retention};
pub use unanswered::Unanswered;
