//! One plan, inside the transaction: first everything that may refuse it, then everything that it writes.
//!
//! It takes three ways to the database and back, however much it writes: what the plan names is looked up; what stands there
//! already is read, where that is needed to write; and all is written, each table in one statement. What the database has to
//! say beside that (the guards of conditional creates, the plan's own reads) is asked in between.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use crate::error::{Error, Result};
use crate::fhir::{Document, ResourceKey};
use crate::referral::plan::{Extras, FeedEntry, Guard, Idempotency, Plan, Write};
use crate::referral::task_step::{stands_alike, step_of};
use crate::store::Committed;
use crate::store::conflict::{self, matched, stale, used_key};
use crate::store::document::{self, raise_last_updated};
use crate::store::newest::ChangeNotice;
use crate::store::prepared::{ConsentRules, PreparedPlan, Reindexed};
use crate::store::sql::{planned_read, search};
use crate::store::unanswered::AnswerState;

use super::blocking::{Batch, owned};
use super::keys::{Names, NewNames, StoredVersion};
use super::rows::{RowChanges, RowsOf};
use super::session::{RELEASE, SAVEPOINT, Session};
use super::shares::Sharings;
use super::{audit, consents};
use crate::store::postgres::index_value::fit;

/// What the plan does to one resource.
#[derive(Debug, Clone, Copy)]
struct Target {
    stored: StoredVersion,
    id: i64,
    /// The version that the writes seen so far have brought it to, and its lastUpdated, row, author
    version: i64,
    updated: i64,
    current: i64,
    author: i64,
    public: bool,
}

type Targets = HashMap<ResourceKey, Target>;

/// This store says of no resource that it is shared widely, so nobody leaves it work for later.
fn refuse_deferred(plan: &Plan) -> Result<()> {
    if plan.deferred.is_empty() && plan.renewal.is_none() {
        return Ok(());
    }
    Err(Error::fault("a plan leaves work for a later time, which this store does not keep"))
}

