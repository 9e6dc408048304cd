//! Keeps what is withheld of a resource from an organization that sees it, beside the shares of the referrals that say so.

use std::collections::BTreeSet;

use rusqlite::params;

use crate::error::Result;
use crate::referral::plan::WithheldFrom;

use super::session::Session;
use super::statement::Connection;

/// What is withheld in one row, by ids: organization, resource, member, author, rule.
type Row = (i64, i64, String, String, String);

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
