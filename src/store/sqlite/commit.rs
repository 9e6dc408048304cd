//! One plan, inside the transaction: first everything that may refuse it, then everything that it writes.
//!
//! The checks write nothing, so a refused plan costs its neighbours in the group nothing. One comes later: whether those
//! take part whom a share was made for is asked where it is replaced, and its refusal rolls back what the plan wrote. So
//! does a read of the plan that finds nothing, which is made when all is written. Both are rare.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{Extras, Guard, Idempotency, Plan, RestsOn, Write};
use crate::store::ReadResult;
use crate::store::conflict::{self, matched, stale, used_key};
use crate::store::document::raise_last_updated;
use crate::store::newest::ChangeNotice;
use crate::store::prepared::PreparedPlan;
use crate::store::sql::renewals::{self, ChangedResource};
use crate::store::sql::{planned_read, search};

use super::rows::{self, Indexed};
use super::session::Session;
use super::task_steps::{self, TaskVersion};
use super::{audit, consents, feed, shares, unanswered};

/// A resource as the transaction found it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoredVersion {
    /// 0: not even named
    pub(super) id: i64,
    /// 0: not stored
    pub(super) version: i64,
    pub(super) updated: i64,
    pub(super) public: bool,
}

/// What the plan does to one resource.
#[derive(Debug, Clone, Copy)]
struct Target {
    stored_version: StoredVersion,
    /// The version that the writes seen so far have brought it to
    version: i64,
    /// And its lastUpdated
    updated: i64,
}

type Targets = HashMap<ResourceKey, Target>;

/// What became of a plan. Its writes are as they were stored.
#[derive(Debug)]
pub(super) struct CommitOutcome {
    pub(super) seq: u64,
    pub(super) reads: Vec<ReadResult>,
}

/// Commits the plan, or refuses it as a conflict. Where the transaction is rolled back, it can be committed again.
pub(super) fn commit(session: &mut Session<'_>, prepared: &mut PreparedPlan) -> Result<CommitOutcome> {
    let PreparedPlan { plan, reindexed, consents, unmatched, reads } = prepared;
    let Plan {
        writes,
        shares,
        permissions,
        extras,
        feed,
        deferred,
        renewal,
        audit: remembered,
        guards,
        reads: _,
        read_bytes,
        idempotency,
    } = plan;
    if let Some(idempotency) = idempotency {
        refuse_used(session, idempotency)?;
    }
    for guard in guards {
        check_guard(session, guard)?;
    }
    for (scope, query) in unmatched {
        if let Some(found) = search::first(session.connection, session.index()?, scope, query)? {
            return Err(matched(&found));
        }
    }
    let mut targets = targets(session, writes)?;
    if let Some(unread) = reindexed.iter().find(|change| change.before.is_none()) {
        return Err(conflict::unread(&unread.key));
    }

    let seq = session.progress.seq + 1;
    session.progress.seq = seq;
    let mut announcement = ChangeNotice { seq: seq.cast_unsigned(), ..ChangeNotice::default() };
    let mut touched = Vec::new();
    for write in writes.iter_mut() {
        raise_last_updated(write, &mut session.progress.updated)?;
        let Some(target) = targets.get_mut(&write.key) else { continue };
        announcement.directory |= write.public || target.stored_version.public;
        // What nobody has named yet is shared through no Task.
        let was_named = target.stored_version.id > 0;
        store(session, write, target)?;
        let follows_later = || deferred.iter().any(|change| change.resource == write.key);
        if was_named && !write.public && !follows_later() {
            touched.push(target.stored_version.id);
        }
    }
    let mut indexed = Vec::with_capacity(reindexed.len());
    for change in &*reindexed {
        let (Some(target), Some(entries)) = (targets.get(&change.key), &change.before) else { continue };
        let (resource, updated) = (target.stored_version.id, target.stored_version.updated);
        rows::remove(session, Indexed { entries, resource, updated })?;
        indexed.push(Indexed { entries: &change.after, resource, updated: target.updated });
        if let Some(answer) = &change.answer {
            unanswered::keep(session, resource, answer, target.updated)?;
        }
    }
    rows::add(session, &indexed)?;
    for said in consents {
        consents::replace(session, said)?;
    }
    for change in deferred {
        let Some(Target { stored_version, version, .. }) = targets.get(&change.resource).copied() else { continue };
        let replaced = stored_version.version;
        let changed = ChangedResource { id: stored_version.id, replaced, version };
        let mut withdrawn = Vec::with_capacity(change.withdrawn.len());
        for key in &change.withdrawn {
            withdrawn.push(session.keys.resource(session.connection, key)?);
        }
        renewals::defer(session.connection, seq, change, changed, &withdrawn)?;
    }
    let mut renewed = match renewal {
        Some(step) => {
            let resource = session.keys.resource(session.connection, &step.change.key)?;
            renewals::advance(session.connection, step, resource, seq)?
        }
        None => Vec::new(),
    };
    let rests_on: HashMap<&ResourceKey, &RestsOn> =
        permissions.iter().map(|permission| (&permission.task, &permission.rests_on)).collect();
    for share in shares {
        renewed.extend(shares::replace(session, share)?);
        consents::rest(session, share, rests_on.get(&share.task).copied())?;
    }
    for extras in extras {
        renewed.push(store_extras(session, extras)?);
    }
    feed::mark_changed(session, feed, &mut announcement)?;
    feed::renew(session, &touched, renewed, &mut announcement)?;
    audit::write(session, remembered)?;
    if let Some(idempotency) = idempotency {
        store_idempotency(session, idempotency)?;
    }
    let reads = planned_read::read_all(session.connection, session.index()?, reads, read_bytes.unwrap_or(usize::MAX))?;
    session.announcements.push(announcement);
    Ok(CommitOutcome { seq: seq.cast_unsigned(), reads })
}

