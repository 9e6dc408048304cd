//! Counts for the metrics.

use crate::error::Result;
use crate::store::Statistics;

use super::{Ask, Database, feed, renewals, unanswered, values};

/// What the database says; what its writer has come to is for the backend to add.
pub(in crate::store) fn of_database(reader: &dyn Database) -> Result<Statistics> {
    let counted = "SELECT name, resources FROM kind WHERE resources > 0 ORDER BY name";
    Ok(Statistics {
        newest: feed::newest_commit(reader)?,
        resources: reader.rows(counted, values![], |row| Ok((row.get(0)?, row.get::<i64>(1)?.cast_unsigned())))?,
        bytes: reader.number(reader.dialect().size(), values![])?.cast_unsigned(),
        unanswered: unanswered::all(reader)?,
        renewals: renewals::count(reader)?,
        ..Statistics::default()
    })
}
