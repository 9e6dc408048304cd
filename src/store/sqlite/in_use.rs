//! Is this file a copy of a database that was being served, made without the log beside it?
//!
//! A database that is being used is two files: what was committed last stands in its write-ahead log (`-wal`) alone,
//! until it is written back. A copy of the one without the other lacks those commits, and SQLite opens it without a word.
//! So whoever serves a file writes into it which file that is, and takes it out at the end. What says that
//! another file is in use, and has no log beside it, is such a copy.
//!
//! After `kill -9` the file is the one that it says it is, and its log lies beside it: it is opened as ever. The mark is in the
//! file itself, not in the log alone, before anything else is committed.

use std::path::{Path, PathBuf};

use rusqlite::OptionalExtension;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::schema::unusable;
use super::statement::Connection;

/// How a store uses its file.
#[derive(Debug, Clone, Copy)]
pub(super) enum FileUse {
    /// As a command does, for a moment: no mark is made, and one that is left is taken out
    Command,
    /// As a gateway does; this is what the mark says of the file
    Served(i64),
    /// Nothing is written: it is read alone, or stands in memory
    None,
}

impl FileUse {
    /// Serves this file.
    pub(super) fn served(path: &Path) -> Result<Self> {
        Ok(Self::Served(identity(path).map_err(Error::fault)?))
    }

    /// Marks the file as being served, where it is not marked so; also after another process took the mark out.
    pub(super) fn mark(self, writer: &Connection) -> Result<()> {
        if let Self::Served(file) = self
            && marked(writer)? != file
        {
            writer.execute("UPDATE store SET in_use = ?1", [file])?;
            // Out of the log into the file: a copy of the file alone has to hold it.
            writer.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(())
    }

    /// Takes the mark out. Where other processes use the file still, they make it anew.
    pub(super) fn unmark(self, writer: &Connection) -> Result<()> {
        if matches!(self, Self::None) { Ok(()) } else { unmark(writer) }
    }
}

/// Takes the mark out, where there is one.
pub(super) fn unmark(connection: &Connection) -> Result<()> {
    if marked(connection)? != 0 {
        connection.execute("UPDATE store SET in_use = 0", [])?;
    }
    Ok(())
}

/// Has the file its log beside it? To be asked before it is opened: opening makes a log.
pub(super) fn has_log(path: &Path) -> bool {
    log_of(path).exists()
}

/// The file of the log.
fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// The file that SQLite keeps beside a database, with this at the end of its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    // SQLite follows links, and names its files after what they lead to.
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(ending);
    name.into()
}

/// Is the file a copy that was made without its log? `had_log` is what [`has_log`] said before it was opened.
pub(super) fn is_copy_without_log(connection: &Connection, path: &Path, had_log: bool) -> Result<bool> {
    if had_log {
        return Ok(false);
    }
    let marked = marked(connection).map_err(|error| unusable(path, &error))?;
    Ok(marked != 0 && marked != identity(path).map_err(Error::fault)?)
}

/// Refuses a copy that was made without its log.
pub(super) fn refuse_copy_without_log(connection: &Connection, path: &Path, had_log: bool) -> Result<()> {
    if is_copy_without_log(connection, path, had_log)? { Err(copied_without_log(path)) } else { Ok(()) }
}

fn copied_without_log(path: &Path) -> Error {
    let message = format!(
        "the database {0} is a copy of one that was being served, made without the log beside it ({1}): it lacks what was \
         committed last. A running store is copied with handoff store backup; this copy is taken as it is with handoff \
         store restore --without-log {0}",
        path.display(),
        log_of(path).file_name().unwrap_or_default().display(),
    );
    Error::new(Category::Unreachable, Issue::error(Key::StoreWithoutLog, "", message))
}

/// What the mark says: 0, where there is none.
fn marked(connection: &Connection) -> rusqlite::Result<i64> {
    let column = "SELECT 1 FROM pragma_table_info('store') WHERE name = 'in_use'";
    // A file that is new, or that an earlier version wrote, has none.
    if !connection.prepare_cached(column)?.exists([])? {
        return Ok(0);
    }
    let found = connection.prepare_cached("SELECT in_use FROM store")?.query_row([], |row| row.get(0)).optional()?;
    Ok(found.unwrap_or(0))
}

/// What tells this file from its copies, and stays through a restart of the machine.
#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<i64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.ino().max(1).cast_signed())
}

/// What tells this file from its copies: when it was made.
#[cfg(not(unix))]
fn identity(path: &Path) -> std::io::Result<i64> {
    let made = std::fs::metadata(path)?.created()?.duration_since(std::time::UNIX_EPOCH);
    Ok(made.map_or(1, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)).max(1))
}
