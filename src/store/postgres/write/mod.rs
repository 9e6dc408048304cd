//! What is written: one thread, one connection, a group of plans in one transaction.

pub(super) mod audit;
pub(super) mod batch;
pub(super) mod blocking;
pub(super) mod clients;
pub(super) mod commit;
pub(super) mod committer;
pub(super) mod connection;
mod consents;
mod feed;
pub(super) mod generation;
mod keys;
mod outcome;
mod progress;
mod resources;
pub(super) mod retention;
mod rows;
pub(super) mod session;
mod shares;
mod task_steps;
mod unanswered;
