//! What is owed to whom: one row a Task and Organization, at its newest change.

use crate::error::Result;
use crate::referral::plan::FeedEntry;
use crate::store::newest::ChangeNotice;

use super::batch::{Batch, owned};
use super::session::Session;

/// Writes what is new for whom, and makes new again what is owed of the Tasks that are renewed, for the organizations that
/// still see them: says where these are told.
pub(super) fn write_feed(
    session: &Session<'_>,
    feed: &[FeedEntry],
    mut renewed: Vec<i64>,
    notice: &mut ChangeNotice,
    batch: &mut Batch<'_>,
) -> Result<Option<usize>> {
    let mut entries = Vec::with_capacity(feed.len());
    for entry in feed {
        entries.push((session.keys.resource(&entry.task)?, session.keys.organization(&entry.organization)?));
        notice.organizations.push(entry.organization.clone());
    }
    entries.sort_unstable();
    entries.dedup();
    let seq = session.progress.seq;
    batch.add_rows(
        "INSERT INTO feed (task, organization, seq)
         SELECT n.task, n.organization, $3::bigint FROM unnest($1::bigint[], $2::bigint[]) n (task, organization)
         ON CONFLICT (task, organization) DO UPDATE SET seq = excluded.seq",
        entries,
        owned![seq],
    );
    renewed.sort_unstable();
    renewed.dedup();
    if renewed.is_empty() {
        return Ok(None);
    }
    Ok(Some(batch.add(
        "UPDATE feed SET seq = $2 WHERE task = ANY($1) AND seq < $2 AND (
             EXISTS (SELECT 1 FROM task_party p
                     WHERE p.task = feed.task AND p.organization = feed.organization AND p.until IS NULL)
             OR organization = (SELECT author FROM resource WHERE id = feed.task))
         RETURNING (SELECT logical FROM resource WHERE id = feed.organization)",
        owned![renewed, seq],
    )))
}
