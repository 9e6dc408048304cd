//! The rows of the search index: what a resource is found by, in narrow columns.
//!
//! The old rows of a resource follow from the entries of its old version, so nothing has to remember which rows belong
//! to it.

use std::sync::LazyLock;

use rusqlite::params;

use crate::error::Result;
use crate::store::index::{IndexEntry, IndexValue};
use crate::store::search::criterion::{NO_SYSTEM, VERBATIM};
use crate::store::sql::Value;

use super::counted;
use super::multi_insert::MultiInsert;
use super::session::Session;

static TOKEN: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR IGNORE INTO token", "(?, ?, ?, ?, ?)", ""));
static REFERENCE: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR IGNORE INTO reference", "(?, ?, ?, ?)", ""));
static TEXT: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR IGNORE INTO text", "(?, ?, ?, ?)", ""));
static DATE: LazyLock<MultiInsert> =
    LazyLock::new(|| MultiInsert::new("INSERT OR IGNORE INTO date", "(?, ?, ?, ?)", ""));

/// A row, but for the resource that it leads to.
enum Row<'e> {
    Token { value: &'e str, system: i64 },
    Reference { target: i64 },
    Text { value: &'e str },
    Date { low: i64, high: i64 },
}

/// A resource with what it is found by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexed<'e> {
    pub(super) entries: &'e [IndexEntry],
    /// resource.id
    pub(super) resource: i64,
    /// When it was last changed
    pub(super) updated: i64,
}

/// Adds the rows of these resources, table by table in the order of its key.
pub(super) fn add(session: &mut Session<'_>, resources: &[Indexed<'_>]) -> Result<()> {
    let (mut tokens, mut references, mut texts, mut dates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for Indexed { entries, resource, updated } in resources {
        for entry in *entries {
            let parameter = session.parameter(entry.parameter)?;
            match row(session, &entry.value)? {
                Row::Token { value, system } if session.index()?.counted.contains(&entry.parameter) => {
                    add_counted(session, parameter, (value, system), *resource, *updated)?;
                }
                Row::Token { value, system } => tokens.push((parameter, value, *updated, *resource, system)),
                Row::Reference { target } => references.push([parameter, target, *updated, *resource]),
                Row::Text { value } => texts.push((parameter, value, *updated, *resource)),
                Row::Date { low, high } => dates.push([parameter, high, low, *resource]),
            }
        }
    }
    tokens.sort_unstable();
    references.sort_unstable();
    texts.sort_unstable();
    dates.sort_unstable();
    let numbers = |rows: &[[i64; 4]]| rows.iter().flatten().map(Value::from).collect::<Vec<_>>();
    let tokens = tokens.iter().flat_map(|(parameter, value, updated, resource, system)| {
        [Value::from(*parameter), (*value).into(), updated.into(), resource.into(), system.into()]
    });
    let texts = texts.iter().flat_map(|(parameter, value, updated, resource)| {
        [Value::from(*parameter), (*value).into(), updated.into(), resource.into()]
    });
    TOKEN.execute(session.connection, &tokens.collect::<Vec<_>>())?;
    REFERENCE.execute(session.connection, &numbers(&references))?;
    TEXT.execute(session.connection, &texts.collect::<Vec<_>>())?;
    DATE.execute(session.connection, &numbers(&dates))
}

/// Adds a row of a code of which it is kept how many have it.
fn add_counted(
    session: &Session<'_>,
    parameter: i64,
    (code, system): (&str, i64),
    resource: i64,
    updated: i64,
) -> Result<()> {
    let added = session
        .connection
        .prepare_cached("INSERT OR IGNORE INTO token VALUES (?, ?, ?, ?, ?)")?
        .execute(params![parameter, code, updated, resource, system])?;
    if added == 1 { counted::change(session.connection, parameter, code, system, 1) } else { Ok(()) }
}

/// Removes the rows that the same resource was given.
pub(super) fn remove(session: &mut Session<'_>, indexed: Indexed<'_>) -> Result<()> {
    let Indexed { entries, resource, updated } = indexed;
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
                if removed == 1 && session.index()?.counted.contains(&entry.parameter) {
                    counted::change(writer, parameter, value, system, -1)?;
                }
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
