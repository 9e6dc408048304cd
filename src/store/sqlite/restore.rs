//! Puts a copy of a store in the place of a store.
//!
//! The copy is copied once more, checked, brought to the schema of this version and only then put in place; until then
//! nothing is changed. A store that is there is written over inside one transaction of its own file, so whoever opens it
//! meanwhile waits for it, and finds the old store or the new one, whatever happens to this process. Where the file is no
//! database any more nobody can have it open: another takes its name.
//!
//! What was committed after the copy was made is gone, and the numbers of those commits are given again to others. A cursor
//! that stands for one of them would pass over what is new; so cursors get another name, and of those with
//! the old one the earlier hold.

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{ErrorCode, params};
use tempfile::NamedTempFile;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::referral::plan::AuditEntry;
use crate::store::index::SearchParameters;

use super::backup::{self, CopiedState, Progress};
use super::check::{self, StoreReport};
use super::keys::Keys;
use super::session::Session;
use super::statement::Connection;
use super::{SqliteStore, audit, connection, in_use};

/// How it is to be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RestoreOptions {
    /// A store that is there is written over
    pub replace: bool,
    /// A copy that was made without its log is taken as it is
    pub without_log: bool,
}

/// What became of restoring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restoration {
    /// The store now holds this
    Done(CopiedState),
    /// The copy is not whole; nothing is changed
    NotWhole(StoreReport),
}

/// Puts the copy in the place of the store, and remembers that as `entry`, with the commit as its detail.
///
/// # Errors
/// If the copy is not there or none of ours; if the store is there and is not to be replaced, or is used by another process.
pub async fn restore(
    copy: &Path,
    store: &Path,
    options: RestoreOptions,
    parameters: &Arc<SearchParameters>,
    entry: AuditEntry,
    progress: Progress<'_>,
) -> Result<Restoration> {
    backup::refuse_same(store, copy)?;
    refuse_occupied(store, options.replace)?;
    let prepared = backup::copy_beside(copy, store, options.without_log, progress)?;
    let damage = check::check_file(prepared.path())?;
    if !damage.is_whole() {
        return Ok(Restoration::NotWhole(damage));
    }
    // Brought to the schema of this version. Every resource is looked at: it is done once, and what is served is built on it.
    let opened = SqliteStore::open_for_clients(prepared.path())?;
    let report = check::check_rows(&opened, parameters, NonZeroU64::MIN).await?;
    drop(opened);
    if !report.is_whole() {
        return Ok(Restoration::NotWhole(report));
    }
    let state = begin_anew(prepared.path(), entry)?;
    put_in_place(prepared, store, options.replace)?;
    Ok(Restoration::Done(state))
}

/// Refuses where something is in the way, before anything is done.
fn refuse_occupied(store: &Path, replace: bool) -> Result<()> {
    if store.exists() {
        if !replace {
            return Err(backup::exists(store));
        }
        return match take_alone(store) {
            Err(error) if !is_no_database(&error) => Err(not_taken(store, error)),
            _ => Ok(()),
        };
    }
    match leftovers(store).first() {
        Some(file) if !replace => Err(Error::unwritable_file(
            store,
            &format_args!(
                "{} lies beside it, and would be read as its log; move it away, or remove it with --replace",
                file.display()
            ),
        )),
        _ => Ok(()),
    }
}

/// From here on it is a store of its own: cursors that were given for what is gone are known no more.
fn begin_anew(file: &Path, entry: AuditEntry) -> Result<CopiedState> {
    let writer = connection::open_writer(file)?;
    let state = backup::state(&writer)?;
    let name = uuid::Uuid::new_v4().simple().to_string();
    let commit = state.commit.cast_signed();
    writer.execute("INSERT INTO restored (cursors, seq) VALUES (?1, ?2)", params![name, commit])?;
    let mut keys = Keys::default();
    let mut session = Session::new_session(&writer, &mut keys, None);
    audit::write(&mut session, &[AuditEntry { detail: format!("commit {commit}"), ..entry }])?;
    writer.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    writer.close()?;
    Ok(state)
}

fn put_in_place(prepared: NamedTempFile, store: &Path, replace: bool) -> Result<()> {
    if store.exists() {
        match take_alone(store) {
            Ok(taken) => return write_over(prepared.path(), taken),
            Err(error) if is_no_database(&error) => {}
            Err(error) => return Err(not_taken(store, error)),
        }
    }
    if replace {
        for file in leftovers(store) {
            std::fs::remove_file(&file).map_err(|error| Error::unwritable_file(&file, &error))?;
        }
    }
    prepared.as_file().sync_all().map_err(|error| Error::unwritable_file(store, &error))?;
    backup::give_name(prepared, store, replace)
}

/// Opens the file for nobody but us: whoever else has it open, or waits for it, keeps us out.
fn take_alone(store: &Path) -> rusqlite::Result<Connection> {
    let taken = Connection::open(store)?;
    taken.busy_timeout(std::time::Duration::ZERO)?;
    taken.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    // Writes back and removes a log that a process left when it was killed.
    taken.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    taken.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(taken)
}

/// Writes a database over another, in one transaction.
fn write_over(whole: &Path, mut taken: Connection) -> Result<()> {
    let source = connection::open_existing(whole)?;
    let written = Backup::new(&source, &mut taken)?.step(-1)?;
    if written != StepResult::Done {
        return Err(Error::fault("the store could not be written over, and is as it was"));
    }
    Ok(taken.close()?)
}

fn is_no_database(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

fn not_taken(store: &Path, error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            let text = format!(
                "the store sqlite:{} is used by another process, a gateway that serves it or a command; end that first",
                store.display()
            );
            Error::new(Category::Busy, Issue::error(Key::Busy, "", text))
        }
        _ => error.into(),
    }
}

/// What SQLite would take for a part of a database that gets this name.
fn leftovers(store: &Path) -> Vec<PathBuf> {
    let files = ["-wal", "-shm", "-journal"].map(|ending| in_use::beside(store, ending));
    files.into_iter().filter(|file| file.symlink_metadata().is_ok()).collect()
}
