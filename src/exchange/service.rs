//! The doors of the exchange: what callers may ask of it, each led to the part that does it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Category, Error, Result};
use crate::fhir::precondition::VersionTags;
use crate::fhir::{Document, Issue, Key, Node, Preconditions, ResourceKey};
use crate::limits::ContentLimits;
use crate::mapping::Fidelity;
use crate::referral::state::State;
use crate::referral::{Read, Referral, VersionRange, task};
use crate::security::Caller;
use crate::sheet::ColumnSets;
use crate::store::index::SearchParameters;
use crate::store::query::{Query, check_limits};
use crate::store::{Committed, Page, ReadResult, Resources, Stored, Unreadable, Versions};

use super::audit_trail::AuditTrail;
use super::capacity::{self, StatedCapacity};
use super::check::ResourceCheck;
use super::conditional_reference::ConditionalReferences;
use super::consent::ConsentCheck;
use super::consequences::{Consequences, MAX_TASKS_AT_ONCE};
use super::directory::{CurrentDirectory, DirectoryWork};
use super::disposition::Router;
use super::eligibility::Eligibility;
use super::idempotency::RepeatKey;
use super::intake::{Intake, SentMessage};
use super::message::{Entry, EntryRequest, Message, Names};
use super::outcome::{self, Outcome};
use super::parts::{Clock, Parts, Settings};
use super::poll::{Poll, PollSize, Records};
use super::raise_event::{Events, RaisedEvent};
use super::record::{Base, Record};
use super::referrals::{Referrals, task_of};
use super::remarks::Remarks;
use super::renewal;
use super::sheet::{SentSheet, SheetReport, Sheets, TakenSheet};
use super::size;
use super::step::{ChangeOutcome, Steps};
use super::timeline::Timeline;
use super::write_record::{RecordWriter, WrittenRecord};
use super::write_target::Targets;

