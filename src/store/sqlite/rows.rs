//! The rows of the search index: what a resource is found by, in narrow columns.
//!
//! The old rows of a resource follow from the entries of its old version, so nothing has to remember which rows belong
//! to it.

use rusqlite::params;

use crate::error::Result;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::search::criterion::{NO_SYSTEM, VERBATIM};

use super::counted;
use super::session::Session;

/// A row, but for the resource that it leads to.
enum Row<'e> {
    Token { value: &'e str, system: i64 },
    Reference { target: i64 },
    Text { value: &'e str },
    Date { low: i64, high: i64 },
}

/// Adds the rows of a resource that was last changed at `updated`.
pub(super) fn add(session: &mut Session<'_>, entries: &[IndexEntry], resource: i64, updated: i64) -> Result<()> {
    for entry in entries {
        let parameter = session.parameter(entry.parameter)?;
        let row = row(session, &entry.value)?;
        let writer = session.connection;
        match row {
            Row::Token { value, system } => {
                let added = writer
                    .prepare_cached("INSERT OR IGNORE INTO token VALUES (?1, ?2, ?3, ?4, ?5)")?
                    .execute(params![parameter, value, updated, resource, system])?;
                count(session, entry, parameter, (value, system), added.cast_signed() as i64)?;
                added
            }
            Row::Reference { target } => writer
                .prepare_cached("INSERT OR IGNORE INTO reference VALUES (?1, ?2, ?3, ?4)")?
                .execute([parameter, target, updated, resource])?,
            Row::Text { value } => writer
                .prepare_cached("INSERT OR IGNORE INTO text VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![parameter, value, updated, resource])?,
            Row::Date { low, high } => writer
                .prepare_cached("INSERT OR IGNORE INTO date VALUES (?1, ?2, ?3, ?4)")?
                .execute([parameter, high, low, resource])?,
        };
    }
    Ok(())
}

/// Removes the rows that the same arguments added.
pub(super) fn remove(session: &mut Session<'_>, entries: &[IndexEntry], resource: i64, updated: i64) -> Result<()> {
    for entry in entries {
        let parameter = session.parameter(entry.parameter)?;
        let row = row(session, &entry.value)?;
        let writer = session.connection;
        match row {
            Row::Token { value, system } => {
                let removed = writer
                    .prepare_cached(
                        "DELETE FROM token
                         WHERE parameter = ?1 AND value = ?2 AND updated = ?3 AND resource = ?4 AND system = ?5",
                    )?
                    .execute(params![parameter, value, updated, resource, system])?;
                count(session, entry, parameter, (value, system), -(removed.cast_signed() as i64))?;
                removed
            }
            Row::Reference { target } => writer
                .prepare_cached(
                    "DELETE FROM reference WHERE parameter = ?1 AND target = ?2 AND updated = ?3 AND resource = ?4",
                )?
                .execute([parameter, target, updated, resource])?,
            Row::Text { value } => writer
                .prepare_cached(
                    "DELETE FROM text WHERE parameter = ?1 AND value = ?2 AND updated = ?3 AND resource = ?4",
                )?
                .execute(params![parameter, value, updated, resource])?,
            Row::Date { low, high } => writer
                .prepare_cached("DELETE FROM date WHERE parameter = ?1 AND high = ?2 AND low = ?3 AND resource = ?4")?
                .execute([parameter, high, low, resource])?,
        };
    }
    Ok(())
}

/// Keeps how many resources have a code, where that is kept.
fn count(
    session: &Session<'_>,
    entry: &IndexEntry,
    parameter: i64,
    (code, system): (&str, i64),
    by: i64,
) -> Result<()> {
    if by != 0 && session.index()?.counted.contains(&entry.parameter) {
        counted::change(session.connection, parameter, code, system, by)?;
    }
    Ok(())
}

fn row<'e>(session: &mut Session<'_>, value: &'e IndexValue) -> Result<Row<'e>> {
    let writer = session.connection;
    Ok(match value {
        IndexValue::Token { system: None, code } => Row::Token { value: code, system: NO_SYSTEM },
        IndexValue::Token { system: Some(system), code } => {
            Row::Token { value: code, system: session.keys.system(writer, system)? }
        }
        IndexValue::Reference(key) => Row::Reference { target: session.keys.resource(writer, key)? },
        IndexValue::Uri(url) | IndexValue::ReferenceUrl(url) => Row::Token { value: url, system: VERBATIM },
        IndexValue::Exact(text) => Row::Token { value: text, system: VERBATIM },
        IndexValue::Text(text) => Row::Text { value: text },
        IndexValue::Date { low, high } => Row::Date { low: *low, high: *high },
    })
}
