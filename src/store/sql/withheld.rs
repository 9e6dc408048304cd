//! What is withheld of a resource from an organization that sees it: as its referrals say that it owns, kept beside their
//! shares, and never from who sent the resource or asks for what it belongs to.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::referral::HiddenElement;
use crate::store::visibility::Visibility;

use super::{Ask, Database, values};

/// What is hidden of this resource. Of what is seen no longer that stays hidden which was hidden when its part ended.
pub(in crate::store) fn hidden(
    connection: &dyn Database,
    visibility: Visibility,
    resource: i64,
    author: i64,
) -> Result<Vec<HiddenElement>> {
    let Visibility::Of(organization) = visibility else { return Ok(Vec::new()) };
    if author == organization {
        return Ok(Vec::new());
    }
    let rows = connection.rows(
        "SELECT w.member, w.author, w.rule, w.until IS NULL FROM withheld w
         WHERE w.organization = ?1 AND w.resource = ?2 AND (w.until IS NULL OR EXISTS (
             SELECT 1 FROM task_party p
             WHERE p.task = w.task AND p.organization = w.organization AND p.until = w.until))",
        values![organization, resource],
        |row| {
            let by = Some(row.get::<String>(1)?).filter(|by| !by.is_empty());
            let hidden = HiddenElement { member: row.get(0)?, by, rule: row.get(2)? };
            Ok((hidden, row.get::<bool>(3)?))
        },
    )?;
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
pub(in crate::store) fn withholds(connection: &dyn Database, visibility: Visibility, resource: i64) -> Result<bool> {
    let Visibility::Of(organization) = visibility else { return Ok(false) };
    let sql = "SELECT 1 FROM withheld w WHERE w.organization = ?1 AND w.resource = ?2";
    connection.exists(sql, values![organization, resource])
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

fn part(connection: &dyn Database, organization: i64, resource: i64) -> Result<Part> {
    let found: Option<Option<bool>> = connection.row(
        "SELECT max(CASE WHEN p.party IN ('requester', 'patient') THEN 1 ELSE 0 END) FROM task_resource t CROSS JOIN task_party p
         WHERE t.resource = ?2 AND t.until IS NULL AND p.task = t.task AND p.organization = ?1 AND p.until IS NULL",
        values![organization, resource],
        |row| row.get(0),
    )?;
    Ok(match found.flatten() {
        None => Part::Past,
        Some(false) => Part::Owner,
        Some(true) => Part::Other,
    })
}

/// The resources of a type of which anything is withheld from an organization now.
pub(in crate::store) fn resources(connection: &dyn Database, organization: i64, kind: i64) -> Result<Vec<i64>> {
    connection.rows(
        "SELECT DISTINCT w.resource FROM withheld w CROSS JOIN resource r
         WHERE w.organization = ?1 AND w.until IS NULL AND r.id = w.resource AND r.kind = ?2",
        values![organization, kind],
        |row| row.get(0),
    )
}

/// The elements of resources of a type of which anything is withheld from an organization now.
pub(in crate::store) fn members(connection: &dyn Database, organization: i64, kind: i64) -> Result<Vec<String>> {
    connection.rows(
        "SELECT DISTINCT w.member FROM withheld w CROSS JOIN resource r
         WHERE w.organization = ?1 AND w.until IS NULL AND r.id = w.resource AND r.kind = ?2",
        values![organization, kind],
        |row| row.get(0),
    )
}
