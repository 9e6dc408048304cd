//! What is owed to whom: one row a Task and Organization, at its newest change.
//!
//! An entry is written in the transaction of the change that causes it. A change of anything that is shared through a
//! Task (the Patient's address, say) makes what is owed of that Task new again, for the organizations that still see
//! it. Public resources are excepted: who follows the directory is told by its version.

use rusqlite::params;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::FeedEntry;
use crate::store::Changes;
use crate::store::newest::ChangeNotice;

use super::keys;
use super::session::Session;
use super::statement::Connection;

/// Writes the feed entries of a plan.
pub(super) fn mark_changed(
    session: &mut Session<'_>,
    feed: &[FeedEntry],
    announcement: &mut ChangeNotice,
) -> Result<()> {
    for entry in feed {
        let task = session.keys.resource(session.connection, &entry.task)?;
        let organization = session.keys.organization(session.connection, &entry.organization)?;
        session
            .connection
            .prepare_cached(
                "INSERT INTO feed (task, organization, seq) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET seq = excluded.seq",
            )?
            .execute(params![task, organization, announcement.seq.cast_signed()])?;
        announcement.organizations.push(entry.organization.clone());
    }
    Ok(())
}

/// Makes new again what is owed of `tasks`, and of the Tasks through which the `touched` resources are shared.
pub(super) fn renew(
    session: &Session<'_>,
    touched: &[i64],
    mut tasks: Vec<i64>,
    announcement: &mut ChangeNotice,
) -> Result<()> {
    let mut sharing =
        session.connection.prepare_cached("SELECT task FROM task_resource WHERE resource = ?1 AND until IS NULL")?;
    for resource in touched {
        let mut rows = sharing.query([resource])?;
        while let Some(row) = rows.next()? {
            tasks.push(row.get(0)?);
        }
    }
    tasks.sort_unstable();
    tasks.dedup();
    let mut renewing = session.connection.prepare_cached(
        "UPDATE feed SET seq = ?2 WHERE task = ?1 AND seq < ?2 AND (
             EXISTS (SELECT 1 FROM task_party p
                     WHERE p.task = ?1 AND p.organization = feed.organization AND p.until IS NULL)
             OR organization = (SELECT author FROM resource WHERE id = ?1))
         RETURNING (SELECT logical FROM resource WHERE id = feed.organization)",
    )?;
    for task in tasks {
        let mut rows = renewing.query([task, announcement.seq.cast_signed()])?;
        while let Some(row) = rows.next()? {
            announcement.organizations.push(row.get(0)?);
        }
    }
    Ok(())
}

/// What is new for this organization after `since`. A Task that it no longer sees is among them at the last change that
/// it was owed, so that it can be told; what changes afterwards is no longer its matter (see [`renew`]).
pub(super) fn changes(reader: &Connection, organization: &str, since: u64, limit: usize) -> Result<Changes> {
    let mut changes = Changes { items: Vec::new(), newest: since };
    let Some(organization) = keys::resource(reader, "Organization", organization)? else { return Ok(changes) };
    let mut statement = reader.prepare_cached(
        "SELECT k.name, r.logical, d.seq FROM feed d CROSS JOIN resource r CROSS JOIN kind k
         WHERE d.organization = ?1 AND d.seq > ?2 AND r.id = d.task AND r.version > 0 AND k.id = r.kind
         ORDER BY d.seq, d.task",
    )?;
    let mut rows = statement.query(params![organization, since.cast_signed()])?;
    while let Some(row) = rows.next()? {
        let seq = row.get::<_, i64>(2)?.cast_unsigned();
        // A sequence is never cut in two: whoever goes on after it would miss the rest of it.
        if changes.items.len() >= limit && seq != changes.newest {
            break;
        }
        changes.items.push((ResourceKey::new(row.get::<_, String>(0)?, row.get::<_, String>(1)?), seq));
        changes.newest = seq;
    }
    Ok(changes)
}

/// The name of the cursors that are given, and the names that they had before the store was restored from a copy, each with
/// the last commit that a cursor of that name may stand for.
pub(super) fn ids(connection: &Connection) -> Result<(String, Vec<(String, u64)>)> {
    let mut name: String = connection.query_row("SELECT id FROM store", [], |row| row.get(0))?;
    let mut earlier: Vec<(String, u64)> = Vec::new();
    let mut statement = connection.prepare_cached("SELECT cursors, seq FROM restored ORDER BY number")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let seq = row.get::<_, i64>(1)?.cast_unsigned();
        // What a later copy no longer held is gone for all names before.
        for (_, last) in &mut earlier {
            *last = seq.min(*last);
        }
        earlier.push((std::mem::replace(&mut name, row.get(0)?), seq));
    }
    Ok((name, earlier))
}