// === what may refuse ===

fn refuse_used(session: &Session<'_>, idempotency: &Idempotency) -> Result<()> {
    let used = session
        .connection
        .prepare_cached("SELECT 1 FROM idempotency WHERE client = ?1 AND key = ?2")?
        .exists(params![idempotency.client, idempotency.key])?;
    if used { Err(used_key()) } else { Ok(()) }
}

fn check_guard(session: &mut Session<'_>, guard: &Guard) -> Result<()> {
    match guard {
        Guard::Unchanged { key, version } => {
            let found = stored_version(session, key)?;
            if found.version.cast_unsigned() == *version {
                return Ok(());
            }
            Err(stale(key, found.version.cast_unsigned(), *version))
        }
        // Read by the sender, and asked as a query.
        Guard::NoneMatch { .. } => Ok(()),
    }
}

/// What the plan writes, each with how it was found. The versions of one resource follow each other.
fn targets(session: &mut Session<'_>, writes: &[Write]) -> Result<Targets> {
    let mut targets = Targets::with_capacity(writes.len());
    for write in writes {
        if !targets.contains_key(&write.key) {
            let stored_version = stored_version(session, &write.key)?;
            targets.insert(write.key.clone(), Target { stored_version, version: stored_version.version, updated: 0 });
        }
        let Some(target) = targets.get_mut(&write.key) else { continue };
        if write.version.cast_signed() != target.version + 1 {
            return Err(stale(&write.key, target.version.cast_unsigned(), write.version.saturating_sub(1)));
        }
        target.version += 1;
    }
    Ok(targets)
}

fn stored_version(session: &mut Session<'_>, key: &ResourceKey) -> Result<StoredVersion> {
    let Some(kind) = session.keys.known_kind(session.connection, &key.kind)? else {
        return Ok(StoredVersion::default());
    };
    let found = session
        .connection
        .prepare_cached("SELECT id, version, updated, public FROM resource WHERE kind = ?1 AND logical = ?2")?
        .query_row(params![kind, key.id], |row| {
            Ok(StoredVersion { id: row.get(0)?, version: row.get(1)?, updated: row.get(2)?, public: row.get(3)? })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

// === what is written ===

fn store(session: &mut Session<'_>, write: &Write, target: &mut Target) -> Result<()> {
    session.version += 1;
    let (current, seq, version) = (session.version, session.progress.seq, write.version.cast_signed());
    let updated = write.updated.as_microsecond();
    target.updated = updated;
    let author = match &write.author {
        Some(organization) => session.keys.organization(session.connection, organization)?,
        None => 0,
    };
    if target.stored_version.id == 0 {
        let kind = session.keys.kind(session.connection, &write.key.kind)?;
        target.stored_version.id = session
            .connection
            .prepare_cached(
                "INSERT INTO resource (kind, logical, version, current, updated, seq, author, public)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .insert(params![kind, write.key.id, version, current, updated, seq, author, write.public])?;
        session.keys.remember(write.key.clone(), target.stored_version.id);
        session.created.push(kind);
    } else {
        session
            .connection
            .prepare_cached(
                "UPDATE resource SET version = ?2, current = ?3, updated = ?4, seq = ?5, author = ?6, public = ?7
                 WHERE id = ?1",
            )?
            .execute(params![target.stored_version.id, version, current, updated, seq, author, write.public])?;
        if version == 1 {
            session.created.push(session.keys.kind(session.connection, &write.key.kind)?);
        }
    }
    session
        .connection
        .prepare_cached(
            "INSERT INTO version (id, resource, version, updated, seq, document) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .insert(params![current, target.stored_version.id, version, updated, seq, write.document.text()])?;
    if write.key.kind == "Task" {
        let document = &*write.document;
        let task = target.stored_version.id;
        task_steps::add(session.connection, &TaskVersion { task, version, seq, document })?;
    }
    Ok(())
}

/// Keeps the extras of a Task; gives the Task's id.
fn store_extras(session: &mut Session<'_>, extras: &Extras) -> Result<i64> {
    let task = session.keys.resource(session.connection, &extras.task)?;
    let value = (!extras.value.is_null()).then(|| extras.value.to_string());
    session
        .connection
        .prepare_cached("INSERT OR REPLACE INTO extras (task, seq, value) VALUES (?1, ?2, ?3)")?
        .execute(params![task, session.progress.seq, value])?;
    Ok(task)
}

fn store_idempotency(session: &Session<'_>, idempotency: &Idempotency) -> Result<()> {
    let Idempotency { client, key, digest, answer } = idempotency;
    session
        .connection
        .prepare_cached(
            "INSERT INTO idempotency (client, key, digest, answer, seq, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![client, key, digest, answer, session.progress.seq, session.progress.updated])?;
    Ok(())
}
