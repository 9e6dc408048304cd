//! Keeps the steps of a Task's history beside its versions: see [`crate::referral::task_step`]. A version that left everything
//! as it stood is none, so what a history costs does not grow with notes.

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::fhir::Document;
use crate::referral::task_step::{stands_alike, step_of};
use crate::store::document;

use super::statement::Connection;

/// A version of a Task that is written.
pub(super) struct TaskVersion<'v> {
    pub(super) task: i64,
    pub(super) version: i64,
    pub(super) seq: i64,
    pub(super) document: &'v Document,
}

/// Keeps the version as a step, if it is one.
pub(super) fn add(connection: &Connection, written: &TaskVersion<'_>) -> Result<()> {
    let TaskVersion { task, version, document, .. } = *written;
    if version > 1 {
        let last: Option<String> = connection
            .prepare_cached("SELECT document FROM task_step WHERE task = ?1 ORDER BY version DESC LIMIT 1")?
            .query_row([task], |row| row.get(0))
            .optional()?;
        if last.is_none() {
            keep_earlier(connection, task, version)?;
        }
        // One that cannot be read is followed by another.
        let last = last.and_then(|text| document::parse(text).ok());
        if last.is_some_and(|last| stands_alike(last.root(), document.root())) {
            return Ok(());
        }
    }
    insert(connection, written)
}

fn insert(connection: &Connection, written: &TaskVersion<'_>) -> Result<()> {
    let TaskVersion { task, version, seq, document } = *written;
    connection
        .prepare_cached("INSERT OR REPLACE INTO task_step (task, version, seq, document) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![task, version, seq, step_of(document.root())])?;
    Ok(())
}

/// Keeps what a Task was before this version, of one that was written before steps were kept.
fn keep_earlier(connection: &Connection, task: i64, version: i64) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "SELECT version, seq, document FROM version WHERE resource = ?1 AND version < ?2 AND octet_length(document) > 0
         ORDER BY version",
    )?;
    let mut rows = statement.query([task, version])?;
    let mut last: Option<Document> = None;
    while let Some(row) = rows.next()? {
        // What cannot be read is told where the versions are.
        let Some(document) = row.get_ref(2)?.as_str().ok().and_then(|text| document::parse(text).ok()) else {
            continue;
        };
        if !last.as_ref().is_some_and(|last| stands_alike(last.root(), document.root())) {
            insert(connection, &TaskVersion { task, version: row.get(0)?, seq: row.get(1)?, document: &document })?;
        }
        last = Some(document);
    }
    Ok(())
}
