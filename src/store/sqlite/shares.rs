//! Who takes part in which Task and what they see through it. Replaced per Task; only what differs is written, and what
//! ends is kept with its time: who was shown what, and until when, can always be told.

use std::sync::LazyLock;

use rusqlite::params;

use crate::error::Result;
use crate::referral::Party;
use crate::referral::party::PartEnd;
use crate::referral::plan::{GivenResource, Share, SharedWith, Sharing};
use crate::store::conflict::changed_sharing;
use crate::store::shared::{Given, Shared};
use crate::store::sql::Value;
use crate::store::sql::referral::party;

use super::multi_insert::MultiInsert;
use super::session::Session;
use super::statement::Connection;
use super::withheld;

/// The resource is shared through the Task from this commit on.
static BEGIN_SHARING: LazyLock<MultiInsert> = LazyLock::new(|| {
    MultiInsert::new("INSERT OR FAIL INTO task_resource (task, resource, giver, since)", "(?, ?, ?, ?)", "")
});
/// One more Task through which the Organization sees the resource.
static GRANT: LazyLock<MultiInsert> = LazyLock::new(|| {
    let insert = "INSERT OR FAIL INTO seen (organization, kind, resource, tasks)";
    MultiInsert::new(insert, "(?, ?, ?, 1)", " ON CONFLICT DO UPDATE SET tasks = tasks + 1")
});

/// Puts the share in the place of what was shared through its Task before. Gives the Task's id if that changed anything.
///
/// # Errors
/// `Conflict`, where something else is shared, or with others, than what the share was made from.
pub(super) fn replace(session: &mut Session<'_>, share: &Share) -> Result<Option<i64>> {
    let task = session.keys.resource(session.connection, &share.task)?;
    let old = stored(session.connection, task)?;
    let before = named(session, &share.before)?;
    if !before.is_alike(&old) {
        return Err(changed_sharing(&share.task));
    }
    let new = named(session, &share.after)?;
    let withholds_anew = withheld::replace(session, task, &share.withheld)?;
    if old.is_alike(&new) {
        return Ok(withholds_anew.then_some(task));
    }
    for resource in old.resources.keys().filter(|resource| !new.resources.contains_key(resource)) {
        end_sharing(session, task, *resource)?;
    }
    let begun = new.resources.iter().filter(|(resource, _)| !old.resources.contains_key(resource));
    let since = session.progress.seq;
    let begun = begun.flat_map(|(resource, given)| [task, *resource, given.giver, since].map(Value::from));
    BEGIN_SHARING.execute(session.connection, &begun.collect::<Vec<_>>())?;
    for part in old.parties.difference(&new.parties) {
        end_part(session, task, *part, share.end)?;
    }
    for part in new.parties.difference(&old.parties) {
        begin_part(session, task, *part)?;
    }
    let granted = new.grants_missing_in(&old);
    let granted = granted.flat_map(|(organization, kind, resource)| [organization, kind, resource].map(Value::from));
    GRANT.execute(session.connection, &granted.collect::<Vec<_>>())?;
    for (organization, kind, resource) in old.grants_missing_in(&new) {
        revoke(session.connection, organization, kind, resource)?;
    }
    Ok(Some(task))
}

/// What is shared through a Task, and with whom.
fn stored(connection: &Connection, task: i64) -> Result<Shared> {
    let mut shared = Shared::default();
    let mut statement = connection.prepare_cached(
        "SELECT s.resource, r.kind, s.giver FROM task_resource s CROSS JOIN resource r
         WHERE s.task = ?1 AND s.until IS NULL AND r.id = s.resource",
    )?;
    let mut rows = statement.query([task])?;
    while let Some(row) = rows.next()? {
        shared.resources.insert(row.get(0)?, Given { kind: row.get(1)?, giver: row.get(2)? });
    }
    let mut statement =
        connection.prepare_cached("SELECT organization, party FROM task_party WHERE task = ?1 AND until IS NULL")?;
    let mut rows = statement.query([task])?;
    while let Some(row) = rows.next()? {
        shared.parties.insert((row.get(0)?, party(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?));
    }
    Ok(shared)
}

/// The same as a plan names it.
fn named(session: &mut Session<'_>, sharing: &Sharing) -> Result<Shared> {
    let mut shared = Shared::default();
    for SharedWith { organization, party } in &sharing.parties {
        shared.parties.insert((session.keys.organization(session.connection, organization)?, *party));
    }
    for GivenResource { resource, giver } in &sharing.resources {
        let kind = session.keys.kind(session.connection, &resource.kind)?;
        let giver = session.keys.organization(session.connection, giver)?;
        shared.resources.insert(session.keys.resource(session.connection, resource)?, Given { kind, giver });
    }
    Ok(shared)
}

/// The resource is shared through the Task until this commit.
fn end_sharing(session: &Session<'_>, task: i64, resource: i64) -> Result<()> {
    session
        .connection
        .prepare_cached("UPDATE task_resource SET until = ?3 WHERE task = ?1 AND resource = ?2 AND until IS NULL")?
        .execute([task, resource, session.progress.seq])?;
    Ok(())
}

/// The organization takes part from this commit on.
fn begin_part(session: &Session<'_>, task: i64, (organization, party): (i64, Party)) -> Result<()> {
    session
        .connection
        .prepare_cached("INSERT INTO task_party (task, organization, party, since) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![task, organization, party.code(), session.progress.seq])?;
    Ok(())
}

/// The organization takes part until this commit.
fn end_part(session: &Session<'_>, task: i64, (organization, party): (i64, Party), end: PartEnd) -> Result<()> {
    session
        .connection
        .prepare_cached(
            "UPDATE task_party SET until = ?4, ended = ?5
             WHERE task = ?1 AND organization = ?2 AND party = ?3 AND until IS NULL",
        )?
        .execute(params![task, organization, party.code(), session.progress.seq, end.code()])?;
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
