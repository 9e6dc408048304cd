//! What goes with time. Of a version the row stays, without its document: who was shown which version follows from when each
//! was replaced, so a row that is gone would show the one before it to whom it was not shown.

use jiff::Timestamp;
use rusqlite::params;

use super::statement::Connection;
use crate::error::Result;
use crate::store::PrunedVersions;

/// How many keys are removed, or versions looked at, in one transaction.
const GROUP: i64 = 500;

/// Removes a group of keys that were used before this time.
pub(super) fn prune_keys(connection: &Connection, before: Timestamp) -> Result<u64> {
    let removed = connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE rowid IN
                 (SELECT rowid FROM idempotency WHERE at < ?1 ORDER BY at LIMIT ?2)",
        )?
        .execute([before.as_microsecond(), GROUP])?;
    Ok(removed as u64)
}

/// Removes documents of the group of versions behind `after`.
pub(super) fn prune_versions(connection: &Connection, before: Timestamp, after: u64) -> Result<PrunedVersions> {
    let (before, after) = (before.as_microsecond(), after.cast_signed());
    let (last, count, oldest): (Option<i64>, i64, Option<i64>) = connection
        .prepare_cached(
            "SELECT max(id), count(*), min(updated) FROM
                 (SELECT id, updated FROM version WHERE id > ?1 ORDER BY id LIMIT ?2)",
        )?
        .query_row([after, GROUP], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let Some(last) = last else { return Ok(PrunedVersions::default()) };
    let removed = connection
        .prepare_cached(
            "WITH replaced AS (
                 SELECT v.id, v.resource, coalesce(v.shown, v.seq) AS seq, coalesce(n.shown, n.seq) AS until FROM version v CROSS JOIN resource r CROSS JOIN version n
                 WHERE v.id > ?1 AND v.id <= ?2 AND octet_length(v.document) > 0 AND r.id = v.resource AND v.id <> r.current
                   AND v.id IS NOT r.shown
                   AND n.resource = v.resource AND n.version = v.version + 1 AND n.updated < ?3
             )
             UPDATE version SET document = '' WHERE id IN (
                 SELECT v.id FROM replaced v
                 WHERE NOT EXISTS (SELECT 1 FROM task_party p WHERE p.task = v.resource)
                   AND NOT EXISTS (
                     SELECT 1 FROM task_resource t CROSS JOIN task_party p
                     WHERE t.resource = v.resource AND p.task = t.task AND p.until IS NOT NULL AND p.ended <> 'withdrawn'
                       AND (t.until IS NULL OR t.until >= p.until) AND max(p.since, t.since) < p.until
                       AND v.seq < p.until AND v.until >= p.until))",
        )?
        .execute(params![after, last, before])?;
    // What a version says of where its Task stood goes with it, unless the Task stands there still.
    connection
        .prepare_cached(
            "DELETE FROM task_step WHERE (task, version) IN
                 (SELECT resource, version FROM version WHERE id > ?1 AND id <= ?2 AND octet_length(document) = 0)
                 AND EXISTS (SELECT 1 FROM task_step n WHERE n.task = task_step.task AND n.version > task_step.version)",
        )?
        .execute([after, last])?;
    // Versions are numbered in the order of their times.
    let more = count == GROUP && oldest.is_some_and(|oldest| oldest < before);
    Ok(PrunedVersions { removed: removed as u64, next: more.then_some(last.cast_unsigned()) })
}
