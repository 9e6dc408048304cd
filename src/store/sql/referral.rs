//! A referral, read in one go: the Task and everything that is shared through it.

use std::ops::ControlFlow;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Document, ResourceKey};
use crate::referral::party::PartEnd;
use crate::referral::plan::GivenResource;
use crate::referral::scope::Scope;
use crate::referral::{Graph, Party, Resource};
use crate::store::visibility::Visibility;
use crate::store::{StoredParty, StoredReferral};

use super::database::Wanted;
use super::read::{self, COLUMNS, SEEN, SHOWN};
use super::shown::{ShownVersions, past_part};
use super::{Ask, Database, task_steps, values};

/// What a look at the graph finds.
struct Shared {
    graph: Graph,
    /// Who sent the Task
    author: Option<String>,
    /// The newest commit that wrote any of it
    seq: i64,
}

/// The referral of this Task, if the scope sees the Task; as it was after the commit `as_of`, or as it is. Whoever takes
/// part in it no longer gets it as it was shown last.
pub(in crate::store) fn referral(
    connection: &dyn Database,
    scope: &Scope,
    task: &ResourceKey,
    with_history: bool,
    as_of: Option<u64>,
) -> Result<Option<StoredReferral>> {
    let visibility = read::visibility(connection, scope)?;
    let Some(id) = read::find(connection, Visibility::All, task)? else { return Ok(None) };
    let past = if read::sees(connection, visibility, id)? {
        None
    } else {
        let Some(until) = past_part(connection, visibility, id)? else { return Ok(None) };
        Some(until)
    };
    if let Some(seq) = as_of
        && !ShownVersions::of(connection, visibility, id)?.cover(seq.cast_signed())
    {
        return Ok(None);
    }
    let until = as_of.map(u64::cast_signed).into_iter().chain(past.map(|until| until - 1)).min();
    let Shared { mut graph, author, seq } = match shared(connection, visibility, id, task, until) {
        // What it was then cannot be told in part.
        Err(error) if as_of.is_some() && read::is_removed(&error) => return Ok(None),
        shared => shared?,
    };
    let Some(newest) = graph.resolve(&task.to_string()).map(|task| task.version) else { return Ok(None) };
    let end = until.unwrap_or(i64::MAX);
    if with_history {
        graph.set_history(task_steps::history(connection, visibility, (id, newest), end)?);
    }
    let (extras, kept) = extras(connection, id, end)?;
    let owed: Option<Option<i64>> =
        connection
            .row("SELECT max(seq) FROM feed WHERE task = ?1 AND seq <= ?2", values![id, end], |row| row.get(0))?;
    let parties = parties(connection, id, as_of.map_or(i64::MAX, u64::cast_signed))?;
    let resources = resources(connection, id)?;
    let seq = seq.max(kept).max(owed.flatten().unwrap_or(0)).cast_unsigned();
    let until = past.map(i64::cast_unsigned);
    Ok(Some(StoredReferral { graph, extras, author, parties, resources, until, seq }))
}

