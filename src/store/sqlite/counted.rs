//! Keeps how many resources have a code: see [`crate::store::sql::counted`].

use rusqlite::params;

use crate::error::Result;

use super::statement::Connection;

/// One more resource, or one less, has this code.
pub(super) fn change(connection: &Connection, parameter: i64, value: &str, system: i64, by: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO counted (parameter, value, system, resources) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET resources = resources + excluded.resources",
        )?
        .execute(params![parameter, value, system, by])?;
    Ok(())
}
