//! What is owed to whom: one row a Task and Organization, at its newest change.
//!
//! An entry is written in the transaction of the change that causes it. A change of anything that is shared through a
//! Task (the Patient's address, say) makes what is owed of that Task new again, for the organizations that still see
//! it. Public resources are excepted: who follows the directory is told by its version.

use rusqlite::params;

use crate::error::Result;
use crate::referral::plan::FeedEntry;
use crate::store::newest::ChangeNotice;

use super::session::Session;

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