/// The gateway's business. One for the process, shared by all requests.
pub struct Exchange {
    store: Arc<dyn Resources>,
    parameters: Arc<SearchParameters>,
    clock: Arc<dyn Clock>,
    check: Arc<ResourceCheck>,
    referrals: Arc<Referrals>,
    trail: Arc<AuditTrail>,
    steps: Steps,
    intake: Intake,
    events: Arc<Events>,
    records: Arc<RecordWriter>,
    sheets: Sheets,
    poll: Poll,
    directory: Arc<CurrentDirectory>,
    eligibility: Eligibility,
    timeline: Timeline,
    limits: ContentLimits,
    /// How often something was told in its place that is stored and cannot be read
    unreadable: AtomicU64,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl Exchange {
    /// Puts the parts together.
    ///
    /// # Errors
    /// If the directory that the store holds cannot be used.
    pub async fn new(parts: Parts) -> Result<Self> {
        let Parts { stores, checker, terminology, programs, rules, parameters, clock, ids, settings } = parts;
        let Settings { consent: policy, base, profiles, retention, limits } = settings;
        let store = stores.resources.clone();
        let directory = Arc::new(CurrentDirectory::open(store.clone(), rules.clone(), base.as_deref()).await?);
        let check = Arc::new(ResourceCheck::new(checker, terminology, profiles, clock.clone()));
        let consent = Arc::new(ConsentCheck { store: store.clone(), directory: directory.clone(), policy });
        let referrals = Arc::new(Referrals { store: store.clone(), programs: programs.clone() });
        let events = Arc::new(Events { referrals: referrals.clone(), ids: ids.clone(), limits });
        let records = Arc::new(RecordWriter { referrals: referrals.clone(), ids: ids.clone(), limits });
        let (store_of, base_of) = (store.clone(), base.clone());
        let consequences = Consequences {
            store: store_of,
            consent: consent.clone(),
            programs,
            base: base_of,
            retention,
            tasks_at_once: MAX_TASKS_AT_ONCE.into(),
        };
        let router = Router { directory: directory.clone(), consent, referrals: referrals.clone() };
        let targets = Targets { store: store.clone(), parameters: parameters.clone(), ids, limits };
        let sheets = Sheets {
            store: store.clone(),
            parameters: parameters.clone(),
            events: events.clone(),
            records: records.clone(),
        };
        let trail = Arc::new(AuditTrail::new(&stores, clock.clone()));
        Ok(Self {
            steps: Steps::new(store.clone(), trail.clone(), clock.clone(), consequences),
            trail,
            intake: Intake {
                store: store.clone(),
                check: check.clone(),
                targets,
                router,
                events: events.clone(),
                base,
                limits,
            },
            poll: Poll { resources: store.clone(), feed: stores.feed.clone(), referrals: referrals.clone() },
            eligibility: Eligibility { referrals: referrals.clone(), directory: directory.clone(), rules },
            directory,
            timeline: Timeline { referrals: referrals.clone(), audit_log: stores.audit_log.clone() },
            store,
            parameters,
            clock,
            check,
            referrals,
            events,
            records,
            sheets,
            limits,
            unreadable: AtomicU64::new(0),
        })
    }

    /// What one request may ask for.
    pub fn limits(&self) -> &ContentLimits {
        &self.limits
    }

    /// Does the next part of the work that changes have left: what a change of a widely shared resource means for a group of the
    /// referrals that share it. Says whether there was any.
    ///
    /// # Errors
    /// Those of the store. Nothing of the part is done then; it is tried again with the next call.
    pub async fn renew_shares(&self) -> Result<bool> {
        renewal::renew_next(&self.store, &self.steps, self.steps.consequences().tasks_at_once()).await
    }

    /// Ready when a change has left such work since this was asked last.
    pub async fn shares_to_renew(&self) {
        self.steps.work_left().await;
    }

    /// More referrals than these are brought a change later, in groups of so many (100 unless it is said).
    pub fn set_tasks_at_once(&self, tasks: usize) {
        self.steps.consequences().set_tasks_at_once(tasks);
    }

    /// What is remembered of requests that change nothing.
    pub fn audit_trail(&self) -> &Arc<AuditTrail> {
        &self.trail
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    // --- what is served on /fhir

    /// Takes in one new resource of this type. Sent again under the same key it changes nothing and is answered alike.
    ///
    /// # Errors
    /// Every finding; nothing is stored then.
    pub async fn create(
        &self,
        caller: &Caller,
        kind: &str,
        document: Document,
        if_none_exist: Option<&str>,
        idempotency_key: Option<&str>,
    ) -> Result<Outcome> {
        let asked = ["create", kind, if_none_exist.unwrap_or_default(), document.text()];
        let key = RepeatKey::of(caller, idempotency_key, &asked);
        let ask = EntryRequest::Create { if_none_exist: if_none_exist.map(str::to_owned) };
        self.write_one(caller, kind, document, ask, key).await
    }

    /// Takes in a new version of a resource; repeated as [`Exchange::create`].
    ///
    /// # Errors
    /// Every finding; nothing is stored then.
    pub async fn update(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        document: Document,
        conditions: Preconditions,
        idempotency_key: Option<&str>,
    ) -> Result<Outcome> {
        let repeat = RepeatKey::of(caller, idempotency_key, &["update", &key.to_string(), document.text()]);
        let ask = EntryRequest::Update { key: key.clone(), conditions };
        self.write_one(caller, &key.kind, document, ask, repeat).await
    }

    async fn write_one(
        &self,
        caller: &Caller,
        kind: &str,
        document: Document,
        ask: EntryRequest,
        key: Option<RepeatKey>,
    ) -> Result<Outcome> {
        let document = Arc::new(document);
        let root = document.root();
        if !root.get("resourceType").is_some_and(|named| named.is_str(kind)) {
            let text = format!("expected a {kind}, as the URL says");
            let node = root.get("resourceType").unwrap_or(root);
            return Err(Error::unprocessable(vec![Issue::error(Key::NotAResource, "", text).at(node.position())]));
        }
        let entry = Entry { ask, full_url: None, resource: Some(root), request: None };
        let message = Message { document: &document, root, entries: std::slice::from_ref(&entry) };
        let (mut outcomes, _) = self.accept(caller, message, key.as_ref()).await?;
        outcomes.pop().flatten().ok_or_else(|| Error::fault("one resource was taken in and has no outcome"))
    }

    /// Takes a message in: what became of what it writes, and what its reads found in the same commit; nothing of that
    /// where nothing was committed.
    ///
    /// # Errors
    /// Every finding, with its place; nothing is stored then.
    pub(super) async fn accept(
        &self,
        caller: &Caller,
        message: Message<'_>,
        key: Option<&RepeatKey>,
    ) -> Result<(Vec<Option<Outcome>>, Option<Vec<ReadResult>>)> {
        let change = SentMessage { intake: &self.intake, caller, message };
        match self.steps.run(caller, key, &change).await? {
            ChangeOutcome::Done { outcome, committed: Some(Committed { writes, reads, .. }) } => {
                let outcomes = outcome.outcomes(message, &writes);
                self.remember_found(caller, &outcomes)?;
                Ok((outcomes, Some(reads)))
            }
            ChangeOutcome::Done { outcome, committed: None } => {
                let outcomes = outcome.outcomes(message, &[]);
                self.remember_found(caller, &outcomes)?;
                Ok((outcomes, None))
            }
            ChangeOutcome::Repeated(answer) => {
                let mut outcomes = outcome::recall(&*self.store, &answer, message.entries).await?;
                if key.is_some_and(|key| !key.is_explicit()) {
                    // Nobody asked that the answer be the same: what was made then is found now.
                    outcomes.iter_mut().flatten().for_each(|outcome| outcome.created = false);
                }
                Ok((outcomes, None))
            }
        }
    }

    /// Teaches the names of a message what the searches mean by which its reads name resources.
    ///
    /// # Errors
    /// 412, where one finds none or several.
    pub(super) async fn resolve_in_reads<'m>(
        &self,
        caller: &Caller,
        entries: &[Entry<'m>],
        names: &mut Names<'m>,
    ) -> Result<()> {
        let targets = &self.intake.targets;
        ConditionalReferences { targets, caller, entries, places: &[] }.resolve_in_reads(names).await
    }

    /// What a create by condition finds is answered as it is stored: it was read.
    fn remember_found(&self, caller: &Caller, outcomes: &[Option<Outcome>]) -> Result<()> {
        let found = outcomes.iter().flatten().filter(|outcome| outcome.was_read);
        self.trail.told_of(caller, "search", found.map(|outcome| outcome.key.clone()).collect())
    }

    /// What stands in the way of creating this resource, which is part of the document, and what is said besides. Nothing
    /// is stored, nothing is owed to anybody and no refusal is remembered. Another request may come in between, so what is
    /// said here is no promise.
    ///
    /// # Errors
    /// If it cannot be found out.
    pub async fn try_create(
        &self,
        caller: &Caller,
        document: &Arc<Document>,
        resource: Node<'_>,
        if_none_exist: Option<&str>,
    ) -> Result<Vec<Issue>> {
        let ask = EntryRequest::Create { if_none_exist: if_none_exist.map(str::to_owned) };
        self.dry_run(caller, document, resource, ask).await
    }

    /// As [`Exchange::try_create`], of a new version of a stored resource. Whoever names no version means the one that the
    /// resource itself names, or else the newest.
    ///
    /// # Errors
    /// If the stored resource is not there, or not for this caller.
    pub async fn try_update(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        document: &Arc<Document>,
        resource: Node<'_>,
        conditions: Preconditions,
    ) -> Result<Vec<Issue>> {
        let newest = self.find(caller, key, None).await?.version;
        let own = resource.get("meta").and_then(|meta| meta.str("versionId"));
        let conditions = match own {
            None if !conditions.names_base() => {
                Preconditions { is_version: Some(VersionTags::OneOf(vec![newest])), ..conditions }
            }
            _ => conditions,
        };
        let ask = EntryRequest::Update { key: key.clone(), conditions };
        self.dry_run(caller, document, resource, ask).await
    }

    async fn dry_run(
        &self,
        caller: &Caller,
        document: &Arc<Document>,
        resource: Node<'_>,
        ask: EntryRequest,
    ) -> Result<Vec<Issue>> {
        let entry = Entry { ask, full_url: None, resource: Some(resource), request: None };
        let message = Message { document, root: resource, entries: std::slice::from_ref(&entry) };
        match self.steps.dry_run(&SentMessage { intake: &self.intake, caller, message }).await {
            Ok(accepted) => Ok(accepted.findings),
            Err(error) if matches!(error.category, Category::Fault | Category::Busy) => Err(error),
            Err(error) => Ok(error.issues),
        }
    }

    /// What the caller sees of this. It is remembered who saw it.
    ///
    /// # Errors
    /// If it is not there, or not for this caller; parameters that are unknown or unreadable.
    pub async fn look_up(&self, caller: &Caller, read: &Read) -> Result<ReadResult> {
        let found = match read {
            Read::Resource { key, version } => self.find(caller, key, *version).await.map(ReadResult::Resource),
            Read::History { key, range } => self.versions(caller, key, *range).await.map(ReadResult::Versions),
            Read::Search { kind, parameters } => self.find_all(caller, kind, parameters).await.map(ReadResult::Page),
        };
        if let Ok(found) = &found {
            self.note_unreadable(caller, found);
        }
        self.trail.looked_up(caller, read, found)
    }

    /// A resource, at its newest version or at the one named; as [`Exchange::look_up`].
    ///
    /// # Errors
    /// If it is not there, or not for this caller.
    pub async fn read(&self, caller: &Caller, key: &ResourceKey, version: Option<u64>) -> Result<Stored> {
        match self.look_up(caller, &Read::Resource { key: key.clone(), version }).await? {
            ReadResult::Resource(stored) => Ok(stored),
            _ => Err(Error::fault("a read found something else than a resource")),
        }
    }

    /// The newest `count` versions of a resource, newest first; as [`Exchange::look_up`].
    ///
    /// # Errors
    /// If it is not there, or not for this caller.
    pub async fn history(&self, caller: &Caller, key: &ResourceKey, count: usize) -> Result<Versions> {
        let range = VersionRange::newest(count);
        match self.look_up(caller, &Read::History { key: key.clone(), range }).await? {
            ReadResult::Versions(versions) => Ok(versions),
            _ => Err(Error::fault("a history found something else than versions")),
        }
    }

    /// Resources of a type that the caller sees and that match; as [`Exchange::look_up`].
    ///
    /// # Errors
    /// If a parameter is unknown or unreadable.
    pub async fn search(&self, caller: &Caller, kind: &str, parameters: &[(String, String)]) -> Result<Page> {
        let read = Read::Search { kind: kind.to_owned(), parameters: parameters.to_vec() };
        match self.look_up(caller, &read).await? {
            ReadResult::Page(page) => Ok(page),
            _ => Err(Error::fault("a search found something else than a page")),
        }
    }

    /// Tells whoever runs the gateway of what is stored and cannot be read.
    pub(super) fn note_unreadable(&self, caller: &Caller, found: &ReadResult) {
        for Unreadable { key, version, error, .. } in found.unreadable() {
            self.unreadable.fetch_add(1, Relaxed);
            tracing::error!(request.id = caller.request, %key, version, %error, "what is stored cannot be read");
        }
    }

    /// How often something was told in its place that is stored and cannot be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable.load(Relaxed)
    }

    async fn find(&self, caller: &Caller, key: &ResourceKey, version: Option<u64>) -> Result<Stored> {
        let stored = self.store.read(&caller.scope(), key, version).await?;
        stored.ok_or_else(|| Error::not_found(key))
    }

    /// Versions of a resource, newest first, as many as an answer has room for.
    async fn versions(&self, caller: &Caller, key: &ResourceKey, range: VersionRange) -> Result<Versions> {
        let range = VersionRange { bytes: range.bytes.min(self.limits.answer_bytes), ..range };
        let scope = caller.scope();
        let versions = self.store.history(&scope, key, range).await?;
        // Behind the oldest version there is nothing, of a resource that is there.
        if versions.is_empty()
            && (range.before.is_none() || self.store.history(&scope, key, VersionRange::newest(1)).await?.is_empty())
        {
            return Err(Error::not_found(key));
        }
        Ok(versions)
    }

    async fn find_all(&self, caller: &Caller, kind: &str, parameters: &[(String, String)]) -> Result<Page> {
        check_limits(parameters, &self.limits)?;
        let query = Query::parse(&self.parameters, kind, parameters)
            .map_err(|issues| Error { category: Category::Incorrect, issues })?;
        let bytes = self.limits.answer_bytes;
        self.store.search(&caller.scope(), &Query { bytes, tells_unreadable: true, ..query }).await
    }

    /// Everything that is wrong with a resource, which is not stored: against the standard, the profiles that it claims
    /// and these (canonical URLs); as one that is sent, against those that are demanded here as well.
    pub async fn validate(&self, root: Node<'_>, profiles: &[&str], as_sent: bool) -> Vec<Issue> {
        self.check.issues(root, profiles, as_sent).await
    }

    /// The profiles that a resource of this type has to meet which is sent.
    pub fn demanded(&self, kind: &str) -> &[String] {
        self.check.required(kind)
    }

    // --- what is served to agencies

    /// The answer to a poll while there is nothing to say, held for up to `wait`; none as soon as there is something.
    ///
    /// # Errors
    /// If the caller is no agency, or the cursor is none of ours.
    pub async fn nothing_new(&self, caller: &Caller, since: Option<&str>, wait: Duration) -> Result<Option<Records>> {
        self.poll.nothing_new(caller, since, wait).await
    }

    /// The records that changed since the cursor (from the beginning without one), at most about `limit`. Holds the
    /// answer for up to `wait` while there is nothing to say.
    ///
    /// # Errors
    /// If the caller is no agency, or the cursor is none of ours.
    pub async fn poll(&self, caller: &Caller, since: Option<&str>, limit: usize, wait: Duration) -> Result<Records> {
        if let Some(empty) = self.nothing_new(caller, since, wait).await? {
            return Ok(empty);
        }
        self.poll_within(caller, since, PollSize { records: limit, bytes: self.limits.answer_bytes }).await
    }

    /// The records that changed since the cursor, in an answer of this size.
    ///
    /// # Errors
    /// As [`Exchange::poll`].
    pub async fn poll_within(&self, caller: &Caller, since: Option<&str>, size: PollSize) -> Result<Records> {
        let records = self.poll.records(caller, since, size).await?;
        self.trail.told_of(caller, "poll", records.tasks())?;
        Ok(records)
    }

    /// The record of the referral of the Task `id`.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub async fn record(&self, caller: &Caller, id: &str) -> Result<Record> {
        self.trail.told(caller, "record", &ResourceKey::new("Task", id), self.view(caller, id).await)
    }

