//! What the database says is new, for whom.

use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::store::newest::NewestSequences;

use super::database::Wanted;
use super::{Ask, Database, values};

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
pub(in crate::store) fn refresh(newest: &NewestSequences, connection: &dyn Database) -> Result<()> {
    let raised = connection.row("SELECT directory, clients FROM store", values![], |row| {
        newest.raise_directory(row.get::<i64>(0)?.cast_unsigned());
        newest.raise_clients(row.get::<i64>(1)?.cast_unsigned());
        Ok(())
    })?;
    raised.ok_or_else(|| Error::fault("the database does not say how far it has come"))?;
    connection.each_row(OWED, values![], Wanted::All, &mut |row| {
        newest.raise_organization(row.get(0)?, row.get::<i64>(1)?.cast_unsigned());
        Ok(ControlFlow::Continue(()))
    })
}
