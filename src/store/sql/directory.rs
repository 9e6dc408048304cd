//! What changed of the directory, read by when it changed, so that of a change of one one document is read; and how many
//! there are now, counted in the index, since nobody says what is not of the directory any more.

use std::ops::ControlFlow;

use tokio::sync::mpsc::Sender;

use crate::error::{Error, Result};
use crate::store::visibility::Visibility;
use crate::store::{DirectoryPosition, Stored};

use super::database::Wanted;
use super::read::{COLUMNS, stored};
use super::{Ask, Database, keys, values};

/// What the directory is made of; whoever is named comes before those that name it.
const KINDS: [&str; 3] = ["Organization", "Location", "HealthcareService"];

/// Sends on what changed after this position, and answers how far that is.
pub(in crate::store) fn changes(
    connection: &dyn Database,
    since: DirectoryPosition,
    changes: &Sender<Stored>,
) -> Result<DirectoryPosition> {
    let seq = connection.number("SELECT directory FROM store", values![])?;
    let mut position = DirectoryPosition { seq: seq.cast_unsigned(), count: 0, ..since };
    let changed = format!(
        "SELECT {COLUMNS} FROM resource r CROSS JOIN version v CROSS JOIN kind k
         WHERE r.public = 1 AND r.kind = ?1 AND r.updated > ?2 AND v.id = r.current AND k.id = r.kind ORDER BY r.updated"
    );
    for kind in KINDS {
        let Some(kind) = keys::kind(connection, kind)? else { continue };
        connection.each_row(&changed, values![kind, since.updated], Wanted::Some, &mut |row| {
            let found = stored(connection, Visibility::All, row)?;
            position.updated = position.updated.max(found.updated.as_microsecond());
            changes.blocking_send(found).map_err(|_| Error::fault("nobody takes the changes of the directory"))?;
            Ok(ControlFlow::Continue(()))
        })?;
        let count = connection.number("SELECT count(*) FROM resource WHERE public = 1 AND kind = ?1", values![kind])?;
        position.count += count.cast_unsigned();
    }
    Ok(position)
}
