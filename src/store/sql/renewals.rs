//! Work that changes have left for a later time: a change of a resource that very many Tasks share is stored with one row, and
//! what it means for each Task follows in groups, in the order of the commits.
//!
//! First all Tasks are decided, and whoever sees the resource through any of them is shown it as it was. With the last of them it is
//! shown as it is, from that commit on, and then all are told. What it led to and does not any more is not seen through a Task that
//! is not decided yet: the view `undecided` of the schema.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{DeferredChange, RenewalPhase, RenewalStep};
use crate::store::RenewalGroup;
use crate::store::conflict::conflict;
use crate::store::visibility::Visibility;

use super::database::Wanted;
use super::{Ask, Database, keys, values};

/// What is done next, with at most so many Tasks.
pub(in crate::store) fn next(connection: &dyn Database, tasks: usize) -> Result<Option<RenewalGroup>> {
    let found = connection.row(
        "SELECT n.seq, n.resource, k.name, r.logical,
                coalesce((SELECT o.logical FROM resource o WHERE o.id = r.author), ''),
                n.client, n.request, n.replaced, n.version, n.told, n.after
         FROM renewal n CROSS JOIN resource r CROSS JOIN kind k
         WHERE r.id = n.resource AND k.id = r.kind ORDER BY n.seq, n.resource LIMIT 1",
        values![],
        |row| {
            let number = |column: usize| -> Result<u64> { Ok(row.get::<i64>(column)?.cast_unsigned()) };
            let group = RenewalGroup {
                seq: number(0)?,
                resource: ResourceKey { kind: row.get(2)?, id: row.get(3)? },
                organization: row.get(4)?,
                client: row.get(5)?,
                request: row.get(6)?,
                replaced: number(7)?,
                version: number(8)?,
                phase: if number(9)? == 0 { RenewalPhase::Decide } else { RenewalPhase::Tell },
                tasks: Vec::new(),
                after: number(10)?,
                end: number(10)?,
                is_last: true,
            };
            Ok((group, row.get::<i64>(1)?))
        },
    )?;
    let Some((mut group, resource)) = found else { return Ok(None) };
    let sql = format!(
        "SELECT t.task, k.name, r.logical FROM task_resource t CROSS JOIN resource r CROSS JOIN kind k
         WHERE t.resource = ?1 AND t.task > ?2 AND t.until IS NULL AND r.id = t.task AND k.id = r.kind ORDER BY t.task{}",
        connection.dialect().at_most(tasks.saturating_add(1))
    );
    connection.each_row(&sql, values![resource, group.after.cast_signed()], Wanted::Some, &mut |row| {
        if group.tasks.len() >= tasks {
            group.is_last = false;
            return Ok(ControlFlow::Break(()));
        }
        group.tasks.push(ResourceKey { kind: row.get(1)?, id: row.get(2)? });
        group.end = row.get::<i64>(0)?.cast_unsigned();
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Some(group))
}

/// Is this resource shared through more Tasks than so many, or is an earlier change of it still to be brought to all?
pub(in crate::store) fn is_shared_widely(connection: &dyn Database, key: &ResourceKey, tasks: usize) -> Result<bool> {
    let Some(id) = keys::resource(connection, &key.kind, &key.id)? else { return Ok(false) };
    if connection.exists("SELECT 1 FROM renewal WHERE resource = ?1", values![id])? {
        return Ok(true);
    }
    let limit = i64::try_from(tasks).unwrap_or(i64::MAX).saturating_add(1);
    let counted = "SELECT count(*) FROM (SELECT 1 FROM task_resource WHERE resource = ?1 AND until IS NULL LIMIT ?2) t";
    Ok(connection.number(counted, values![id, limit])? == limit)
}

/// Is this resource shown to whoever asks as it was before its newest version?
pub(in crate::store) fn is_held_back(connection: &dyn Database, visibility: Visibility, resource: i64) -> Result<bool> {
    let Visibility::Of(organization) = visibility else { return Ok(false) };
    let sql = "SELECT 1 FROM resource WHERE id = ?1 AND shown IS NOT NULL AND author <> ?2 AND public = 0";
    connection.exists(sql, values![resource, organization])
}

/// The resources of a type that are shown to this organization as they were before their newest version.
pub(in crate::store) fn held_back(connection: &dyn Database, organization: i64, kind: i64) -> Result<Vec<i64>> {
    connection.rows(
        "SELECT DISTINCT r.id FROM renewal n CROSS JOIN resource r
         WHERE r.id = n.resource AND r.kind = ?2 AND r.shown IS NOT NULL AND r.author <> ?1 AND r.public = 0",
        values![organization, kind],
        |row| row.get(0),
    )
}

/// Is anything shown as it was, so that the index says of it what whoever asks does not see?
pub(in crate::store) fn is_any_held_back(connection: &dyn Database) -> Result<bool> {
    connection.exists("SELECT 1 FROM renewal WHERE told = 0", values![])
}

/// How many changes are still to be brought to all Tasks.
pub(in crate::store) fn count(connection: &dyn Database) -> Result<u64> {
    Ok(connection.number("SELECT count(*) FROM renewal", values![])?.cast_unsigned())
}

// === in the transaction of a commit ===

/// The newest state of a resource that was changed, as the transaction found it and left it.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct ChangedResource {
    pub(in crate::store) id: i64,
    /// The number of the version that was replaced
    pub(in crate::store) replaced: i64,
    /// The number of the newest one
    pub(in crate::store) version: i64,
}