    async fn view(&self, caller: &Caller, id: &str) -> Result<Record> {
        let key = ResourceKey::new("Task", id);
        let stored = self.referrals.referral(caller, &key).await?;
        self.referrals.view(&stored, &key)
    }

    /// The record, and where each of its values comes from and what became of each element of the referral.
    ///
    /// # Errors
    /// As [`Exchange::record`].
    pub async fn explain(&self, caller: &Caller, id: &str) -> Result<(Record, Fidelity, Vec<Issue>)> {
        self.trail.told(caller, "explanation", &ResourceKey::new("Task", id), self.explanation(caller, id).await)
    }

    async fn explanation(&self, caller: &Caller, id: &str) -> Result<(Record, Fidelity, Vec<Issue>)> {
        let key = ResourceKey::new("Task", id);
        let stored = self.referrals.referral(caller, &key).await?;
        let task = task_of(&stored, &key)?;
        let referral = Referral::read(&stored.graph, task)?;
        let mut explained = self.referrals.program_type(task.node()).map.explain(&referral, &stored.extras);
        for resource in stored.graph.resources() {
            for hidden in resource.withheld.iter().flat_map(|withheld| &withheld.hidden) {
                explained.fidelity.add_withheld(resource, &hidden.member, &hidden.rule);
            }
        }
        Ok((Record::new(explained.json, stored.seq), explained.fidelity, explained.issues))
    }

