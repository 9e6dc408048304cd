//! Who sees what through which Task. Replaced per Task; only what differs is written.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use crate::error::Result;
use crate::referral::plan::Share;

use super::writer::Session;

/// What is shared through one Task, by ids.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shared {
    /// The resources, each with its type
    resources: BTreeMap<i64, i64>,
    organizations: BTreeSet<i64>,
}

/// Puts the share in the place of what was shared through its Task before. Gives the Task's id if that changed anything.
pub(super) fn replace(session: &mut Session<'_>, share: &Share) -> Result<Option<i64>> {
    let task = session.keys.resource(session.connection, &share.task)?;
    let old = Shared::stored(session.connection, task)?;
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
    for organization in old.organizations.difference(&new.organizations) {
        execute(
            connection,
            "DELETE FROM task_organization WHERE task = ?1 AND organization = ?2",
            task,
            *organization,
        )?;
    }
    for organization in new.organizations.difference(&old.organizations) {
        execute(connection, "INSERT INTO task_organization (task, organization) VALUES (?1, ?2)", task, *organization)?;
    }
    for (organization, kind, resource) in new.grants_missing_in(&old) {
        grant(connection, organization, kind, resource)?;
    }
    for (organization, kind, resource) in old.grants_missing_in(&new) {
        revoke(connection, organization, kind, resource)?;
    }
    Ok(Some(task))
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
        let mut statement = connection.prepare_cached("SELECT organization FROM task_organization WHERE task = ?1")?;
        let mut rows = statement.query([task])?;
        while let Some(row) = rows.next()? {
            shared.organizations.insert(row.get(0)?);
        }
        Ok(shared)
    }

    fn requested(session: &mut Session<'_>, share: &Share) -> Result<Self> {
        let mut shared = Self::default();
        for key in &share.resources {
            let kind = session.keys.kind(session.connection, &key.kind)?;
            shared.resources.insert(session.keys.resource(session.connection, key)?, kind);
        }
        for organization in &share.organizations {
            shared.organizations.insert(session.keys.organization(session.connection, organization)?);
        }
        Ok(shared)
    }

    /// Who sees which resource (with its type) through `self` and not through `other`.
    fn grants_missing_in(&self, other: &Self) -> impl Iterator<Item = (i64, i64, i64)> {
        self.organizations.iter().flat_map(move |organization| {
            let both = other.organizations.contains(organization);
            let unseen = move |resource: &i64| !(both && other.resources.contains_key(resource));
            let resources = self.resources.iter().filter(move |(resource, _)| unseen(resource));
            resources.map(move |(resource, kind)| (*organization, *kind, *resource))
        })
    }
}

fn execute(connection: &Connection, sql: &str, task: i64, other: i64) -> Result<()> {
    connection.prepare_cached(sql)?.execute([task, other])?;
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
