//! What goes with time. Of a version the row stays, without its document: who was shown which version follows from when each
//! was replaced, so a row that is gone would show the one before it to whom it was not shown.

use jiff::Timestamp;

use super::session::Session;
use crate::error::Result;
use crate::store::PrunedVersions;

/// How many keys are removed, or versions looked at, in one transaction.
const GROUP: i64 = 500;

/// Removes a group of keys that were used before this time.
pub(in crate::store) fn prune_keys(session: &Session<'_>, before: Timestamp) -> Result<u64> {
    session.connection.execute(
        "DELETE FROM idempotency WHERE (client, key) IN (SELECT client, key FROM idempotency WHERE at < $1 ORDER BY at LIMIT $2)",
        &[&before.as_microsecond(), &GROUP],
    )
}

/// Removes documents of the group of versions behind `after`.
pub(in crate::store) fn prune_versions(session: &Session<'_>, before: Timestamp, after: u64) -> Result<PrunedVersions> {
    let (before, after) = (before.as_microsecond(), after.cast_signed());
    let row = session.connection.query_one(
        "SELECT max(id), count(*), min(updated) FROM (SELECT id, updated FROM version WHERE id > $1 ORDER BY id LIMIT $2) v",
        &[&after, &GROUP],
    )?;
    let (last, count, oldest): (Option<i64>, i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let Some(last) = last else { return Ok(PrunedVersions::default()) };
    let removed = session.connection.execute(
        "WITH replaced AS (
             SELECT v.id, v.resource, v.seq, n.seq AS until FROM version v
             JOIN resource r ON r.id = v.resource JOIN version n ON n.resource = v.resource AND n.version = v.version + 1
             WHERE v.id > $1 AND v.id <= $2 AND v.document <> '' AND v.id <> r.current AND n.updated < $3
         )
         UPDATE version SET document = '' WHERE id IN (
             SELECT v.id FROM replaced v
             WHERE NOT EXISTS (SELECT 1 FROM index_pending p WHERE p.indexed = v.id)
               AND NOT EXISTS (SELECT 1 FROM task_party p WHERE p.task = v.resource)
               AND NOT EXISTS (
                 SELECT 1 FROM task_resource t JOIN task_party p ON p.task = t.task
                 WHERE t.resource = v.resource AND p.until IS NOT NULL AND p.ended <> 'withdrawn'
                   AND (t.until IS NULL OR t.until >= p.until) AND greatest(p.since, t.since) < p.until
                   AND v.seq < p.until AND v.until >= p.until))",
        &[&after, &last, &before],
    )?;
    // What a version says of where its Task stood goes with it, unless the Task stands there still.
    session.connection.execute(
        "DELETE FROM task_step s WHERE (s.task, s.version) IN
             (SELECT resource, version FROM version WHERE id > $1 AND id <= $2 AND document = '')
             AND EXISTS (SELECT 1 FROM task_step n WHERE n.task = s.task AND n.version > s.version)",
        &[&after, &last],
    )?;
    // Versions are numbered in the order of their times.
    let more = count == GROUP && oldest.is_some_and(|oldest| oldest < before);
    Ok(PrunedVersions { removed, next: more.then_some(last.cast_unsigned()) })
}
