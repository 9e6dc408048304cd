//! The world of a case: the demo's directory and clients over a store in memory, a clock that stands still and ids that
//! count, and the steps that clients take in it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::file::CaseStep;
use super::invalid::invalid;
use super::substitute::substitute;
use super::watched_store::WatchedStore;
use crate::app::Engines;
use crate::cli::case_files::merge_patch;
use crate::cli::demo::world::{self, Client};
use crate::error::{Category, Error, Result};
use crate::exchange::{Base, CountingIds, Exchange, Record, SentSheet, SetClock, Stores};
use crate::fhir::{Document, Issue, Key, Preconditions, ResourceKey};
use crate::fhir_api::FhirService;
use crate::referral::Scope;
use crate::referral::plan::{AuditEntry, Plan};
use crate::security::{Caller, Role};
use crate::sheet::Options;
use crate::store::Resources;
use crate::store::sqlite::SqliteStore;

/// The time in every case.
const NOW: &str = "2026-11-21T10:00:00Z";

/// See the module head.
pub(super) struct CaseWorld {
    pub(super) store: Arc<WatchedStore>,
    exchange: Arc<Exchange>,
    fhir: FhirService,
    engines: Arc<Engines>,
    clients: Vec<Client>,
    clock: Arc<SetClock>,
    /// What was written, in the order of the first writing: their names count in it
    keys: Mutex<Vec<ResourceKey>>,
    /// Where each client's next poll begins
    cursors: Mutex<HashMap<String, String>>,
    /// The first version of each referral's record that was seen
    first_versions: Mutex<HashMap<ResourceKey, u64>>,
}

/// What came of a step.
pub(super) struct Taken {
    /// The answer, or why it was refused
    pub(super) answer: Result<Value>,
    pub(super) plans: Vec<Plan>,
    pub(super) audited: Vec<AuditEntry>,
}

impl CaseWorld {
    /// A world in which nothing has been sent yet.
    ///
    /// # Errors
    /// A fault, if it cannot be set up.
    pub(super) async fn new(engines: &Arc<Engines>) -> Result<Self> {
        let at: Timestamp = NOW.parse().map_err(Error::fault)?;
        let database = Arc::new(SqliteStore::in_memory(&engines.parameters)?);
        world::load_directory(&*database, at).await?;
        let store = Arc::new(WatchedStore::new(database));
        let clock = Arc::new(SetClock::at(at));
        let stores = Stores { resources: store.clone(), feed: store.clone(), audit_log: store.clone() };
        let exchange = engines.exchange(stores, clock.clone(), Arc::<CountingIds>::default()).await?;
        let exchange = Arc::new(exchange);
        let (checker, parameters) = (engines.checker.clone(), engines.parameters.clone());
        Ok(Self {
            store,
            fhir: FhirService::new(exchange.clone(), checker, parameters, None),
            exchange,
            engines: engines.clone(),
            clients: world::listed_clients()?,
            clock,
            keys: Mutex::default(),
            cursors: Mutex::default(),
            first_versions: Mutex::default(),
        })
    }

    /// Takes a step.
    ///
    /// # Errors
    /// `Incorrect`, where the step itself cannot be understood.
    pub(super) async fn take(&self, step: &CaseStep) -> Result<Taken> {
        if let Some(at) = &step.at {
            self.clock.set(at.parse().map_err(|_| invalid("at is an instant: 2026-11-21T10:00:00Z"))?);
        }
        let caller = Caller { acts_for: step.acts_for.clone(), ..self.caller(&step.by)? };
        let answer = self.perform(&caller, step).await;
        let (plans, audited) = self.store.take();
        for write in plans.iter().flat_map(|plan| &plan.writes) {
            let mut keys = lock(&self.keys);
            if !keys.contains(&write.key) {
                keys.push(write.key.clone());
            }
        }
        match answer {
            Err(error) if error.issues.iter().any(|issue| issue.key == Key::CaseInvalid) => Err(error),
            answer => Ok(Taken { answer, plans, audited }),
        }
    }

