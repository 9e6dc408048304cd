//! What both databases are asked, in the same words: reads and searches over the tables of a store, whichever database holds
//! them. A backend gives a [`Database`]: one state of it for as long as a read takes, or the transaction of its writer.
//!
//! The SQL here is what SQLite and PostgreSQL both understand; where they do not, [`Dialect`] says what each is told.
//! Statements run one after the other, and block: whoever calls stands on a thread that may.
//!
//! It must not know how a connection is made, kept or limited, nor how a transaction begins and ends.

pub(super) mod audit;
pub(super) mod bases;
pub(super) mod check;
pub(super) mod clients;
pub(super) mod consents;
pub(super) mod counted;
pub(super) mod database;
pub(super) mod dialect;
pub(super) mod directory;
pub(super) mod feed;
pub(super) mod index;
pub(super) mod keys;
pub(super) mod newest;
pub(super) mod planned_read;
pub(super) mod read;
pub(super) mod referral;
pub(super) mod renewals;
pub(super) mod search;
pub(super) mod shown;
pub(super) mod statistics;
pub(super) mod task_steps;
pub(super) mod unanswered;
pub(super) mod value;
pub(super) mod withheld;

pub(super) use database::{Ask, Database, all_or_nothing};
pub(super) use dialect::Dialect;
pub(super) use value::{Columns, Row, Value, values};
