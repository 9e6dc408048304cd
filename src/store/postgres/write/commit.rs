//! One plan, inside the transaction: first everything that may refuse it, then everything that it writes.
//!
//! It takes three ways to the database and back, however much it writes: what the plan names is looked up; what stands there
//! already is read, where that is needed to write; and all is written, each table in one statement. What the database has to
//! say beside that (the guards of conditional creates, the plan's own reads) is asked in between.

use std::collections::HashMap;

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{DeferredChange, Extras, Guard, Idempotency, Plan, Write};
use crate::store::Committed;
use crate::store::conflict::{self, matched, stale, used_key};
use crate::store::document::raise_last_updated;
use crate::store::newest::ChangeNotice;
use crate::store::prepared::{ConsentRules, PreparedPlan, Reindexed};
use crate::store::sql::renewals::{self, ChangedResource};
use crate::store::sql::{planned_read, search};

use super::batch::{Batch, owned};
use super::feed::write_feed;
use super::keys::{Names, StoredVersion};
use super::resources::{Target, Targets, write_resources};
use super::rows::{RowChanges, RowsOf};
use super::session::{RELEASE, SAVEPOINT, Session};
use super::shares::Sharings;
use super::task_steps::TaskSteps;
use super::unanswered::Answers;
use super::{audit, consents, generation};
use crate::store::postgres::index_value::fit;

/// Commits the plan, or refuses it as a conflict.
pub(in crate::store) fn commit(session: &mut Session<'_>, prepared: PreparedPlan) -> Result<Committed> {
    let PreparedPlan { plan, reindexed, consents, unmatched, reads } = prepared;
    let names = names(&plan, &reindexed, &consents);
    // === what may refuse
    let mut batch = Batch::default();
    batch.add(SAVEPOINT, Vec::new());
    let used = plan.idempotency.as_ref().map(|Idempotency { client, key, .. }| {
        let sql = "SELECT 1 FROM idempotency WHERE client = $1 AND key = $2";
        batch.add(sql, owned![client.clone(), fit(key).into_owned()])
    });
    let asked = session.keys.ask(&names, &mut batch);
    let answers = session.connection.run(&batch)?;
    if used.is_some_and(|place| !answers[place].is_empty()) {
        return Err(used_key());
    }
    let found = session.keys.learn(&asked, &names, &answers)?;
    check_guards(&plan.guards, &found)?;
    for (scope, query) in &unmatched {
        if let Some(found) = search::first(&session.database, session.index, scope, query)? {
            return Err(matched(&found));
        }
    }
    check_versions(&plan.writes, &found)?;
    if let Some(unread) = reindexed.iter().find(|change| change.before.is_none()) {
        return Err(conflict::unread(&unread.key));
    }
    // === what stands there
    let mut new = session.keys.give(&names, &mut session.progress);
    let first_new = session.progress.resource - new.resource_ids.len().cast_signed() as i64;
    drop(names);
    let Plan {
        mut writes,
        shares,
        permissions,
        extras,
        feed,
        deferred,
        renewal,
        audit: remembered,
        guards: _,
        reads: _,
        read_bytes,
        idempotency,
    } = plan;
    let mut batch = Batch::default();
    let mut steps = TaskSteps::ask(&writes, &found, &mut batch);
    let mut sharings = Sharings::ask(session.keys, &shares, first_new, &mut batch)?;
    let touched = touched(&writes, &deferred, &found, &mut batch);
    let audit_end = (!remembered.is_empty()).then(|| audit::ask_end(session, &mut batch)).flatten();
    let answers = if batch.is_empty() { Vec::new() } else { session.connection.run(&batch)? };
    steps.learn(&answers)?;
    steps.keep_earlier(session)?;
    sharings.learn(&answers)?;
    audit::learn_end(session, audit_end, &answers)?;
    let mut renewed: Vec<i64> = Vec::new();
    if let Some(place) = touched {
        for row in &answers[place] {
            renewed.push(row.try_get(0)?);
        }
    }
    // === what is written
    session.progress.seq += 1;
    let seq = session.progress.seq;
    let mut notice = ChangeNotice { seq: seq.cast_unsigned(), ..ChangeNotice::default() };
    for change in &deferred {
        defer(session, change, &writes, &found)?;
    }
    if let Some(step) = &renewal {
        let resource = session.keys.resource(&step.change.key)?;
        renewed.extend(renewals::advance(&session.database, step, resource, seq)?);
    }
    for share in &shares {
        let permission = permissions.iter().rev().find(|permission| permission.task == share.task);
        renewed.extend(sharings.replace(session.keys, share, permission.map(|permission| &permission.rests_on))?);
    }
    let mut batch = Batch::default();
    new.write(&mut batch);
    let targets = write_versions(session, &mut writes, &found, &mut steps, &mut notice, &mut batch)?;
    write_resources(session, &new, &targets, &mut batch)?;
    steps.write(&mut batch);
    write_index(session, &reindexed, &targets, &mut batch)?;
    consents::write(session.keys, &consents, &mut batch)?;
    sharings.write(seq, &mut batch);
    write_extras(session, &extras, &mut renewed, &mut batch)?;
    let renewing = write_feed(session, &feed, renewed, &mut notice, &mut batch)?;
    audit::write_behind(session, remembered, &mut batch)?;
    if let Some(idempotency) = idempotency {
        write_answer(session, idempotency, &mut batch);
    }
    if reads.is_empty() {
        batch.add(RELEASE, Vec::new());
    }
    let written = session.connection.run(&batch)?;
    if let Some(place) = renewing {
        for row in &written[place] {
            notice.organizations.push(row.try_get(0)?);
        }
    }
    let found = planned_read::read_all(&session.database, session.index, &reads, read_bytes.unwrap_or(usize::MAX))?;
    if !reads.is_empty() {
        session.connection.batch(RELEASE)?;
    }
    session.announcements.push(notice);
    Ok(Committed { seq: seq.cast_unsigned(), writes, reads: found })
}