/// Keeps what a change leaves, which the commit `seq` makes; `withdrawn` by their ids. What the change before it left and nobody
/// has begun is done with it.
pub(in crate::store) fn defer(
    connection: &dyn Database,
    seq: i64,
    change: &DeferredChange,
    changed: ChangedResource,
    withdrawn: &[i64],
) -> Result<()> {
    let ChangedResource { id, mut replaced, version } = changed;
    let waiting = connection.row(
        "SELECT seq, replaced FROM renewal WHERE resource = ?1 AND told = 0 AND after = 0 ORDER BY seq DESC LIMIT 1",
        values![id],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?)),
    )?;
    if let Some((earlier, decided_with)) = waiting {
        replaced = decided_with;
        connection.execute("DELETE FROM renewal WHERE seq = ?1 AND resource = ?2", values![earlier, id])?;
        let follow = "UPDATE withdrawal SET seq = ?3 WHERE seq = ?1 AND cause = ?2";
        connection.execute(follow, values![earlier, id, seq])?;
    }
    connection.execute(
        "INSERT INTO renewal (seq, resource, replaced, version, client, request, told, after)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 0)",
        values![seq, id, replaced, version, &*change.client, &*change.request],
    )?;
    // Where an earlier change is still being decided, it is shown as it was before that.
    connection.execute(
        "UPDATE resource SET shown = (SELECT v.id FROM version v WHERE v.resource = ?1 AND v.version = ?2)
         WHERE id = ?1 AND shown IS NULL",
        values![id, replaced],
    )?;
    for resource in withdrawn {
        connection.execute(
            "INSERT INTO withdrawal (resource, seq, cause) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            values![*resource, seq, id],
        )?;
    }
    Ok(())
}

/// Goes on behind a group of the Tasks that share this resource, with the commit `now`. Gives the Tasks that are told by it.
///
/// # Errors
/// `Conflict`, where the work does not stand where the group begins.
pub(in crate::store) fn advance(
    connection: &dyn Database,
    step: &RenewalStep,
    resource: i64,
    now: i64,
) -> Result<Vec<i64>> {
    let (seq, after, end) = (step.seq.cast_signed(), step.after.cast_signed(), step.end.cast_signed());
    let told = i64::from(step.phase == RenewalPhase::Tell);
    let advanced = connection.execute(
        "UPDATE renewal SET after = ?5 WHERE seq = ?1 AND resource = ?2 AND told = ?3 AND after = ?4",
        values![seq, resource, told, after, end],
    )?;
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
                connection.execute("DELETE FROM renewal WHERE seq = ?1 AND resource = ?2", values![seq, resource])?;
            }
            connection.rows(
                "SELECT task FROM task_resource WHERE resource = ?1 AND task > ?2 AND task <= ?3 AND until IS NULL",
                values![resource, after, end],
                |row| row.get(0),
            )
        }
    }
}

/// All Tasks are decided: the resource is shown as it is from the commit `now` on, or as the next change found it that is to be
/// decided.
fn show(connection: &dyn Database, seq: i64, resource: i64, now: i64) -> Result<()> {
    connection.execute(
        "UPDATE version SET shown = ?3 WHERE resource = ?2 AND version BETWEEN
             1 + (SELECT replaced FROM renewal WHERE seq = ?1 AND resource = ?2)
             AND (SELECT version FROM renewal WHERE seq = ?1 AND resource = ?2)",
        values![seq, resource, now],
    )?;
    connection.execute(
        "UPDATE resource SET shown = (
             SELECT v.id FROM renewal n CROSS JOIN version v
             WHERE n.resource = ?2 AND n.seq > ?1 AND v.resource = ?2 AND v.version = n.replaced ORDER BY n.seq LIMIT 1)
         WHERE id = ?2",
        values![seq, resource],
    )?;
    connection.execute("DELETE FROM withdrawal WHERE seq = ?1 AND cause = ?2", values![seq, resource])?;
    connection
        .execute("UPDATE renewal SET told = 1, after = 0 WHERE seq = ?1 AND resource = ?2", values![seq, resource])?;
    Ok(())
}