    /// Where the referral of the Task `id` stands, and the newest commit that concerns it.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub async fn state(&self, caller: &Caller, id: &str) -> Result<(State, u64)> {
        self.trail.told(caller, "status", &ResourceKey::new("Task", id), self.position(caller, id).await)
    }

    async fn position(&self, caller: &Caller, id: &str) -> Result<(State, u64)> {
        let key = ResourceKey::new("Task", id);
        let stored = self.referrals.referral(caller, &key).await?;
        let state = task::position(task_of(&stored, &key)?.node()).map_or(State::Draft, |position| position.state);
        Ok((state, stored.seq))
    }

    /// The eligibility of the person for the program that the referral of the Task `id` was routed to; for the type of its
    /// record, where it has no program of the directory.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub async fn eligibility(&self, caller: &Caller, id: &str) -> Result<Value> {
        let task = ResourceKey::new("Task", id);
        let answer = self.eligibility.of(caller, &task, self.clock.now()).await;
        self.trail.told(caller, "eligibility", &task, answer)
    }

    /// What happened to the referral of the Task `id`, as far as it concerns the caller:
    /// `{"referral", "entries": [{"at", "by", "what", "text", ...}]}`.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub async fn timeline(&self, caller: &Caller, id: &str) -> Result<Value> {
        self.timeline.of(caller, &ResourceKey::new("Task", id)).await
    }

    /// Raises an event on the referral of the Task `id` and answers with the record as it then stands.
    ///
    /// # Errors
    /// An unknown referral, an unreadable event, an illegal move, a stale version.
    pub async fn raise_event(
        &self,
        caller: &Caller,
        id: &str,
        event: &Document,
        conditions: Preconditions,
        idempotency_key: Option<&str>,
    ) -> Result<Record> {
        let task = &ResourceKey::new("Task", id);
        let key = RepeatKey::of(caller, idempotency_key, &["event", id, event.text()]);
        let change = RaisedEvent { events: &self.events, caller, task, event, conditions };
        let step = self.steps.run(caller, key.as_ref(), &change).await?;
        self.record_after(caller, id, step).await
    }

    /// The record after a change. Where nothing was changed it was only read, and that is remembered.
    async fn record_after(&self, caller: &Caller, id: &str, step: ChangeOutcome<Remarks>) -> Result<Record> {
        let record = match &step {
            ChangeOutcome::Done { committed: Some(_), .. } => self.view(caller, id).await?,
            ChangeOutcome::Done { committed: None, .. } | ChangeOutcome::Repeated(_) => self.record(caller, id).await?,
        };
        let mut remarks = remarks(step);
        remarks.append(record.remarks);
        Ok(Record { remarks, ..record })
    }

    /// Takes a changed record back into the referral and answers with the record as it then stands. An unchanged one
    /// makes no version. One that was changed from an older version is merged with what happened since.
    ///
    /// # Errors
    /// An unknown referral, a record against its schema, a change to what is not the agency's, a stale version, or what
    /// both sides changed.
    pub async fn put_record(
        &self,
        caller: &Caller,
        id: &str,
        record: &Document,
        base: Base,
        conditions: Preconditions,
        idempotency_key: Option<&str>,
    ) -> Result<Record> {
        let task = &ResourceKey::new("Task", id);
        let key = RepeatKey::of(caller, idempotency_key, &["record", id, record.text()]);
        let record = record.root().to_value();
        let change = WrittenRecord { writer: &self.records, caller, task, record, base, conditions };
        let step = self.steps.run(caller, key.as_ref(), &change).await?;
        self.record_after(caller, id, step).await
    }

    /// Takes a sheet of this program type, or only says what would become of it.
    ///
    /// # Errors
    /// A file that is no sheet of the type, or what keeps the store from taking it. What is wrong with rows stands in
    /// the report.
    pub async fn take_sheet(&self, caller: &Caller, sheets: &ColumnSets, sheet: &SentSheet<'_>) -> Result<SheetReport> {
        let SentSheet { kind, bytes, options, check, idempotency_key } = *sheet;
        size::check_sheet(bytes, &self.limits)?;
        let key = RepeatKey::of(caller, idempotency_key, &["sheet", kind, &String::from_utf8_lossy(bytes)]);
        let mut reading = sheets.open(kind, bytes, options.clone())?;
        self.sheets.name_rows(caller, kind, &mut reading).await?;
        let change = TakenSheet { sheets: &self.sheets, caller, reading: &reading, kind, check };
        match self.steps.run(caller, key.as_ref(), &change).await? {
            ChangeOutcome::Done { outcome, committed } => {
                if committed.is_none() {
                    // What was not changed was looked at: the report says which rows are whose referrals.
                    self.trail.told_of(caller, "sheet", outcome.tasks())?;
                }
                Ok(outcome)
            }
            ChangeOutcome::Repeated(answer) => {
                let value = serde_json::from_str(&answer).map_err(Error::fault)?;
                Ok(SheetReport { refused: false, refused_by: String::new(), value })
            }
        }
    }

    /// What was done so far to keep the directory as the store has it.
    pub fn directory_work(&self) -> DirectoryWork {
        self.directory.work()
    }

    /// The programs of the caller's organization, with their capacity.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn programs(&self, caller: &Caller) -> Result<Vec<Value>> {
        capacity::programs(&*self.store, &*self.directory.get().await?, &caller.organization).await
    }

    /// Says what a program of the caller's organization can take on: `{"status": CODE, "notes"?: TEXT}`.
    ///
    /// # Errors
    /// An unknown program, an unknown status, a stale version.
    pub async fn set_capacity(
        &self,
        caller: &Caller,
        program_id: &str,
        capacity: &Document,
        conditions: Preconditions,
        idempotency_key: Option<&str>,
    ) -> Result<Value> {
        let program = &ResourceKey::new("HealthcareService", program_id);
        let key = RepeatKey::of(caller, idempotency_key, &["capacity", program_id, capacity.text()]);
        let change = StatedCapacity { store: &*self.store, caller, program, capacity, conditions };
        match self.steps.run(caller, key.as_ref(), &change).await? {
            ChangeOutcome::Done { outcome, .. } => Ok(outcome),
            ChangeOutcome::Repeated(answer) => serde_json::from_str(&answer).map_err(Error::fault),
        }
    }
}

/// What a change should be read with, as it was told or remembered.
fn remarks(step: ChangeOutcome<Remarks>) -> Remarks {
    match step {
        ChangeOutcome::Done { outcome, .. } => outcome,
        ChangeOutcome::Repeated(answer) => Remarks::read(&answer),
    }
}
