//! How many resources have a code, of parameters for which that is asked all the time: kept in the transaction of each
//! change, so that whoever asks looks at one row, however many there are.

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::store::query::{Clause, Condition, Query, Subject, SystemTest, Test};

use super::keys;
use super::statement::Connection;
use crate::store::index_ids::Index;

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

/// How many resources match, where that is kept: of a search for one code of one system alone.
pub(super) fn matches(connection: &Connection, index: &Index, query: &Query) -> Result<Option<u64>> {
    let [Clause { subject: Subject::Parameter(number), test: Test::Any(any) }] = query.clauses.as_slice() else {
        return Ok(None);
    };
    let [Condition::Token { system: SystemTest::Is(system), code: Some(code) }] = any.as_slice() else {
        return Ok(None);
    };
    if !index.counted.contains(number) {
        return Ok(None);
    }
    let Some(system) = keys::system(connection, system)? else { return Ok(Some(0)) };
    let kept: Option<i64> = connection
        .prepare_cached("SELECT resources FROM counted WHERE parameter = ?1 AND value = ?2 AND system = ?3")?
        .query_row(params![index.id(*number), code, system], |row| row.get(0))
        .optional()?;
    Ok(Some(kept.unwrap_or(0).unsigned_abs()))
}