/// Commits the plan, or refuses it as a conflict.
pub(in crate::store) fn commit(session: &mut Session<'_>, prepared: PreparedPlan) -> Result<Committed> {
    let PreparedPlan { plan, reindexed, consents, unmatched, reads } = prepared;
    refuse_deferred(&plan)?;
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
    let Plan { mut writes, shares, permissions, extras, feed, audit: remembered, read_bytes, idempotency, .. } = plan;
    let mut batch = Batch::default();
    let mut steps = TaskSteps::ask(&writes, &found, &mut batch);
    let mut sharings = Sharings::ask(session.keys, &shares, first_new, &mut batch)?;
    let touched = touched(&writes, &found, &mut batch);
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
    for share in &shares {
        let permission = permissions.iter().rev().find(|permission| permission.task == share.task);
        renewed.extend(sharings.replace(session.keys, share, permission.map(|permission| &permission.rests_on))?);
    }
    let mut batch = Batch::default();
    new.write(&mut batch);
    let targets = write_versions(session, &mut writes, &found, &mut steps, &mut notice, &mut batch)?;
    write_resources(session, &new, &targets, &mut batch)?;
    steps.write(&mut batch);
    let (mut removed, mut added) = (RowsOf::default(), RowsOf::default());
    let mut answers = Answers::default();
    for change in &reindexed {
        let (Some(target), Some(before)) = (targets.get(&change.key), &change.before) else { continue };
        removed.take(session.keys, session.index, before, target.id, target.stored.updated)?;
        added.take(session.keys, session.index, &change.after, target.id, target.updated)?;
        if let Some(answer) = &change.answer {
            answers.take(target.id, answer, target.updated);
        }
    }
    RowChanges::between(removed, added).write(&mut batch);
    answers.write(&mut batch);
    consents::write(session.keys, &consents, &mut batch)?;
    sharings.write(seq, &mut batch);
    write_extras(session, &extras, &mut renewed, &mut batch)?;
    let renewing = write_feed(session, &feed, renewed, &mut notice, &mut batch)?;
    audit::write_behind(session, remembered, &mut batch)?;
    if let Some(Idempotency { client, key, digest, answer }) = idempotency {
        batch.add(
            "INSERT INTO idempotency (client, key, digest, answer, seq, at) VALUES ($1, $2, $3, $4, $5, $6)",
            owned![client, fit(&key).into_owned(), digest, answer, seq, session.progress.updated],
        );
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
/// has named yet is shared through none.
fn touched(writes: &[Write], found: &HashMap<ResourceKey, StoredVersion>, batch: &mut Batch<'_>) -> Option<usize> {
    let private = writes.iter().filter(|write| !write.public);
    let ids: Vec<i64> = private.filter_map(|write| found.get(&write.key)).map(|found| found.id).collect();
    if ids.is_empty() {
        return None;
    }
    let sql = "SELECT DISTINCT task FROM task_resource WHERE resource = ANY($1) AND until IS NULL";
    Some(batch.add(sql, owned![ids]))
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
    let (mut ids, mut resources, mut versions, mut times) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut documents: Vec<String> = Vec::new();
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
        ids.push(current);
        resources.push(id);
        versions.push(version);
        times.push(updated);
        documents.push(write.document.text().to_owned());
    }
    if !ids.is_empty() {
        batch.add(
            "INSERT INTO version (id, resource, version, updated, seq, document)
             SELECT n.id, n.resource, n.version, n.updated, $6::bigint, n.document
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
                 n (id, resource, version, updated, document)",
            owned![ids, resources, versions, times, documents, session.progress.seq],
        );
    }
    Ok(targets)
}

/// The columns of `resource` that several rows are written to.
#[derive(Default)]
struct ResourceRows {
    ids: Vec<i64>,
    kinds: Vec<i64>,
    logical: Vec<String>,
    versions: Vec<i64>,
    currents: Vec<i64>,
    updated: Vec<i64>,
    seqs: Vec<i64>,
    authors: Vec<i64>,
    public: Vec<i64>,
}

impl ResourceRows {
    fn add(&mut self, id: i64, target: Option<&Target>, seq: i64) {
        self.ids.push(id);
        self.versions.push(target.map_or(0, |target| target.version));
        self.currents.push(target.map_or(0, |target| target.current));
        self.updated.push(target.map_or(0, |target| target.updated));
        self.seqs.push(target.map_or(0, |_| seq));
        self.authors.push(target.map_or(0, |target| target.author));
        self.public.push(target.map_or(0, |target| i64::from(target.public)));
    }
}

/// Writes the newest state of each resource, and a row for each that is only named.
fn write_resources(session: &Session<'_>, new: &NewNames, targets: &Targets, batch: &mut Batch<'_>) -> Result<()> {
    let seq = session.progress.seq;
    let (mut inserted, mut changed) = (ResourceRows::default(), ResourceRows::default());
    for (id, key) in new.resource_ids.iter().zip(&new.resource_keys) {
        inserted.kinds.push(session.keys.kind(&key.kind)?);
        inserted.logical.push(key.id.clone());
        inserted.add(*id, targets.get(key), seq);
    }
    for target in targets.values().filter(|target| target.stored.id > 0) {
        changed.add(target.id, Some(target), seq);
    }
    if !inserted.ids.is_empty() {
        let ResourceRows { ids, kinds, logical, versions, currents, updated, seqs, authors, public } = inserted;
        batch.add(
            "INSERT INTO resource (id, kind, logical, version, current, updated, seq, author, public)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
                 $7::bigint[], $8::bigint[], $9::bigint[])",
            owned![ids, kinds, logical, versions, currents, updated, seqs, authors, public],
        );
    }
    if !changed.ids.is_empty() {
        let ResourceRows { ids, versions, currents, updated, seqs, authors, public, .. } = changed;
        batch.add(
            "UPDATE resource r SET version = n.version, current = n.current, updated = n.updated, seq = n.seq,
                 author = n.author, public = n.public
             FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
                 n (id, version, current, updated, seq, author, public)
             WHERE r.id = n.id",
            owned![ids, versions, currents, updated, seqs, authors, public],
        );
    }
    Ok(())
}

/// Keeps the extras of Tasks, of each the last.
fn write_extras(session: &Session<'_>, extras: &[Extras], renewed: &mut Vec<i64>, batch: &mut Batch<'_>) -> Result<()> {
    let mut last: HashMap<i64, Option<String>> = HashMap::new();
    for extras in extras {
        let value = (!extras.value.is_null()).then(|| extras.value.to_string());
        last.insert(session.keys.resource(&extras.task)?, value);
    }
    if last.is_empty() {
        return Ok(());
    }
    let (tasks, values): (Vec<i64>, Vec<Option<String>>) = last.into_iter().unzip();
    renewed.extend(&tasks);
    batch.add(
        "INSERT INTO extras (task, seq, value)
         SELECT n.task, $2::bigint, n.value FROM unnest($1::bigint[], $3::text[]) n (task, value)",
        owned![tasks, session.progress.seq, values],
    );
    Ok(())
}

