//! A referral, read in one go: the Task and everything that is shared through it.

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::referral::scope::Scope;
use crate::referral::{Graph, Resource};
use crate::store::StoredReferral;

use super::read::{self, Eyes, SEEN};

/// Columns of what is shared through a Task (`?2`), the Task first, as far as the Organization `?1` sees it.
const SHARED: &str = "
    SELECT v.version, v.updated, v.seq, v.document, k.name, r.logical
    FROM (SELECT ?2 AS resource UNION SELECT resource FROM task_resource WHERE task = ?2) t
    CROSS JOIN resource r CROSS JOIN version v CROSS JOIN kind k
    WHERE r.id = t.resource AND r.version > 0 AND v.id = r.current AND k.id = r.kind";

/// The referral of this Task, if the scope sees the Task.
pub(super) fn referral(
    connection: &Connection,
    scope: &Scope,
    task: &ResourceKey,
    with_history: bool,
) -> Result<Option<StoredReferral>> {
    let eyes = Eyes::of(connection, scope)?;
    let Some(id) = eyes.find(connection, task)? else { return Ok(None) };
    let (mut graph, shared) = shared(connection, eyes, id)?;
    if with_history {
        let mut versions = read::versions(connection, id, task, usize::MAX)?;
        versions.reverse();
        versions.pop();
        let earlier = |stored: crate::store::Stored| Resource::new(task.to_string(), stored.version, stored.document);
        graph.set_history(versions.into_iter().map(earlier).collect());
    }
    let (extras, kept) = extras(connection, id)?;
    let owed: Option<i64> = connection
        .prepare_cached("SELECT max(seq) FROM delivery WHERE task = ?1")?
        .query_row([id], |row| row.get(0))?;
    let organizations = organizations(connection, id)?;
    let seq = shared.max(kept).max(owed.unwrap_or(0)).cast_unsigned();
    Ok(Some(StoredReferral { graph, extras, organizations, seq }))
}

/// The graph, and the newest commit that wrote anything in it.
fn shared(connection: &Connection, eyes: Eyes, task: i64) -> Result<(Graph, i64)> {
    let (sql, organization) = match eyes {
        Eyes::All => (format!("{SHARED} AND ?1 = 0 ORDER BY r.id = ?2 DESC, r.id"), 0),
        Eyes::Of(organization) => (format!("{SHARED} AND {SEEN} ORDER BY r.id = ?2 DESC, r.id"), organization),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let (mut graph, mut newest) = (Graph::default(), 0);
    for stored in statement.query_and_then([organization, task], read::keyed_row)? {
        let stored = stored?;
        newest = stored.seq.cast_signed().max(newest);
        graph.insert(Resource::new(stored.key.to_string(), stored.version, stored.document));
    }
    Ok((graph, newest))
}

/// The newest extras, and the commit that kept them.
fn extras(connection: &Connection, task: i64) -> Result<(Value, i64)> {
    let newest = connection
        .prepare_cached("SELECT value, seq FROM extras WHERE task = ?1 ORDER BY seq DESC LIMIT 1")?
        .query_row([task], |row| Ok((row.get::<_, Option<String>>(0)?, row.get(1)?)))
        .optional()?;
    let Some((value, seq)) = newest else { return Ok((Value::Null, 0)) };
    let value = match value {
        Some(text) => serde_json::from_str(&text).map_err(Error::fault)?,
        None => Value::Null,
    };
    Ok((value, seq))
}

/// Ids of the Organizations that the Task is shared with.
fn organizations(connection: &Connection, task: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT r.logical FROM task_organization t CROSS JOIN resource r
         WHERE t.task = ?1 AND r.id = t.organization ORDER BY r.logical",
    )?;
    let found = statement.query_map([task], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
