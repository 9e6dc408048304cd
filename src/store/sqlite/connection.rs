//! Opens the connections: one that writes, which makes the file where it is missing, and some that read.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::OpenFlags;

use crate::error::{Error, Result};

use super::in_use;
use super::schema::{self, unusable};
use super::statement::{Connection, StatementCounters};

/// How long a process waits for another one's transaction, in steps of a millisecond: short steps, because a busy
/// writer leaves the lock free for moments only.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the writer of a store that is served waits: whoever is kept waiting longer is told so.
const SERVING_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const BUSY_RETRY_INTERVAL: Duration = Duration::from_millis(1);

/// How large the pages of a new file are. A referral changes a row here and there in some hundred places of the indexes, and
/// each is written as a page: small pages make small commits. What is larger than a page is read from several.
const PAGE_BYTES: i64 = 1024;
/// After how much in the log it is written back to the file.
const CHECKPOINT_BYTES: i64 = 16 * 1024 * 1024;

/// How much the writer keeps of the file in memory, in kilobytes (`cache_size` takes them as negative numbers). A commit that
/// has split a page makes SQLite go through all of it, so more is not better; what is not here, the system has at hand.
const WRITER_CACHE: i64 = -8192;
/// How much each reader keeps, in the same way. It begins anew after each commit.
const READER_CACHE: i64 = -8192;

/// The connection that writes. Makes the file where it is missing.
pub(super) fn open_writer(path: &Path) -> Result<Connection> {
    let refused = |error: &dyn std::fmt::Display| unusable(path, error);
    make_private(path).map_err(|error| refused(&error))?;
    let had_log = in_use::has_log(path);
    let mut writer = Connection::open(path).map_err(|error| refused(&error))?;
    set_busy_timeout(&mut writer, BUSY_TIMEOUT)?;
    in_use::refuse_copy_without_log(&writer, path, had_log)?;
    // Only an empty file takes the setting.
    writer.pragma_update(None, "page_size", PAGE_BYTES)?;
    let mode: String = writer
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(|error| refused(&error))?;
    if mode != "wal" {
        return Err(refused(&"this file system has no write-ahead log"));
    }
    // FULL: the log is synced before a commit is answered.
    writer.pragma_update(None, "synchronous", "FULL")?;
    writer.pragma_update(None, "cache_size", WRITER_CACHE)?;
    writer.pragma_update(None, "temp_store", "MEMORY")?;
    let page: i64 = writer.pragma_query_value(None, "page_size", |row| row.get(0))?;
    writer.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_BYTES / page.max(1))?;
    writer.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    writer.set_prepared_statement_cache_capacity(256);
    schema::migrate(&writer, path)?;
    Ok(writer)
}

/// A connection that reads, of a file that has to be there. Unlike [`open_reader`] it may be the last to close the file, and
/// then leaves no log behind.
pub(super) fn open_existing(path: &Path) -> Result<Connection> {
    if !path.exists() {
        return Err(Error::not_found(format!("the store sqlite:{}", path.display())));
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut reader = Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?;
    set_busy_timeout(&mut reader, BUSY_TIMEOUT)?;
    reader.pragma_update(None, "query_only", true)?;
    reader.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(reader)
}

/// The connection of a database in memory, which writes and reads.
pub(super) fn open_memory() -> Result<Connection> {
    let connection = Connection::open_in_memory()?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(256);
    schema::migrate(&connection, Path::new(":memory:"))?;
    Ok(connection)
}

/// A connection that reads, of a file that [`open_writer`] has made; its statements are counted with others.
pub(super) fn open_reader(path: &Path, counters: &Arc<StatementCounters>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut reader =
        Connection::open_with_flags(path, flags).map_err(|error| unusable(path, &error))?.counted_by(counters);
    set_busy_timeout(&mut reader, BUSY_TIMEOUT)?;
    reader.pragma_update(None, "cache_size", READER_CACHE)?;
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

/// From now on other processes are waited for as long as those bear it who wait for this one.
pub(super) fn begin_serving(writer: &mut Connection) -> Result<()> {
    set_busy_timeout(writer, SERVING_BUSY_TIMEOUT)
}

fn set_busy_timeout(connection: &mut Connection, timeout: Duration) -> Result<()> {
    let most = (timeout.as_millis() / BUSY_RETRY_INTERVAL.as_millis()) as i32;
    connection.busy_handler(Some(move |tries| {
        std::thread::sleep(BUSY_RETRY_INTERVAL);
        tries < most
    }))?;
    Ok(())
}
