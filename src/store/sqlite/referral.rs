//! A referral, read in one go: the Task and everything that is shared through it.

use rusqlite::{Connection, OptionalExtension};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::referral::scope::Scope;
use crate::referral::{Graph, Resource};
use crate::store::visibility::Visibility;
use crate::store::{StoredParty, StoredReferral};

use super::read::{self, COLUMNS, SEEN};
use super::shares;

/// What a look at the graph finds.
struct Shared {
    graph: Graph,
    /// Who sent the Task
    author: Option<String>,
    /// The newest commit that wrote any of it
    seq: i64,
}

/// The referral of this Task, if the scope sees the Task; as it was after the commit `as_of`, or as it is.
pub(super) fn referral(
    connection: &Connection,
    scope: &Scope,
    task: &ResourceKey,
    with_history: bool,
    as_of: Option<u64>,
) -> Result<Option<StoredReferral>> {
    let visibility = read::visibility(connection, scope)?;
    let Some(id) = read::find(connection, visibility, task)? else { return Ok(None) };
    let until = as_of.map_or(i64::MAX, u64::cast_signed);
    let Shared { mut graph, author, seq } = shared(connection, visibility, id, task, until)?;
    if graph.position(&task.to_string()).is_none() {
        return Ok(None);
    }
    if with_history {
        graph.set_history(earlier(connection, id, until)?);
    }
    let (extras, kept) = extras(connection, id, until)?;
    let owed: Option<i64> =
        connection.prepare_cached("SELECT max(seq) FROM feed WHERE task = ?1")?.query_row([id], |row| row.get(0))?;
    let parties = parties(connection, id, until)?;
    let seq = seq.max(kept).max(owed.unwrap_or(0)).cast_unsigned();
    Ok(Some(StoredReferral { graph, extras, author, parties, seq }))
}

/// The Task, then everything that is shared through it and seen, at the newest versions up to the commit `until`.
fn shared(connection: &Connection, visibility: Visibility, id: i64, task: &ResourceKey, until: i64) -> Result<Shared> {
    let (seen, organization) = match visibility {
        Visibility::All => ("?1 = 0", 0),
        Visibility::Of(organization) => (SEEN, organization),
    };
    let version = if until == i64::MAX {
        "v.id = r.current AND ?3 > 0"
    } else {
        "v.resource = r.id AND v.version =
             (SELECT max(e.version) FROM version e WHERE e.resource = r.id AND e.seq <= ?3)"
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM (SELECT ?2 AS resource UNION SELECT resource FROM task_resource WHERE task = ?2) t
         CROSS JOIN resource r CROSS JOIN version v CROSS JOIN kind k
         WHERE r.id = t.resource AND r.version > 0 AND {version} AND k.id = r.kind AND {seen}
         ORDER BY r.id <> ?2, r.id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut shared = Shared { graph: Graph::default(), author: None, seq: 0 };
    for stored in statement.query_and_then([organization, id, until], read::stored)? {
        let stored = stored?;
        // A change of the directory makes nothing new (see `feed`), so it does not make a newer referral either.
        if !stored.public {
            shared.seq = stored.seq.cast_signed().max(shared.seq);
        }
        if stored.key == *task {
            shared.author = stored.author;
        }
        shared.graph.insert(Resource::new(stored.key.to_string(), stored.version, stored.document));
    }
    Ok(shared)
}

/// The versions of the Task up to the commit `until` before the newest of them, oldest first.
fn earlier(connection: &Connection, task: i64, until: i64) -> Result<Vec<Resource>> {
    let versions = read::versions(connection, task, usize::MAX)?.into_iter();
    let versions = versions.filter(|stored| stored.seq.cast_signed() <= until).skip(1).collect::<Vec<_>>();
    Ok(versions
        .into_iter()
        .rev()
        .map(|stored| Resource::new(stored.key.to_string(), stored.version, stored.document))
        .collect())
}

/// The newest extras up to the commit `until`, and the commit that kept them.
fn extras(connection: &Connection, task: i64, until: i64) -> Result<(Value, i64)> {
    let newest = connection
        .prepare_cached("SELECT value, seq FROM extras WHERE task = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1")?
        .query_row([task, until], |row| Ok((row.get::<_, Option<String>>(0)?, row.get(1)?)))
        .optional()?;
    let Some((value, seq)) = newest else { return Ok((Value::Null, 0)) };
    let value = match value {
        Some(text) => serde_json::from_str(&text).map_err(Error::fault)?,
        None => Value::Null,
    };
    Ok((value, seq))
}

/// Who took part in the Task up to the commit `until`.
fn parties(connection: &Connection, task: i64, until: i64) -> Result<Vec<StoredParty>> {
    let mut statement = connection.prepare_cached(
        "SELECT r.logical, p.party, p.since, CASE WHEN p.until <= ?2 THEN p.until END
         FROM task_party p CROSS JOIN resource r
         WHERE p.task = ?1 AND p.since <= ?2 AND r.id = p.organization ORDER BY r.logical, p.party, p.since",
    )?;
    let parties = statement.query_and_then([task, until], |row| {
        Ok(StoredParty {
            organization: row.get(0)?,
            party: shares::party(row.get_ref(1)?)?,
            since: row.get::<_, i64>(2)?.cast_unsigned(),
            until: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        })
    })?;
    parties.collect()
}