/// All that the plan names.
fn names<'p>(plan: &'p Plan, reindexed: &'p [Reindexed], said: &'p [ConsentRules]) -> Names<'p> {
    let mut names = Names::default();
    let organization = |id: &str| ResourceKey::new("Organization", id);
    for write in &plan.writes {
        names.states.insert(&write.key);
        names.resources.extend(write.author.as_deref().map(organization));
    }
    for guard in &plan.guards {
        if let Guard::Unchanged { key, .. } = guard {
            names.guarded.insert(key);
        }
    }
    for change in reindexed {
        names.name_entries(change.before.iter().flatten().chain(&change.after));
    }
    for share in &plan.shares {
        names.resources.insert(share.task.clone());
        for sharing in [&share.before, &share.after] {
            names.resources.extend(sharing.parties.iter().map(|part| organization(&part.organization)));
            for given in &sharing.resources {
                names.resources.insert(given.resource.clone());
                names.resources.insert(organization(&given.giver));
            }
        }
        for withheld in &share.withheld {
            names.resources.insert(organization(&withheld.organization));
            names.resources.insert(withheld.resource.clone());
        }
    }
    names.resources.extend(plan.deferred.iter().flat_map(|change| &change.withdrawn).cloned());
    names.resources.extend(plan.renewal.as_ref().map(|step| step.change.key.clone()));
    consents::name(&plan.permissions, said, &mut names);
    names.resources.extend(plan.extras.iter().map(|extras| extras.task.clone()));
    for entry in &plan.feed {
        names.resources.insert(entry.task.clone());
        names.resources.insert(organization(&entry.organization));
    }
    names
}

/// Is what the plan only read still as it was? Conditions of creates are asked as searches.
fn check_guards(guards: &[Guard], found: &HashMap<ResourceKey, StoredVersion>) -> Result<()> {
    for guard in guards {
        let Guard::Unchanged { key, version } = guard else { continue };
        let stored = found.get(key).map_or(0, |found| found.version.cast_unsigned());
        if stored != *version {
            return Err(stale(key, stored, *version));
        }
    }
    Ok(())
}

/// Does every write follow the version that is stored? The versions of one resource follow each other.
fn check_versions(writes: &[Write], found: &HashMap<ResourceKey, StoredVersion>) -> Result<()> {
    let mut versions: HashMap<&ResourceKey, u64> = HashMap::with_capacity(writes.len());
    for write in writes {
        let stored = || found.get(&write.key).map_or(0, |found| found.version.cast_unsigned());
        let version = versions.entry(&write.key).or_insert_with(stored);
        if write.version != *version + 1 {
            return Err(stale(&write.key, *version, write.version.saturating_sub(1)));
        }
        *version += 1;
    }
    Ok(())
}

/// Asks for the Tasks through which the resources are shared that are changed: what is owed of those is new again. What nobody
/// has named yet is shared through none; what is brought to them later is told later.
fn touched(
    writes: &[Write],
    deferred: &[DeferredChange],
    found: &HashMap<ResourceKey, StoredVersion>,
    batch: &mut Batch<'_>,
) -> Option<usize> {
    let follows_later = |write: &Write| deferred.iter().any(|change| change.resource == write.key);
    let private = writes.iter().filter(|write| !write.public && !follows_later(write));
    let ids: Vec<i64> = private.filter_map(|write| found.get(&write.key)).map(|found| found.id).collect();
    if ids.is_empty() {
        return None;
    }
    let sql = "SELECT DISTINCT task FROM task_resource WHERE resource = ANY($1) AND until IS NULL";
    Some(batch.add(sql, owned![ids]))
}

