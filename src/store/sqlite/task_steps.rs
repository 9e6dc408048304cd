//! The steps of a Task's history, kept beside its versions: see [`crate::referral::task_step`]. A version that left everything
//! as it stood is none, so what a history costs does not grow with notes.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::fhir::Document;
use crate::limits::MEGABYTE;
use crate::referral::task_step::{stands_alike, step_of};
use crate::referral::withheld::{Withheld, without};
use crate::referral::{History, Resource};
use crate::store::document;
use crate::store::visibility::Visibility;

use super::shown::ShownVersions;
use super::statement::Connection;
use super::withheld;

/// As much of a Task's history as a record tells: its newest steps, up to so many bytes. What is older is in the history of
/// the Task.
const MAX_BYTES: usize = 16 * MEGABYTE;

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

/// The steps of a Task, newest first; of one that was written before steps were kept, and not since, its versions.
fn steps(connection: &Connection, task: i64) -> Result<&'static str> {
    let is_kept = connection.prepare_cached("SELECT 1 FROM task_step WHERE task = ?1")?.exists([task])?;
    Ok(if is_kept {
        "SELECT version, seq, document FROM task_step WHERE task = ?1 ORDER BY version DESC"
    } else {
        "SELECT version, seq, document FROM version WHERE resource = ?1 ORDER BY version DESC"
    })
}

/// The steps of a Task before its version `newest`, up to the commit `until`, as far as they are shown, oldest first. One that
/// is kept no longer, as the version is, is told in no history.
pub(super) fn history(
    connection: &Connection,
    visibility: Visibility,
    (task, newest): (i64, u64),
    until: i64,
) -> Result<History> {
    if newest <= 1 {
        return Ok(History::default());
    }
    let shown = ShownVersions::of(connection, visibility, task)?;
    let (url, author): (String, i64) = connection.query_row(
        "SELECT k.name || '/' || r.logical, r.author FROM resource r JOIN kind k ON k.id = r.kind WHERE r.id = ?1",
        [task],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let hidden = withheld::hidden(connection, visibility, task, author)?;
    let mut statement = connection.prepare_cached(steps(connection, task)?)?;
    let mut rows = statement.query([task])?;
    let mut history = History::default();
    let (mut replaced, mut bytes) = (None, 0_usize);
    while let Some(row) = rows.next()? {
        let (version, made): (i64, i64) = (row.get(0)?, row.get(1)?);
        if made <= until && version.cast_unsigned() < newest && shown.hold(made, replaced) {
            let text = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
            replaced = Some(made);
            // A history is told without what is not kept any more.
            if text.is_empty() {
                continue;
            }
            bytes = bytes.saturating_add(text.len());
            if bytes > MAX_BYTES {
                history.is_cut = true;
                break;
            }
            let whole = Arc::new(document::parse(text)?);
            let (shown, withheld) = match without(&whole, &hidden)? {
                Some(shown) => (Arc::new(shown), Some(Arc::new(Withheld { whole, hidden: hidden.clone() }))),
                None => (whole, None),
            };
            let step = Resource::new(url.clone(), version.cast_unsigned(), shown);
            history.steps.push(step.without(withheld));
        }
        replaced = Some(made);
    }
    history.steps.reverse();
    Ok(history)
}