/// The Task, then everything that is shared through it and seen, as it is; or what was shared after the commit `until`,
/// as it was then.
fn shared(
    connection: &dyn Database,
    visibility: Visibility,
    id: i64,
    task: &ResourceKey,
    until: Option<i64>,
) -> Result<Shared> {
    let organization = match visibility {
        Visibility::All => 0,
        Visibility::Of(organization) => organization,
    };
    let (shared, version, seen) = match (until, visibility) {
        (None, Visibility::All) => ("t.until IS NULL", "v.id = r.current AND ?3 IS NULL", "?1 = 0"),
        (None, Visibility::Of(_)) => ("t.until IS NULL", &*format!("v.id = {SHOWN} AND ?3 IS NULL"), SEEN),
        // What was shared with those who took part then was seen by all of them.
        (Some(_), _) => (
            "t.since <= ?3 AND (t.until IS NULL OR t.until > ?3)",
            "v.resource = r.id AND v.version =
                 (SELECT max(e.version) FROM version e WHERE e.resource = r.id AND e.seq <= ?3
                    AND (r.author = ?1 OR e.shown <= ?3 OR e.shown IS NULL AND (r.shown IS NULL OR e.id <= r.shown)))",
            "?1 = ?1",
        ),
    };
    let sql = format!(
        "SELECT {COLUMNS}
         FROM (SELECT ?2 AS resource UNION SELECT t.resource FROM task_resource t WHERE t.task = ?2 AND {shared}) t
         CROSS JOIN resource r CROSS JOIN version v CROSS JOIN kind k
         WHERE r.id = t.resource AND r.version > 0 AND {version} AND k.id = r.kind AND {seen}
         ORDER BY r.id <> ?2, r.id"
    );
    let mut shared = Shared { graph: Graph::default(), author: None, seq: 0 };
    connection.each_row(&sql, values![organization, id, until], Wanted::All, &mut |row| {
        let stored = match read::stored(connection, visibility, row) {
            Err(error) if until.is_none() && read::is_removed(&error) => return Err(read::nothing_is_kept()),
            stored => stored?,
        };
        // A change of the directory makes nothing new (see `feed`), so it does not make a newer referral either.
        if !stored.public {
            shared.seq = stored.seq.cast_signed().max(shared.seq);
        }
        let resource = Resource::new(stored.key.to_string(), stored.version, stored.document)
            .sent_by(stored.author.as_deref())
            .without(stored.withheld);
        shared.graph.insert(resource);
        if stored.key == *task {
            shared.author = stored.author;
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(shared)
}

/// Everything that the Task discloses now, with who gave it.
fn resources(connection: &dyn Database, task: i64) -> Result<Vec<GivenResource>> {
    connection.rows(
        "SELECT k.name, r.logical, coalesce((SELECT o.logical FROM resource o WHERE o.id = t.giver), '')
         FROM task_resource t CROSS JOIN resource r CROSS JOIN kind k
         WHERE t.task = ?1 AND t.until IS NULL AND r.id = t.resource AND k.id = r.kind ORDER BY r.id",
        values![task],
        |row| {
            let resource = ResourceKey { kind: row.get(0)?, id: row.get(1)? };
            Ok(GivenResource { resource, giver: row.get(2)? })
        },
    )
}

/// The newest extras up to the commit `until`, and the commit that kept them.
fn extras(connection: &dyn Database, task: i64, until: i64) -> Result<(Value, i64)> {
    let sql = "SELECT value, seq FROM extras WHERE task = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1";
    let newest = connection.row(sql, values![task, until], |row| {
        let value = match row.get::<Option<&str>>(0)? {
            Some(text) => Document::value_of(text).map_err(|issue| Error::stored_unreadable(*issue))?,
            None => Value::Null,
        };
        Ok((value, row.get(1)?))
    })?;
    Ok(newest.unwrap_or((Value::Null, 0)))
}

/// Who took part in the Task up to the commit `until`.
fn parties(connection: &dyn Database, task: i64, until: i64) -> Result<Vec<StoredParty>> {
    connection.rows(
        "SELECT r.logical, p.party, p.since, CASE WHEN p.until <= ?2 THEN p.until END,
             CASE WHEN p.until <= ?2 THEN p.ended END
         FROM task_party p CROSS JOIN resource r
         WHERE p.task = ?1 AND p.since <= ?2 AND r.id = p.organization ORDER BY r.logical, p.party, p.since",
        values![task, until],
        |row| {
            Ok(StoredParty {
                organization: row.get(0)?,
                party: party(row.get(1)?)?,
                since: row.get::<i64>(2)?.cast_unsigned(),
                until: row.get::<Option<i64>>(3)?.map(i64::cast_unsigned),
                end: part_end(row.get(4)?)?,
            })
        },
    )
}

/// A party as it is stored.
pub(in crate::store) fn party(code: &str) -> Result<Party> {
    Party::from_code(code).ok_or_else(|| Error::fault(format!("the database names a party {code}, which is none")))
}

/// How a part ended, as it is stored.
fn part_end(code: Option<&str>) -> Result<Option<PartEnd>> {
    let Some(code) = code else { return Ok(None) };
    let end = PartEnd::from_code(code);
    end.map(Some).ok_or_else(|| Error::fault(format!("the database says that a part ended as {code}, which is no end")))
}