    /// The name of a resource: its type, with a number from the second of the type on.
    pub(super) fn name(&self, key: &ResourceKey) -> String {
        let keys = lock(&self.keys);
        match keys.iter().filter(|known| known.kind == key.kind).position(|known| known == key) {
            None => key.to_string(),
            Some(0) => key.kind.clone(),
            Some(number) => format!("{}#{}", key.kind, number + 1),
        }
    }

    /// The resource with this name; of the directory, by its `Type/id`.
    ///
    /// # Errors
    /// `Incorrect`, if there is none.
    pub(super) fn key(&self, name: &str) -> Result<ResourceKey> {
        if let Some(key) = ResourceKey::parse(name) {
            return Ok(key);
        }
        let (kind, number) =
            name.split_once('#').map_or((name, 1), |(kind, number)| (kind, number.parse().unwrap_or(0)));
        let keys = lock(&self.keys);
        let found = keys.iter().filter(|key| key.kind == kind).nth(number.max(1) - 1).cloned();
        found.ok_or_else(|| invalid(format!("there is no {name}")))
    }

    /// Takes a step that must go well, while another one is under way.
    ///
    /// # Errors
    /// Why it did not.
    pub(super) async fn perform_meanwhile(&self, step: &CaseStep) -> Result<()> {
        let caller = self.caller(&step.by)?;
        self.perform(&caller, step).await.map(drop)
    }

