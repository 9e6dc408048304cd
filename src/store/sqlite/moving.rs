//! The two ends of a copy of a store from one database to another: see [`crate::store::copy`].

use std::path::Path;

use tempfile::TempPath;

use super::{backup, connection, in_use, schema};
use crate::error::{Error, Result};
use crate::store::sql::{Database, values};

/// What is written has this ending until it is whole.
const UNFINISHED: &str = ".copying";

/// Reads one state of the store.
pub(in crate::store) fn read_copied<T>(path: &Path, read: impl FnOnce(&dyn Database) -> Result<T>) -> Result<T> {
    let had_log = in_use::has_log(path);
    let reader = connection::open_existing(path)?;
    schema::require_newest(&reader, path)?;
    in_use::refuse_copy_without_log(&reader, path, had_log)?;
    Database::execute(&reader, "BEGIN", values![])?;
    let outcome = read(&reader);
    Database::execute(&reader, "ROLLBACK", values![])?;
    outcome
}

/// Writes to a file beside this one, which gets its name when it is whole. What was written of it before is there.
pub(in crate::store) fn write_copy<T>(path: &Path, write: impl FnOnce(&dyn Database) -> Result<T>) -> Result<T> {
    if path.symlink_metadata().is_ok() {
        return Err(Error::unwritable_file(path, &"it is there already; name another file"));
    }
    let unfinished = in_use::beside(path, UNFINISHED);
    let writer = connection::open_writer(&unfinished)?;
    let copied = write(&writer)?;
    // No log lies beside it.
    writer.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    writer.close()?;
    let named = TempPath::try_from_path(&unfinished).map_err(|error| Error::unwritable_file(&unfinished, &error))?;
    named.persist_noclobber(path).map_err(|failed| {
        // What was copied is not thrown away because a name was taken.
        let _ = failed.path.keep();
        Error::unwritable_file(path, &failed.error)
    })?;
    backup::sync_folder(path)?;
    Ok(copied)
}