/// Keeps what a change leaves for a later time.
fn defer(
    session: &Session<'_>,
    change: &DeferredChange,
    writes: &[Write],
    found: &HashMap<ResourceKey, StoredVersion>,
) -> Result<()> {
    let Some(stored) = found.get(&change.resource) else { return Ok(()) };
    let Some(newest) = writes.iter().rev().find(|write| write.key == change.resource) else { return Ok(()) };
    let changed = ChangedResource { id: stored.id, replaced: stored.version, version: newest.version.cast_signed() };
    let withdrawn: Vec<i64> = change.withdrawn.iter().map(|key| session.keys.resource(key)).collect::<Result<_>>()?;
    renewals::defer(&session.database, session.progress.seq, change, changed, &withdrawn)
}

/// Writes the versions; gives what becomes of each resource.
fn write_versions(
    session: &mut Session<'_>,
    writes: &mut [Write],
    found: &HashMap<ResourceKey, StoredVersion>,
    steps: &mut TaskSteps,
    notice: &mut ChangeNotice,
    batch: &mut Batch<'_>,
) -> Result<Targets> {
    let mut targets = Targets::with_capacity(writes.len());
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        raise_last_updated(write, &mut session.progress.updated)?;
        let stored = found.get(&write.key).copied().unwrap_or_default();
        let id = session.keys.resource(&write.key)?;
        let author = match &write.author {
            Some(organization) => session.keys.organization(organization)?,
            None => 0,
        };
        notice.directory |= write.public || stored.public;
        session.progress.version += 1;
        let (current, version, updated) =
            (session.progress.version, write.version.cast_signed(), write.updated.as_microsecond());
        if version == 1 {
            session.created.push(session.keys.kind(&write.key.kind)?);
        }
        let target = Target { stored, id, version, updated, current, author, public: write.public };
        targets.insert(write.key.clone(), target);
        if write.key.kind == "Task" {
            steps.add(id, version, session.progress.seq, &write.document);
        }
        rows.push((current, id, version, updated, write.document.text().to_owned()));
    }
    batch.add_rows(
        "INSERT INTO version (id, resource, version, updated, document, seq)
         SELECT n.id, n.resource, n.version, n.updated, n.document, $6::bigint
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
             n (id, resource, version, updated, document)",
        rows,
        owned![session.progress.seq],
    );
    Ok(targets)
}

/// Writes what becomes of the index, and which referrals wait for an answer.
fn write_index(session: &Session<'_>, reindexed: &[Reindexed], targets: &Targets, batch: &mut Batch<'_>) -> Result<()> {
    let (mut removed, mut added) = (RowsOf::default(), RowsOf::default());
    let mut answers = Answers::default();
    for change in reindexed {
        let (Some(target), Some(before)) = (targets.get(&change.key), &change.before) else { continue };
        removed.take(session.keys, session.index, before, target.id, target.stored.updated)?;
        added.take(session.keys, session.index, &change.after, target.id, target.updated)?;
        if let Some(answer) = &change.answer {
            answers.take(target.id, answer, target.updated);
        }
    }
    RowChanges::between(removed, added).write(batch);
    answers.write(batch);
    if session.progress.other_indexes {
        generation::mark(session.index, targets, batch);
    }
    Ok(())
}

/// Keeps what is answered, for whoever asks again.
fn write_answer(session: &Session<'_>, idempotency: Idempotency, batch: &mut Batch<'_>) {
    let Idempotency { client, key, digest, answer } = idempotency;
    let (seq, at) = (session.progress.seq, session.progress.updated);
    batch.add(
        "INSERT INTO idempotency (client, key, digest, answer, seq, at) VALUES ($1, $2, $3, $4, $5, $6)",
        owned![client, fit(&key).into_owned(), digest, answer, seq, at],
    );
}

/// Keeps the extras of Tasks, of each the last.
fn write_extras(session: &Session<'_>, extras: &[Extras], renewed: &mut Vec<i64>, batch: &mut Batch<'_>) -> Result<()> {
    let mut last: HashMap<i64, Option<String>> = HashMap::new();
    for extras in extras {
        let value = (!extras.value.is_null()).then(|| extras.value.to_string());
        last.insert(session.keys.resource(&extras.task)?, value);
    }
    renewed.extend(last.keys());
    batch.add_rows(
        "INSERT INTO extras (task, value, seq)
         SELECT n.task, n.value, $3::bigint FROM unnest($1::bigint[], $2::text[]) n (task, value)",
        last,
        owned![session.progress.seq],
    );
    Ok(())
}
