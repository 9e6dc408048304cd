//! What is withheld of a resource from an organization that sees it: as its referrals say that it owns, kept beside their
//! shares, and never from who sent the resource or asks for what it belongs to.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::error::Result;
use crate::referral::HiddenElement;
use crate::referral::plan::WithheldFrom;
use crate::store::visibility::Visibility;

use super::session::Session;
use super::statement::Connection;

/// What is withheld in one row, by ids: organization, resource, member, author, rule.
type Row = (i64, i64, String, String, String);

/// What is hidden of this resource. Of what is seen no longer that stays hidden which was hidden when its part ended.
pub(super) fn hidden(
    connection: &Connection,
    visibility: Visibility,
    resource: i64,
    author: i64,
) -> Result<Vec<HiddenElement>> {
    let Visibility::Of(organization) = visibility else { return Ok(Vec::new()) };
    if author == organization {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(
        "SELECT w.member, w.author, w.rule, w.until IS NULL FROM withheld w
         WHERE w.organization = ?1 AND w.resource = ?2 AND (w.until IS NULL OR EXISTS (
             SELECT 1 FROM task_party p
             WHERE p.task = w.task AND p.organization = w.organization AND p.until = w.until))",
    )?;
    let rows = statement.query_map([organization, resource], |row| {
        let by: String = row.get(1)?;
        let hidden = HiddenElement { member: row.get(0)?, by: Some(by).filter(|by| !by.is_empty()), rule: row.get(2)? };
        Ok((hidden, row.get::<_, bool>(3)?))
    })?;
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let hidden: BTreeSet<HiddenElement> = match part(connection, organization, resource)? {
        Part::Other => return Ok(Vec::new()),
        Part::Owner => rows.into_iter().filter(|(_, now)| *now).map(|(hidden, _)| hidden).collect(),
        Part::Past => rows.into_iter().map(|(hidden, _)| hidden).collect(),
    };
    Ok(hidden.into_iter().collect())
}

/// Is anything withheld of this resource, or was?
pub(super) fn withholds(connection: &Connection, visibility: Visibility, resource: i64) -> Result<bool> {
    let Visibility::Of(organization) = visibility else { return Ok(false) };
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM withheld w WHERE w.organization = ?1 AND w.resource = ?2")?;
    Ok(statement.exists([organization, resource])?)
}

/// As what an organization sees a resource that somebody else sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// As somebody who helps
    Owner,
    /// At least once as who asks, or as the person
    Other,
    /// No longer
    Past,
}

fn part(connection: &Connection, organization: i64, resource: i64) -> Result<Part> {
    let mut statement = connection.prepare_cached(
        "SELECT max(p.party IN ('requester', 'patient')) FROM task_resource t CROSS JOIN task_party p
         WHERE t.resource = ?2 AND t.until IS NULL AND p.task = t.task AND p.organization = ?1 AND p.until IS NULL",
    )?;
    Ok(match statement.query_row([organization, resource], |row| row.get::<_, Option<bool>>(0))? {
        None => Part::Past,
        Some(false) => Part::Owner,
        Some(true) => Part::Other,
    })
}

/// The resources of a type of which anything is withheld from an organization now.
pub(super) fn resources(connection: &Connection, organization: i64, kind: i64) -> Result<Vec<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT w.resource FROM withheld w CROSS JOIN resource r
         WHERE w.organization = ?1 AND w.until IS NULL AND r.id = w.resource AND r.kind = ?2",
    )?;
    let found = statement.query_map([organization, kind], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The elements of resources of a type of which anything is withheld from an organization now.
pub(super) fn members(connection: &Connection, organization: i64, kind: i64) -> Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT w.member FROM withheld w CROSS JOIN resource r
         WHERE w.organization = ?1 AND w.until IS NULL AND r.id = w.resource AND r.kind = ?2",
    )?;
    let found = statement.query_map([organization, kind], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Withholds this through a Task, and nothing else any longer. Says whether that is another than before.
pub(super) fn replace(session: &mut Session<'_>, task: i64, withheld: &[WithheldFrom]) -> Result<bool> {
    let old = stored(session.connection, task)?;
    let mut new = BTreeSet::new();
    for WithheldFrom { organization, resource, hidden } in withheld {
        let organization = session.keys.organization(session.connection, organization)?;
        let resource = session.keys.resource(session.connection, resource)?;
        let by = hidden.by.clone().unwrap_or_default();
        new.insert((organization, resource, hidden.member.clone(), by, hidden.rule.clone()));
    }
    for (organization, resource, member, author, _) in old.difference(&new) {
        session
            .connection
            .prepare_cached(
                "UPDATE withheld SET until = ?6
                 WHERE organization = ?1 AND resource = ?2 AND task = ?3 AND member = ?4 AND author = ?5 AND until IS NULL",
            )?
            .execute(params![organization, resource, task, member, author, session.progress.seq])?;
    }
    for (organization, resource, member, author, rule) in new.difference(&old) {
        session
            .connection
            .prepare_cached(
                "INSERT INTO withheld (organization, resource, task, member, author, rule, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![organization, resource, task, member, author, rule, session.progress.seq])?;
    }
    Ok(old != new)
}

fn stored(connection: &Connection, task: i64) -> Result<BTreeSet<Row>> {
    let mut statement = connection.prepare_cached(
        "SELECT organization, resource, member, author, rule FROM withheld WHERE task = ?1 AND until IS NULL",
    )?;
    let rows =
        statement.query_map([task], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
