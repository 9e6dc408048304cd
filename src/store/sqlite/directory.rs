//! What changed of the directory, read by when it changed, so that of a change of one one document is read; and how many
//! there are now, counted in the index, since nobody says what is not of the directory any more.

use rusqlite::Row;
use tokio::sync::mpsc::Sender;

use crate::error::{Error, Result};
use crate::store::visibility::Visibility;
use crate::store::{DirectoryPosition, Stored};

use super::keys;
use super::read::{COLUMNS, stored};
use super::statement::Connection;

/// What the directory is made of; whoever is named comes before those that name it.
const KINDS: [&str; 3] = ["Organization", "Location", "HealthcareService"];

/// Sends on what changed after this position, and answers how far that is.
pub(super) fn changes(
    connection: &Connection,
    since: DirectoryPosition,
    changes: &Sender<Stored>,
) -> Result<DirectoryPosition> {
    let seq: i64 = connection.prepare_cached("SELECT directory FROM store")?.query_row([], |row| row.get(0))?;
    let mut position = DirectoryPosition { seq: seq.cast_unsigned(), count: 0, ..since };
    let changed = format!(
        "SELECT {COLUMNS} FROM resource r CROSS JOIN version v CROSS JOIN kind k
         WHERE r.public = 1 AND r.kind = ?1 AND r.updated > ?2 AND v.id = r.current AND k.id = r.kind ORDER BY r.updated"
    );
    for kind in KINDS {
        let Some(kind) = keys::kind(connection, kind)? else { continue };
        let all = |row: &Row<'_>| stored(connection, Visibility::All, row);
        let mut statement = connection.prepare_cached(&changed)?;
        for found in statement.query_and_then([kind, since.updated], all)? {
            let found = found?;
            position.updated = position.updated.max(found.updated.as_microsecond());
            changes.blocking_send(found).map_err(|_| Error::fault("nobody takes the changes of the directory"))?;
        }
        let count: i64 = connection
            .prepare_cached("SELECT count(*) FROM resource WHERE public = 1 AND kind = ?1")?
            .query_row([kind], |row| row.get(0))?;
        position.count += count.cast_unsigned();
    }
    Ok(position)
}
