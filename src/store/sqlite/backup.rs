//! A copy of a store as one whole file, at one commit, while others write to it.
//!
//! Pages are copied as they are (<https://www.sqlite.org/backup.html>) inside one read transaction, so every page is of
//! that moment: without it each commit of another process would begin the copy anew, and beside a busy writer it would
//! never end. Nobody waits for it. Meanwhile the log cannot be written over from its beginning, so it grows by what is
//! committed; `VACUUM INTO` does the same, and takes many times as long, because it sorts every table and index anew.
//!
//! The copy comes into being under another name and gets its own when it is on disk, so what has that name is whole.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};
use crate::fhir::Key;

use super::statement::Connection;
use super::{connection, in_use, schema};

/// How many pages are copied between two reports of how far it is: four megabytes.
const PAGES: i32 = 1024;
/// How long a copy waits that is kept from a page, until it tries again.
const RETRY_INTERVAL: Duration = Duration::from_millis(5);

/// Is told how many pages are copied, and of how many.
pub type Progress<'p> = &'p mut dyn FnMut(u64, u64);

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopiedState {
    /// The newest commit
    pub commit: u64,
    /// How many resources there are
    pub resources: u64,
    /// How large the file is
    pub bytes: u64,
}

/// What a store that is to be served holds, and which version of this program wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InspectedStore {
    /// What it holds
    pub state: CopiedState,
    /// The version of its schema
    pub schema: usize,
    /// Is that the one of this program?
    pub is_newest: bool,
}

/// Looks at a store without changing it.
///
/// # Errors
/// If it is not there, is another program's, a newer version's or a copy without its log.
pub fn inspect(store: &Path) -> Result<InspectedStore> {
    let had_log = in_use::has_log(store);
    let reader = connection::open_existing(store)?;
    let schema = schema::version(&reader, store)?;
    in_use::refuse_copy_without_log(&reader, store, had_log)?;
    Ok(InspectedStore { state: state(&reader)?, schema, is_newest: schema::require_newest(&reader, store).is_ok() })
}

/// Copies a store, as it is at one commit, to a file that is for its owner alone.
///
/// # Errors
/// If the store is not there, is another program's, or is itself a copy without its log; if the file is there already
/// and is not to be replaced, or cannot be written.
pub fn back_up(store: &Path, file: &Path, replace: bool, progress: Progress<'_>) -> Result<CopiedState> {
    refuse_same(store, file)?;
    if !replace {
        refuse_existing(file)?;
    }
    let copy = copy_beside(store, file, false, progress)?;
    let state = state(&connection::open_existing(copy.path())?)?;
    give_name(copy, file, replace)?;
    Ok(state)
}

/// Copies a store to a new file beside the one named, whose name it does not have yet. A copy that was made without its
/// log is taken only `without_log`.
pub(super) fn copy_beside(
    store: &Path,
    file: &Path,
    without_log: bool,
    progress: Progress<'_>,
) -> Result<NamedTempFile> {
    let had_log = in_use::has_log(store);
    let mut source = connection::open_existing(store)?;
    schema::version(&source, store)?;
    if !without_log {
        in_use::refuse_copy_without_log(&source, store, had_log)?;
    }
    let failed = |error: std::io::Error| Error::unwritable_file(file, &error);
    let copy =
        tempfile::Builder::new().prefix(".handoff-").suffix(".part").tempfile_in(folder(file)).map_err(failed)?;
    copy_pages(&mut source, copy.path(), progress)?;
    copy.as_file().sync_all().map_err(failed)?;
    Ok(copy)
}

/// Copies what one read transaction sees into an empty file, and leaves that as a database that nobody uses.
fn copy_pages(source: &mut Connection, file: &Path, progress: Progress<'_>) -> Result<()> {
    let mut target = Connection::open(file)?;
    // What is interrupted is thrown away, and the file is synced as a whole.
    target.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
    let moment = source.transaction()?;
    // The transaction begins with what it reads first.
    moment.query_row("SELECT seq FROM store", [], |_| Ok(()))?;
    let backup = Backup::new(&moment, &mut target)?;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => break,
            StepResult::Busy | StepResult::Locked => std::thread::sleep(RETRY_INTERVAL),
            _ => {}
        }
        let pages = backup.progress();
        let count = |pages: i32| u64::try_from(pages).unwrap_or(0);
        progress(count(pages.pagecount - pages.remaining), count(pages.pagecount));
    }
    drop(backup);
    moment.commit()?;
    // No log lies beside it, and whoever reads it, from wherever, needs none.
    target.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    in_use::unmark(&target)?;
    Ok(target.close()?)
}

/// Gives a finished copy its name, in the place of what has it only if it is to be replaced.
pub(super) fn give_name(copy: NamedTempFile, file: &Path, replace: bool) -> Result<()> {
    let named = if replace { copy.persist(file) } else { copy.persist_noclobber(file) };
    named.map_err(|failed| match failed.error.kind() {
        std::io::ErrorKind::AlreadyExists => exists(file),
        _ => Error::unwritable_file(file, &failed.error),
    })?;
    sync_folder(file)
}

/// A name is on disk when its folder is.
pub(super) fn sync_folder(file: &Path) -> Result<()> {
    #[cfg(unix)]
    std::fs::File::open(folder(file))
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::unwritable_file(file, &error))?;
    Ok(())
}

/// What a database holds.
pub(super) fn state(connection: &Connection) -> Result<CopiedState> {
    let sql = "SELECT seq, (SELECT coalesce(sum(resources), 0) FROM kind) FROM store";
    let (commit, resources): (i64, i64) = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    let size: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    Ok(CopiedState {
        commit: commit.cast_unsigned(),
        resources: resources.cast_unsigned(),
        bytes: (pages * size).cast_unsigned(),
    })
}

/// Refuses to copy a file to itself.
pub(super) fn refuse_same(from: &Path, to: &Path) -> Result<()> {
    match (from.canonicalize(), to.canonicalize()) {
        (Ok(from), Ok(to)) if from == to => {
            Err(Error::usage(Key::Parameter, format!("{} is the store itself; expected another file", to.display())))
        }
        _ => Ok(()),
    }
}

fn refuse_existing(file: &Path) -> Result<()> {
    // Also a link that leads nowhere is somebody's.
    if file.symlink_metadata().is_ok() { Err(exists(file)) } else { Ok(()) }
}

/// The file is there, and nobody said that it may go.
pub(super) fn exists(file: &Path) -> Error {
    Error::unwritable_file(file, &"it is there already; name another file, or replace it with --replace")
}

fn folder(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}
