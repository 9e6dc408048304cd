//! Work that changes have left for a later time: a change of a resource that very many Tasks share is stored with one row, and
//! what it means for each Task follows in groups, in the order of the commits.
//!
//! First all Tasks are decided, and whoever sees the resource through any of them is shown it as it was. With the last of them it is
//! shown as it is, from that commit on, and then all are told. What it led to and does not any more is not seen through a Task that
//! is not decided yet: the view `undecided` of the schema.

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::referral::plan::{DeferredChange, RenewalPhase, RenewalStep};
use crate::store::conflict::conflict;

use super::session::Session;
use super::statement::Connection;

/// The newest state of a resource that was changed, as the transaction found it and left it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangedResource {
    pub(super) id: i64,
    /// The number of the version that was replaced
    pub(super) replaced: i64,
    /// The number of the newest one
    pub(super) version: i64,
}

/// Keeps what a change leaves. What the change before it left and nobody has begun is done with it.
pub(super) fn defer(session: &mut Session<'_>, change: &DeferredChange, changed: ChangedResource) -> Result<()> {
    let (connection, seq) = (session.connection, session.progress.seq);
    let ChangedResource { id, mut replaced, version } = changed;
    let waiting: Option<(i64, i64)> = connection
        .prepare_cached(
            "SELECT seq, replaced FROM renewal WHERE resource = ?1 AND told = 0 AND after = 0 ORDER BY seq DESC",
        )?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((earlier, decided_with)) = waiting {
        replaced = decided_with;
        connection.prepare_cached("DELETE FROM renewal WHERE seq = ?1 AND resource = ?2")?.execute([earlier, id])?;
        connection
            .prepare_cached("UPDATE withdrawal SET seq = ?3 WHERE seq = ?1 AND cause = ?2")?
            .execute([earlier, id, seq])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO renewal (seq, resource, replaced, version, client, request, told, after)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0)",
        )?
        .execute(params![seq, id, replaced, version, change.client, change.request])?;
    // Where an earlier change is still being decided, it is shown as it was before that.
    connection
        .prepare_cached(
            "UPDATE resource SET shown = (SELECT v.id FROM version v WHERE v.resource = ?1 AND v.version = ?2)
             WHERE id = ?1 AND shown IS NULL",
        )?
        .execute([id, replaced])?;
    for withdrawn in &change.withdrawn {
        let resource = session.keys.resource(connection, withdrawn)?;
        connection
            .prepare_cached("INSERT OR IGNORE INTO withdrawal (resource, seq, cause) VALUES (?1, ?2, ?3)")?
            .execute([resource, seq, id])?;
    }
    Ok(())
}

/// Goes on behind a group. Gives the Tasks that are told by it.
///
/// # Errors
/// `Conflict`, where the work does not stand where the group begins.
pub(super) fn advance(session: &mut Session<'_>, step: &RenewalStep) -> Result<Vec<i64>> {
    let (connection, now) = (session.connection, session.progress.seq);
    let resource = session.keys.resource(connection, &step.change.key)?;
    let (seq, after, end) = (step.seq.cast_signed(), step.after.cast_signed(), step.end.cast_signed());
    let told = step.phase == RenewalPhase::Tell;
    let advanced = connection
        .prepare_cached("UPDATE renewal SET after = ?5 WHERE seq = ?1 AND resource = ?2 AND told = ?3 AND after = ?4")?
        .execute(params![seq, resource, told, after, end])?;
    if advanced == 0 {
        let text = format!("what follows from the change of {} was gone on with meanwhile", step.change.key);
        return Err(conflict(Some(&step.change.key), text));
    }
    match (step.phase, step.is_last) {
        (RenewalPhase::Decide, false) => Ok(Vec::new()),
        (RenewalPhase::Decide, true) => {
            show(connection, seq, resource, now)?;
            Ok(Vec::new())
        }
        (RenewalPhase::Tell, is_last) => {
            if is_last {
                let done = "DELETE FROM renewal WHERE seq = ?1 AND resource = ?2";
                connection.prepare_cached(done)?.execute([seq, resource])?;
            }
            tasks_within(connection, resource, after, end)
        }
    }
}

/// All Tasks are decided: the resource is shown as it is from the commit `now` on, or as the next change found it that is to be
/// decided.
fn show(connection: &Connection, seq: i64, resource: i64, now: i64) -> Result<()> {
    connection
        .prepare_cached(
            "UPDATE version SET shown = ?3 WHERE resource = ?2 AND version BETWEEN
                 1 + (SELECT replaced FROM renewal WHERE seq = ?1 AND resource = ?2)
                 AND (SELECT version FROM renewal WHERE seq = ?1 AND resource = ?2)",
        )?
        .execute([seq, resource, now])?;
    connection
        .prepare_cached(
            "UPDATE resource SET shown = (
                 SELECT v.id FROM renewal n CROSS JOIN version v
                 WHERE n.resource = ?2 AND n.seq > ?1 AND v.resource = ?2 AND v.version = n.replaced ORDER BY n.seq LIMIT 1)
             WHERE id = ?2",
        )?
        .execute([seq, resource])?;
    connection.prepare_cached("DELETE FROM withdrawal WHERE seq = ?1 AND cause = ?2")?.execute([seq, resource])?;
    connection
        .prepare_cached("UPDATE renewal SET told = 1, after = 0 WHERE seq = ?1 AND resource = ?2")?
        .execute([seq, resource])?;
    Ok(())
}

/// The Tasks behind `after`, up to `end`, through which the resource is shared.
fn tasks_within(connection: &Connection, resource: i64, after: i64, end: i64) -> Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT task FROM task_resource WHERE resource = ?1 AND task > ?2 AND task <= ?3 AND until IS NULL",
    )?;
    let found = statement.query_map([resource, after, end], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
