//! What is read of the work that changes have left for a later time: how it is kept stands with the commit of each backend, and in
//! the schema.

use std::ops::ControlFlow;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::RenewalPhase;
use crate::store::RenewalGroup;
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
