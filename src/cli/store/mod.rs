//! `handoff store`: copies of the store, made while it is served; putting one back; moving it to another database; and whether a
//! store is whole.

mod backup;
mod check;
mod copy;
mod progress;
mod restore;

use clap::Subcommand;
use jiff::Timestamp;

use super::store_file::StoreFile;
use super::streams::{Exit, Streams};
use crate::error::Result;

/// Arguments of `handoff store`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the store
    #[command(subcommand)]
    pub action: Action,
    /// The store
    #[command(flatten)]
    pub store: StoreFile,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Copy the store to a file, as it is at one commit; a gateway may serve it meanwhile
    Backup(backup::Args),
    /// Put a copy in the place of the store, once it is found to be whole; no gateway may serve the store
    Restore(restore::Args),
    /// Copy a store to another database, SQLite to PostgreSQL or back, whole; tokens and cursors go on there
    Copy(copy::Args),
    /// Say whether the store is whole: its pages, what it counts, what is found by what, and the audit log
    Check(check::Args),
}

/// Runs `handoff store`; `now` is when.
///
/// # Errors
/// Where a store or file is not there or cannot be used.
pub fn run(args: &Args, now: Timestamp, streams: &mut Streams<'_>) -> Result<Exit> {
    match &args.action {
        Action::Backup(asked) => backup::run(asked, &args.store, streams),
        Action::Restore(asked) => restore::run(asked, &args.store, now, streams),
        Action::Copy(asked) => copy::run(asked, streams),
        Action::Check(asked) => check::run(asked, &args.store, streams),
    }
}
