//! What the database says is new, for whom.

use super::statement::Connection;
use crate::error::Result;
use crate::store::newest::NewestSequences;

/// The newest sequence owed to each organization, by one jump through the index per organization.
const OWED: &str = "
    WITH RECURSIVE owed (organization) AS (
        SELECT min(organization) FROM feed
        UNION ALL
        SELECT (SELECT min(d.organization) FROM feed d WHERE d.organization > owed.organization)
        FROM owed WHERE owed.organization IS NOT NULL
    )
    SELECT r.logical, (SELECT max(d.seq) FROM feed d WHERE d.organization = owed.organization)
    FROM owed JOIN resource r ON r.id = owed.organization";

/// Raises everything to what the database says: another process may have written.
pub(super) fn refresh(newest: &NewestSequences, connection: &Connection) -> Result<()> {
    let (directory, clients): (i64, i64) =
        connection.query_row("SELECT directory, clients FROM store", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    newest.raise_directory(directory.cast_unsigned());
    newest.raise_clients(clients.cast_unsigned());
    let mut statement = connection.prepare_cached(OWED)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(1)?;
        newest.raise_organization(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?, seq.cast_unsigned());
    }
    Ok(())
}
