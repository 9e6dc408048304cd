//! Opens the database file: makes it, brings it to this schema, or refuses it.
//!
//! `user_version` says which schema a file has. It is looked at and raised inside one transaction, so two processes that
//! open a new file at once make it once.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

/// The schema that this program reads and writes.
const VERSION: i64 = 1;

/// How long a process waits for another one's transaction, in steps of a millisecond: short steps, because a busy
/// writer leaves the lock free for moments only.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
const BUSY_RETRY_INTERVAL: Duration = Duration::from_millis(1);

/// The connection that writes. Makes the file where it is missing.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let refused = |error: &dyn std::fmt::Display| unusable(path, error);
    make_private(path).map_err(|error| refused(&error))?;
    let mut writer = Connection::open(path).map_err(|error| refused(&error))?;
    set_busy_timeout(&mut writer)?;
    // A page holds two resources of the usual size. Only an empty file takes the setting.
    writer.pragma_update(None, "page_size", 4096)?;
    let mode: String = writer
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| refused(&error))?;
    if mode != "wal" {
        return Err(refused(&"this file system has no write-ahead log"));
    }
    // FULL: the log is synced before a commit is answered.
    writer.pragma_update(None, "synchronous", "FULL")?;
    writer.pragma_update(None, "cache_size", -32_768)?;
    writer.pragma_update(None, "temp_store", "MEMORY")?;
    writer.pragma_update(None, "wal_autocheckpoint", 4000)?;
    writer.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    writer.set_prepared_statement_cache_capacity(128);
    migrate(&mut writer, path)?;
    Ok(writer)
}

/// A connection that reads, of a file that [`open_writer`] has made.
pub(super) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut reader = Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?;
    set_busy_timeout(&mut reader)?;
    reader.pragma_update(None, "cache_size", -8192)?;
    reader.pragma_update(None, "temp_store", "MEMORY")?;
    reader.set_prepared_statement_cache_capacity(128);
    Ok(reader)
}

/// What is kept is about people: the file is for its owner only. The files that SQLite puts beside it follow it.
fn make_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn set_busy_timeout(connection: &mut Connection) -> Result<()> {
    let most = (BUSY_TIMEOUT.as_millis() / BUSY_RETRY_INTERVAL.as_millis()) as i32;
    connection.busy_handler(Some(move |tries| {
        std::thread::sleep(BUSY_RETRY_INTERVAL);
        tries < most
    }))?;
    Ok(())
}

fn migrate(writer: &mut Connection, path: &Path) -> Result<()> {
    let transaction = writer.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        let path = path.display();
        let message = format!(
            "the database {path} has schema {found}, written by a newer handoff; this one reads up to schema {VERSION}"
        );
        return Err(Error::new(Category::Unsupported, Issue::error(Key::StoreSchema, "", message)));
    }
    if found == 0 {
        let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        if tables > 0 {
            return Err(unusable(path, &"it is the database of another program"));
        }
        transaction.execute_batch(include_str!("schema.sql"))?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        transaction.execute("INSERT INTO store VALUES (1, ?1, 0, 0, 0, 0, '')", [id])?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Error {
    let message = format!("the database {} cannot be used: {why}", path.display());
    Error::new(Category::Fault, Issue::error(Key::StoreUnusable, "", message))
}