    /// A resource as this client reads it; none where it does not.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn read(&self, client: &str, key: &ResourceKey) -> Result<Option<Arc<Document>>> {
        match self.exchange.read(&self.caller(client)?, key, None).await {
            Ok(stored) => Ok(Some(stored.document)),
            Err(error) if error.category == Category::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The record of the first referral as this client sees it.
    ///
    /// # Errors
    /// If it sees none.
    pub(super) async fn record(&self, client: &str) -> Result<Value> {
        let task = self.key("Task")?;
        self.exchange.record(&self.caller(client)?, &task.id).await?.value()
    }

    /// Does this client read the resource?
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn sees(&self, client: &str, key: &ResourceKey) -> Result<bool> {
        Ok(self.read(client, key).await?.is_some())
    }

    fn caller(&self, by: &str) -> Result<Caller> {
        let (name, number) = by.split_once('/').unwrap_or((by, "1"));
        let client = self.clients.iter().find(|client| client.name == name);
        let client = client.ok_or_else(|| invalid(format!("the demo has no client {name}")))?;
        let role = Role::from_name(&client.role).ok_or_else(|| Error::fault("a client has no role"))?;
        let organization = client.organization.trim_start_matches("Organization/");
        Ok(Caller::new(format!("{name}-{number}"), role, organization, "case"))
    }

    async fn perform(&self, caller: &Caller, step: &CaseStep) -> Result<Value> {
        let key = step.key.as_deref();
        if let Some(message) = &step.send {
            let bundle = self.bundle(message, step)?;
            let answer = self.fhir.bundle(caller, Document::parse(bundle.to_string())?, key).await?;
            return serde_json::from_str(&answer).map_err(Error::fault);
        }
        if let Some(resource) = &step.create {
            let resource = self.substituted(resource)?;
            let kind = resource["resourceType"].as_str().unwrap_or_default().to_owned();
            let document = Document::parse(resource.to_string())?;
            let outcome = self
                .exchange
                .create(caller, &kind, document, step.if_none_exist.as_deref(), step.key.as_deref())
                .await?;
            let remarks = remarks(&outcome.issues);
            return Ok(json!({ "created": outcome.created, "version": outcome.version, "remarks": remarks }));
        }
        if let Some(changes) = &step.update {
            return self.update(caller, changes, step.if_match).await;
        }
        if let Some(event) = &step.event {
            let task = self.task(step)?;
            let event = Document::parse(self.substituted(event)?.to_string())?;
            let record = self.exchange.raise_event(caller, &task.id, &event, conditions(step), key).await?;
            return self.record_answer(&task, &record);
        }
        if let Some(patch) = &step.record {
            return self.write_record(caller, step, patch).await;
        }
        if let Some(text) = &step.sheet {
            return self.take_sheet(caller, step, text).await;
        }
        if let Some(capacity) = &step.capacity {
            let program = step.program.as_deref().unwrap_or_default();
            let capacity = Document::parse(capacity.to_string())?;
            return self.exchange.set_capacity(caller, program, &capacity, conditions(step), step.key.as_deref()).await;
        }
        if step.poll {
            return self.poll(caller).await;
        }
        if let Some(name) = &step.read {
            let stored = self.exchange.read(caller, &self.key(name)?, step.if_match).await?;
            return Ok(stored.document.root().to_value());
        }
        if let Some(name) = &step.history {
            let versions = self.exchange.history(caller, &self.key(name)?, 100).await?;
            return Ok(versions.found.iter().map(|stored| json!(stored.version)).collect());
        }
        if let Some(name) = &step.view {
            let task = self.key(name)?;
            let record = self.exchange.record(caller, &task.id).await?;
            return self.record_answer(&task, &record);
        }
        if let Some(search) = &step.search {
            let search = self.substituted(&json!(search))?;
            let (kind, parameters) = search.as_str().unwrap_or_default().split_once('?').unwrap_or_default();
            let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
            let parameters: Vec<(String, String)> = parameters.split('&').filter_map(pair).collect();
            let page = self.exchange.search(caller, kind, &parameters).await?;
            return Ok(page.matches.iter().map(|stored| self.name(&stored.key)).collect());
        }
        Err(invalid("a step says what is asked: send, create, update, event, record, sheet, ..."))
    }

    async fn update(&self, caller: &Caller, changes: &BTreeMap<String, Value>, if_match: Option<u64>) -> Result<Value> {
        let (mut versions, mut told) = (serde_json::Map::new(), Vec::new());
        for (name, patch) in changes {
            let key = self.key(name)?;
            let stored = self.store.read(&Scope::Gateway, &key, None).await?;
            let stored = stored.ok_or_else(|| invalid(format!("{name} is not stored")))?;
            // What is not seen is tried all the same: from what the gateway knows of it.
            let read = self.exchange.read(caller, &key, None).await;
            let from = read.map_or_else(|_| stored.document.clone(), |stored| stored.document);
            let mut resource = from.root().to_value();
            merge_patch(&mut resource, &self.substituted(patch)?);
            let conditions = match if_match {
                None => Preconditions::of_version(stored.version),
                Some(0) => Preconditions::default(),
                Some(version) => Preconditions::of_version(version),
            };
            let document = Document::parse(resource.to_string())?;
            let outcome = self.exchange.update(caller, &key, document, conditions, None).await?;
            versions.insert(name.clone(), json!(outcome.version));
            told.extend(remarks(&outcome.issues));
        }
        versions.insert("remarks".to_owned(), Value::Array(told));
        Ok(Value::Object(versions))
    }

    async fn write_record(&self, caller: &Caller, step: &CaseStep, patch: &Value) -> Result<Value> {
        let task = self.task(step)?;
        let seen = self.exchange.record(caller, &task.id).await?;
        let base = match step.base.as_deref() {
            None => Base::Newest,
            Some("first") => Base::Version(lock(&self.first_versions).get(&task).copied().unwrap_or_default()),
            Some(version) => Base::Version(version.parse().map_err(|_| invalid("base is first or a version"))?),
        };
        let mut record = seen.value()?;
        merge_patch(&mut record, &self.substituted(patch)?);
        let (document, key) = (Document::parse(record.to_string())?, step.key.as_deref());
        let record = self.exchange.put_record(caller, &task.id, &document, base, conditions(step), key).await?;
        self.record_answer(&task, &record)
    }

    async fn take_sheet(&self, caller: &Caller, step: &CaseStep, text: &str) -> Result<Value> {
        let text = self.substituted(&json!(text))?;
        let options = Options::default();
        let sheet = SentSheet {
            kind: step.kind.as_deref().unwrap_or_default(),
            bytes: text.as_str().unwrap_or_default().as_bytes(),
            options: &options,
            check: step.check,
            idempotency_key: step.key.as_deref(),
        };
        let report = self.exchange.take_sheet(caller, &self.engines.sheets, &sheet).await?;
        Ok(report.value)
    }

    async fn poll(&self, caller: &Caller) -> Result<Value> {
        let since = lock(&self.cursors).get(&caller.client).cloned();
        let records = self.exchange.poll(caller, since.as_deref(), 100, Duration::ZERO).await?;
        lock(&self.cursors).insert(caller.client.clone(), records.cursor);
        let mut lines = Vec::new();
        for record in records.records {
            let value = Document::value_of(&record.json)?;
            let id = value["id"].as_str().or_else(|| value["referral"]["task"].as_str()).unwrap_or_default();
            let key = ResourceKey::parse(id).unwrap_or_else(|| ResourceKey::new("Task", id));
            if let Some(version) = record.version {
                lock(&self.first_versions).entry(key.clone()).or_insert(version);
            }
            let state = value.pointer("/referral/state").and_then(Value::as_str);
            lines.push(json!(format!("{} {}", self.name(&key), state.unwrap_or("withdrawn"))));
        }
        Ok(Value::Array(lines))
    }

    /// A record as the answer of a step, with what it should be read with.
    fn record_answer(&self, task: &ResourceKey, record: &Record) -> Result<Value> {
        lock(&self.first_versions).entry(task.clone()).or_insert(record.version);
        let mut value = record.value()?;
        value["remarks"] = record.remarks.iter().cloned().collect();
        Ok(value)
    }

    fn task(&self, step: &CaseStep) -> Result<ResourceKey> {
        self.key(step.of.as_deref().unwrap_or("Task"))
    }

    /// The Bundle of a step: one of the demo, or the one that stands there, changed as the step says.
    fn bundle(&self, message: &Value, step: &CaseStep) -> Result<Value> {
        let mut bundle = match message.as_str() {
            Some(name) => {
                let text = world::message(name).ok_or_else(|| invalid(format!("the demo sends no {name}")))?;
                Document::value_of(text)?
            }
            None => self.substituted(message)?,
        };
        let Some(entries) = bundle["entry"].as_array_mut() else { return Ok(bundle) };
        entries.retain(|entry| step.change.get(kind_of(entry)).is_none_or(|patch| !patch.is_null()));
        for entry in entries.iter_mut() {
            let kind = kind_of(entry).to_owned();
            if let Some(patch) = step.change.get(&kind) {
                merge_patch(&mut entry["resource"], &self.substituted(patch)?);
            }
            if let Some(patch) = step.request.get(&kind) {
                merge_patch(&mut entry["request"], &self.substituted(patch)?);
            }
        }
        for entry in &step.add {
            entries.push(self.substituted(entry)?);
        }
        Ok(bundle)
    }

    /// `${NAME}` is the address of a resource, `${NAME.id}` its id.
    fn substituted(&self, value: &Value) -> Result<Value> {
        substitute(value, &|name| match name.strip_suffix(".id") {
            Some(name) => self.key(name).map(|key| key.id),
            None => self.key(name).map(|key| key.to_string()),
        })
    }
}

/// What an event, a record or a capacity depends on.
fn conditions(step: &CaseStep) -> Preconditions {
    step.if_match.map_or_else(Preconditions::default, Preconditions::of_version)
}

fn kind_of(entry: &Value) -> &str {
    entry["resource"]["resourceType"].as_str().unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is whole between any two steps.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Findings as an answer tells them, by their rules; what nobody is at hand to check is not told by every case.
fn remarks(issues: &[Issue]) -> Vec<Value> {
    let told = issues.iter().filter(|issue| issue.key != Key::NotChecked);
    told.map(|issue| json!({ "key": issue.key.name(), "text": issue.text })).collect()
}