/// Writes what is new for whom, and makes new again what is owed of the Tasks that are renewed, for the organizations that
/// still see them: says where these are told.
fn write_feed(
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
    if !entries.is_empty() {
        let (tasks, organizations): (Vec<i64>, Vec<i64>) = entries.into_iter().unzip();
        batch.add(
            "INSERT INTO feed (task, organization, seq)
             SELECT n.task, n.organization, $3::bigint FROM unnest($1::bigint[], $2::bigint[]) n (task, organization)
             ON CONFLICT (task, organization) DO UPDATE SET seq = excluded.seq",
            owned![tasks, organizations, seq],
        );
    }
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

// === the steps of Tasks

/// The steps of the Tasks that are written: of each the last, and what is kept. A version that left everything as it stood is
/// none.
#[derive(Default)]
struct TaskSteps {
    asked: Option<usize>,
    /// Those that have a version already
    stored: Vec<i64>,
    last: HashMap<i64, Arc<Document>>,
    tasks: Vec<i64>,
    versions: Vec<i64>,
    seqs: Vec<i64>,
    documents: Vec<String>,
}

impl TaskSteps {
    /// Asks for the last step of each Task that has a version already.
    fn ask(writes: &[Write], found: &HashMap<ResourceKey, StoredVersion>, batch: &mut Batch<'_>) -> Self {
        let tasks = writes.iter().filter(|write| write.key.kind == "Task");
        let stored: Vec<i64> = tasks
            .filter_map(|write| found.get(&write.key))
            .filter(|found| found.version > 0)
            .map(|found| found.id)
            .collect();
        let asked = (!stored.is_empty()).then(|| {
            batch.add(
                "SELECT t.task, s.document FROM unnest($1::bigint[]) t (task) CROSS JOIN LATERAL (
                     SELECT document FROM task_step s WHERE s.task = t.task ORDER BY s.version DESC LIMIT 1) s",
                owned![stored.clone()],
            )
        });
        Self { asked, stored, ..Self::default() }
    }

    fn learn(&mut self, answers: &[Vec<Row>]) -> Result<()> {
        for row in self.asked.map(|place| &answers[place]).into_iter().flatten() {
            // One that cannot be read is followed by another.
            if let Ok(document) = document::parse(row.try_get::<_, String>(1)?) {
                self.last.insert(row.try_get(0)?, Arc::new(document));
            }
        }
        Ok(())
    }

    /// Keeps what Tasks were before this commit that were written before steps were kept, in a database that came from another.
    fn keep_earlier(&mut self, session: &Session<'_>) -> Result<()> {
        let missing: Vec<i64> = self.stored.iter().filter(|task| !self.last.contains_key(*task)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        let sql = "SELECT resource, version, seq, document FROM version WHERE resource = ANY($1) AND document <> ''
                   ORDER BY resource, version";
        for row in session.connection.query(sql, &[&missing])? {
            // What cannot be read is told where the versions are.
            if let Ok(document) = document::parse(row.try_get::<_, String>(3)?) {
                self.add(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, &Arc::new(document));
            }
        }
        Ok(())
    }

    /// A version of a Task.
    fn add(&mut self, task: i64, version: i64, seq: i64, document: &Arc<Document>) {
        let root = document.root();
        if self.last.get(&task).is_some_and(|last| stands_alike(last.root(), root)) {
            return;
        }
        self.last.insert(task, document.clone());
        self.tasks.push(task);
        self.versions.push(version);
        self.seqs.push(seq);
        self.documents.push(step_of(root));
    }

    fn write(self, batch: &mut Batch<'_>) {
        if self.tasks.is_empty() {
            return;
        }
        batch.add(
            "INSERT INTO task_step (task, version, seq, document)
             SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[])
             ON CONFLICT (task, version) DO UPDATE SET seq = excluded.seq, document = excluded.document",
            owned![self.tasks, self.versions, self.seqs, self.documents],
        );
    }
}

// === the referrals that wait for an answer

/// Which referrals wait for an answer from this commit on, and which do not.
#[derive(Default)]
struct Answers {
    awaited: Vec<i64>,
    states: Vec<String>,
    programs: Vec<String>,
    times: Vec<i64>,
    others: Vec<i64>,
}

impl Answers {
    fn take(&mut self, task: i64, answer: &AnswerState, updated: i64) {
        match answer {
            AnswerState::Awaited { state, program } => {
                self.awaited.push(task);
                self.states.push(state.code().to_owned());
                self.programs.push(program.clone());
                self.times.push(updated);
            }
            AnswerState::NotAwaited => self.others.push(task),
        }
    }

    fn write(self, batch: &mut Batch<'_>) {
        if !self.awaited.is_empty() {
            batch.add(
                "INSERT INTO unanswered AS u (task, state, program, since)
                 SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])
                 ON CONFLICT (task) DO UPDATE SET state = excluded.state, program = excluded.program,
                     since = CASE WHEN u.program = excluded.program THEN u.since ELSE excluded.since END
                 WHERE (u.state, u.program) <> (excluded.state, excluded.program)",
                owned![self.awaited, self.states, self.programs, self.times],
            );
        }
        if !self.others.is_empty() {
            batch.add("DELETE FROM unanswered WHERE task = ANY($1)", owned![self.others]);
        }
    }
}
