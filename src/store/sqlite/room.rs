//! How much more a database can take: what its disk and its largest size leave, and what is free inside its file.

use std::path::Path;

use rusqlite::Connection;

use crate::error::Result;

/// How many bytes more the database at this path can take before a write is refused.
///
/// A database in memory is on no disk; where the system does not say how much room a disk has, it counts as endless.
///
/// # Errors
/// If the database cannot be asked.
pub(super) fn room(connection: &Connection, path: Option<&Path>) -> Result<u64> {
    let number = |name: &str| -> Result<u64> {
        let value: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
        Ok(value.max(0).cast_unsigned())
    };
    let (page, pages, most, free) =
        (number("page_size")?, number("page_count")?, number("max_page_count")?, number("freelist_count")?);
    let by_size = most.saturating_sub(pages).saturating_mul(page);
    let by_disk = path.and_then(room_on_disk).unwrap_or(u64::MAX);
    Ok(by_size.min(by_disk).saturating_add(free.saturating_mul(page)))
}

/// What a user without special rights may still write to the disk of this file.
#[cfg(unix)]
fn room_on_disk(file: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(file).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn room_on_disk(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_inside_is_room_as_well() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE filled (bytes BLOB)").unwrap();
        connection.pragma_update_and_check(None, "max_page_count", 100, |_| Ok(())).unwrap();
        let before = room(&connection, None).unwrap();
        assert!(before <= 100 * 4096, "{before}");
        connection.execute_batch("INSERT INTO filled VALUES (zeroblob(200000))").unwrap();
        let filled = room(&connection, None).unwrap();
        assert!(filled <= before - 48 * 4096, "{filled} of {before}");
        connection.execute_batch("DELETE FROM filled").unwrap();
        assert_eq!(room(&connection, None).unwrap(), before);
    }

    #[cfg(unix)]
    #[test]
    fn a_disk_has_room() {
        assert!(room_on_disk(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap() > 0);
        assert_eq!(room_on_disk(Path::new("/nowhere/at/all")), None);
    }
}
