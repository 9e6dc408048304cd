//! What an organization was shown of a resource, and until when: versions from the sharing on, to the end of its part.
//!
//! `read::SEEN` says what it sees now. Here is told what it has seen: for its past, and for the versions of what it sees.

use crate::error::Result;
use crate::store::visibility::Visibility;

use super::{Ask, Database, values};

/// A time in which a resource was shared with an organization, by commits: it was shown the version that stood at
/// `since`, and those that came before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Window {
    since: i64,
    until: i64,
}

/// Which versions of a resource are shown.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::store) enum ShownVersions {
    /// Every one
    All,
    /// Those that stood in one of these times
    Within(Vec<Window>),
}

impl Window {
    /// Did a version stand in it that was made by the commit `made`, and replaced by the commit `replaced`?
    fn holds(self, made: i64, replaced: Option<i64>) -> bool {
        made < self.until && replaced.is_none_or(|replaced| replaced > self.since)
    }
}

impl ShownVersions {
    /// What is shown of the resource with this id: everything to its author and of what is public, else what was shared.
    pub(in crate::store) fn of(connection: &dyn Database, visibility: Visibility, resource: i64) -> Result<Self> {
        let Visibility::Of(organization) = visibility else { return Ok(Self::All) };
        let own = connection.exists(
            "SELECT 1 FROM resource WHERE id = ?1 AND (author = ?2 OR public = 1)",
            values![resource, organization],
        )?;
        if own { Ok(Self::All) } else { Ok(Self::Within(windows(connection, organization, resource)?)) }
    }

    /// Is a version shown that was made by the commit `made`, and replaced by the commit `replaced`?
    pub(in crate::store) fn hold(&self, made: i64, replaced: Option<i64>) -> bool {
        match self {
            Self::All => true,
            Self::Within(windows) => windows.iter().any(|window| window.holds(made, replaced)),
        }
    }

    /// Is what stood after this commit shown?
    pub(in crate::store) fn cover(&self, seq: i64) -> bool {
        match self {
            Self::All => true,
            Self::Within(windows) => windows.iter().any(|window| window.since <= seq && seq < window.until),
        }
    }

    /// The commit since which nothing newer is shown; none where the newest is.
    pub(in crate::store) fn end(&self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Within(windows) => windows.iter().map(|window| window.until).max().filter(|end| *end < i64::MAX),
        }
    }
}

/// The times in which the resource was shared with the organization: none of a part that was withdrawn, and none after
/// which it was taken out of the referral while the part went on.
fn windows(connection: &dyn Database, organization: i64, resource: i64) -> Result<Vec<Window>> {
    let since = connection.dialect().larger("p.since", "t.since");
    let sql = format!(
        "SELECT {since}, coalesce(p.until, ?3) FROM task_resource t CROSS JOIN task_party p
         WHERE t.resource = ?2 AND p.task = t.task AND p.organization = ?1 AND coalesce(p.ended, '') <> 'withdrawn'
           AND (t.until IS NULL OR t.until >= p.until)
           AND (p.until IS NOT NULL
                OR NOT EXISTS (SELECT 1 FROM undecided u WHERE u.resource = t.resource AND u.task = t.task))"
    );
    let windows = connection.rows(&sql, values![organization, resource, i64::MAX], |row| {
        Ok(Window { since: row.get(0)?, until: row.get(1)? })
    })?;
    Ok(windows.into_iter().filter(|window| window.since < window.until).collect())
}

/// The commit since which the organization takes part in this Task no longer, where it still sees what it was shown.
pub(in crate::store) fn past_part(connection: &dyn Database, visibility: Visibility, task: i64) -> Result<Option<i64>> {
    let Visibility::Of(organization) = visibility else { return Ok(None) };
    let until: Option<Option<i64>> = connection.row(
        "SELECT max(until) FROM task_party WHERE task = ?1 AND organization = ?2 AND ended <> 'withdrawn'",
        values![task, organization],
        |row| row.get(0),
    )?;
    Ok(until.flatten())
}
