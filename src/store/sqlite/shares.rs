//! Who takes part in which Task and what they see through it. Replaced per Task; only what differs is written.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};

use crate::error::{Error, Result};
use crate::referral::Party;
use crate::referral::plan::{Share, SharedWith};
use crate::store::conflict::conflict;

use super::session::Session;

/// Who takes part in one Task, and what they see through it, by ids.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shared {
    /// The resources, each with its type
    resources: BTreeMap<i64, i64>,
    /// Organization and party of each part
    parties: BTreeSet<(i64, Party)>,
}

/// Puts the share in the place of what was shared through its Task before. Gives the Task's id if that changed anything.
///
/// # Errors
/// `Conflict`, where others take part than those whom the share was made for.
pub(super) fn replace(session: &mut Session<'_>, share: &Share) -> Result<Option<i64>> {
    let task = session.keys.resource(session.connection, &share.task)?;
    let old = Shared::stored(session.connection, task)?;
    if parties(session, &share.before)? != old.parties {
        return Err(conflict(Some(&share.task), format!("who takes part in {} was changed meanwhile", share.task)));
    }
    let new = Shared::requested(session, share)?;
    if old == new {
        return Ok(None);
    }
    let connection = session.connection;
    for resource in old.resources.keys().filter(|resource| !new.resources.contains_key(resource)) {
        execute(connection, "DELETE FROM task_resource WHERE task = ?1 AND resource = ?2", task, *resource)?;
    }
    for resource in new.resources.keys().filter(|resource| !old.resources.contains_key(resource)) {
        execute(connection, "INSERT INTO task_resource (task, resource) VALUES (?1, ?2)", task, *resource)?;
    }
    for part in old.parties.difference(&new.parties) {
        end_part(session, task, *part)?;
    }
    for part in new.parties.difference(&old.parties) {
        begin_part(session, task, *part)?;
    }
    for (organization, kind, resource) in new.grants_missing_in(&old) {
        grant(connection, organization, kind, resource)?;
    }
    for (organization, kind, resource) in old.grants_missing_in(&new) {
        revoke(connection, organization, kind, resource)?;
    }
    Ok(Some(task))
}

/// These parts by ids.
fn parties(session: &mut Session<'_>, parties: &[SharedWith]) -> Result<BTreeSet<(i64, Party)>> {
    let by_id =
        |with: &SharedWith| Ok((session.keys.organization(session.connection, &with.organization)?, with.party));
    parties.iter().map(by_id).collect()
}

/// A party as it is stored.
pub(super) fn party(code: ValueRef<'_>) -> Result<Party> {
    let code = code.as_str().map_err(rusqlite::Error::from)?;
    Party::from_code(code).ok_or_else(|| Error::fault(format!("the database names a party {code}, which is none")))
}

impl Shared {
    fn stored(connection: &Connection, task: i64) -> Result<Self> {
        let mut shared = Self::default();
        let mut statement = connection.prepare_cached(
            "SELECT s.resource, r.kind FROM task_resource s CROSS JOIN resource r WHERE s.task = ?1 AND r.id = s.resource",
        )?;
        let mut rows = statement.query([task])?;
        while let Some(row) = rows.next()? {
            shared.resources.insert(row.get(0)?, row.get(1)?);
        }
        let mut statement = connection
            .prepare_cached("SELECT organization, party FROM task_party WHERE task = ?1 AND until IS NULL")?;
        let mut rows = statement.query([task])?;
        while let Some(row) = rows.next()? {
            shared.parties.insert((row.get(0)?, party(row.get_ref(1)?)?));
        }
        Ok(shared)
    }

    fn requested(session: &mut Session<'_>, share: &Share) -> Result<Self> {
        let mut shared = Self { parties: parties(session, &share.parties)?, ..Self::default() };
        for key in &share.resources {
            let kind = session.keys.kind(session.connection, &key.kind)?;
            shared.resources.insert(session.keys.resource(session.connection, key)?, kind);
        }
        Ok(shared)
    }

    /// Whoever takes part, as whatever: each sees the same.
    fn organizations(&self) -> BTreeSet<i64> {
        self.parties.iter().map(|(organization, _)| *organization).collect()
    }

    /// Who sees which resource (with its type) through `self` and not through `other`.
    fn grants_missing_in(&self, other: &Self) -> impl Iterator<Item = (i64, i64, i64)> {
        let others = other.organizations();
        self.organizations().into_iter().flat_map(move |organization| {
            let both = others.contains(&organization);
            let unseen = move |resource: &i64| !(both && other.resources.contains_key(resource));
            let resources = self.resources.iter().filter(move |(resource, _)| unseen(resource));
            resources.map(move |(resource, kind)| (organization, *kind, *resource))
        })
    }
}

fn execute(connection: &Connection, sql: &str, task: i64, other: i64) -> Result<()> {
    connection.prepare_cached(sql)?.execute([task, other])?;
    Ok(())
}

/// The organization takes part from this commit on.
fn begin_part(session: &Session<'_>, task: i64, (organization, party): (i64, Party)) -> Result<()> {
    session
        .connection
        .prepare_cached(
            "INSERT INTO task_party (task, organization, party, since) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET until = NULL",
        )?
        .execute(params![task, organization, party.code(), session.progress.seq])?;
    Ok(())
}

/// The organization takes part until this commit.
fn end_part(session: &Session<'_>, task: i64, (organization, party): (i64, Party)) -> Result<()> {
    session
        .connection
        .prepare_cached(
            "UPDATE task_party SET until = ?4
             WHERE task = ?1 AND organization = ?2 AND party = ?3 AND until IS NULL",
        )?
        .execute(params![task, organization, party.code(), session.progress.seq])?;
    Ok(())
}

/// One more Task through which the Organization sees the resource.
fn grant(connection: &Connection, organization: i64, kind: i64, resource: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO seen (organization, kind, resource, tasks) VALUES (?1, ?2, ?3, 1)
             ON CONFLICT DO UPDATE SET tasks = tasks + 1",
        )?
        .execute(params![organization, kind, resource])?;
    Ok(())
}

/// One Task less; without any, it is not seen.
fn revoke(connection: &Connection, organization: i64, kind: i64, resource: i64) -> Result<()> {
    let row = params![organization, kind, resource];
    let last = "DELETE FROM seen WHERE organization = ?1 AND kind = ?2 AND resource = ?3 AND tasks = 1";
    if connection.prepare_cached(last)?.execute(row)? == 0 {
        let less = "UPDATE seen SET tasks = tasks - 1 WHERE organization = ?1 AND kind = ?2 AND resource = ?3";
        connection.prepare_cached(less)?.execute(row)?;
    }
    Ok(())
}
