//! A gateway over a store in memory, driven through the exchange: a clock that is set, ids that count, an EHR and an
//! agency of the demo's directory.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use handoff::app::{Engines, Options};
use handoff::exchange::{Clock, CountingIds, Exchange, Outcome, SetClock, Stores};
use handoff::fhir::{Document, Preconditions, ResourceKey, edit::Edits};
use handoff::referral::plan::{Plan, Write};
use handoff::referral::{Scope, TaskStatus};
use handoff::security::{Caller, Role};
use handoff::store::sqlite::SqliteStore;
use handoff::store::{Resources, Stored};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(crate) const HOSPITAL: &str = "fernhollow-hospital";
pub(crate) const AGENCY: &str = "three-counties-action";

static ENGINES: LazyLock<Engines> =
    LazyLock::new(|| Engines::load(&Options::default().into_settings().unwrap()).unwrap());

/// See the module head.
pub(crate) struct World {
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) exchange: Exchange,
    clock: Arc<SetClock>,
    ids: Arc<CountingIds>,
    tasks_at_once: Option<usize>,
}

pub(crate) fn caller(role: Role, organization: &str) -> Caller {
    Caller::new(format!("{organization}-client"), role, organization, "test")
}

pub(crate) fn ehr() -> Caller {
    caller(Role::Ehr, HOSPITAL)
}

pub(crate) fn agency() -> Caller {
    caller(Role::Agency, AGENCY)
}

impl World {
    /// A gateway with the directory of the demo, at the time of the demo.
    pub(crate) async fn new() -> Self {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let store = Arc::new(SqliteStore::in_memory(&ENGINES.parameters).unwrap());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/directory.json");
        let bundle: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let public = bundle["entry"].as_array().unwrap().iter().map(|entry| {
            let resource = &entry["resource"];
            let text = |name: &str| resource[name].as_str().unwrap().to_owned();
            write(&ResourceKey::new(text("resourceType"), text("id")), 1, resource, None, at)
        });
        let public = public.map(|write| Write { public: true, ..write }).collect();
        store.commit(Plan { writes: public, ..Plan::default() }).await.unwrap();
        let clock = Arc::new(SetClock::at(at));
        let stores = Stores { resources: store.clone(), feed: store.clone(), audit_log: store.clone() };
        let ids = Arc::<CountingIds>::default();
        let exchange = ENGINES.exchange(stores, clock.clone(), ids.clone()).await.unwrap();
        Self { store, exchange, clock, ids, tasks_at_once: None }
    }

    /// More referrals than these are brought a change later; as it is by itself, where none is said.
    pub(crate) fn tasks_at_once(&mut self, tasks: Option<usize>) {
        self.tasks_at_once = tasks.or(self.tasks_at_once);
        if let Some(tasks) = self.tasks_at_once {
            self.exchange.set_tasks_at_once(tasks);
        }
    }

    /// The gateway is started again over what it stored.
    pub(crate) async fn restart(&mut self) {
        let store = &self.store;
        let stores = Stores { resources: store.clone(), feed: store.clone(), audit_log: store.clone() };
        self.exchange = ENGINES.exchange(stores, self.clock.clone(), self.ids.clone()).await.unwrap();
        self.tasks_at_once(None);
    }

    pub(crate) fn set_clock(&self, at: &str) {
        self.clock.set(at.parse().unwrap());
    }

    /// Creates a resource; gives its address.
    pub(crate) async fn create(&self, caller: &Caller, resource: &Value) -> (String, Outcome) {
        let kind = resource["resourceType"].as_str().unwrap();
        let document = Document::from_value(resource).unwrap();
        let outcome = self.exchange.create(caller, kind, document, None, None).await;
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}\n{resource}"));
        (outcome.key.to_string(), outcome)
    }

    /// Changes members of a resource as it stands; null takes one away.
    pub(crate) async fn change(
        &self,
        caller: &Caller,
        address: &str,
        members: Value,
    ) -> handoff::error::Result<Outcome> {
        let stored = self.stored(address).await;
        let mut resource = stored.document.root().to_value();
        for (name, value) in members.as_object().unwrap() {
            if value.is_null() {
                resource.as_object_mut().unwrap().shift_remove(name);
            } else {
                resource[name] = value.clone();
            }
        }
        let document = Document::from_value(&resource).unwrap();
        self.exchange.update(caller, &stored.key, document, Preconditions::of_version(stored.version), None).await
    }

    /// A resource as the gateway has it.
    pub(crate) async fn stored(&self, address: &str) -> Stored {
        let key = ResourceKey::parse(address).unwrap();
        self.store.read(&Scope::Gateway, &key, None).await.unwrap().unwrap()
    }

    /// A resource as the caller reads it.
    pub(crate) async fn read(&self, caller: &Caller, address: &str) -> Option<Value> {
        let key = ResourceKey::parse(address).unwrap();
        self.exchange.read(caller, &key, None).await.ok().map(|stored| stored.document.root().to_value())
    }

    /// Puts a resource there as it stands, as nobody could ask for it.
    pub(crate) async fn put_raw(&self, address: &str, members: Value) {
        let stored = self.stored(address).await;
        let mut resource = stored.document.root().to_value();
        for (name, value) in members.as_object().unwrap() {
            resource[name] = value.clone();
        }
        let write = write(&stored.key, stored.version + 1, &resource, stored.author.as_deref(), self.clock.now());
        self.store.commit(Plan { writes: vec![write], ..Plan::default() }).await.unwrap();
    }

    /// A referral that was sent to the agency; the addresses of its Patient, Consent, ServiceRequest and Task.
    pub(crate) async fn send(&self, consent: Value) -> [String; 4] {
        let ehr = ehr();
        let person = json!({ "resourceType": "Patient", "name": [{ "family": "Marlowe", "given": ["Ines"] }] });
        let (person, _) = self.create(&ehr, &person).await;
        let mut own = permit(&person, "2026-10-01");
        own.as_object_mut().unwrap().extend(consent.as_object().unwrap().clone());
        let (consent, _) = self.create(&ehr, &own).await;
        let (request, _) = self.create(&ehr, &request(&person)).await;
        let (task, _) = self.create(&ehr, &task(&person, &request, TaskStatus::Requested)).await;
        [person, consent, request, task]
    }
}

/// A Consent that permits, given on this day.
pub(crate) fn permit(person: &str, day: &str) -> Value {
    json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL" }] }],
        "patient": { "reference": person },
        "dateTime": day,
        "policyRule": { "text": "as agreed" },
        "provision": { "type": "permit" }
    })
}

/// A request for food.
pub(crate) fn request(person: &str) -> Value {
    json!({
        "resourceType": "ServiceRequest",
        "status": "active",
        "intent": "order",
        "category": [{ "coding": [{ "system": handoff::referral::task::SDOHCC_CODES, "code": "food-insecurity" }] }],
        "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "467771000124109" }] },
        "subject": { "reference": person },
        "authoredOn": "2026-11-20"
    })
}

/// A Task that asks the agency for it.
pub(crate) fn task(person: &str, request: &str, status: TaskStatus) -> Value {
    json!({
        "resourceType": "Task",
        "status": status.code(),
        "intent": "order",
        "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }] },
        "focus": { "reference": request },
        "for": { "reference": person },
        "authoredOn": "2026-11-20T09:00:00Z",
        "requester": { "reference": format!("Organization/{HOSPITAL}") },
        "owner": { "reference": format!("Organization/{AGENCY}") }
    })
}

/// One version of a resource.
pub(crate) fn write(key: &ResourceKey, version: u64, resource: &Value, author: Option<&str>, at: Timestamp) -> Write {
    let document = Document::from_value(resource).unwrap();
    let mut edits = Edits::new(document.root());
    edits.stamp(&key.id, version, at);
    let document = Arc::new(Document::parse(edits.finish()).unwrap());
    let (key, author) = (key.clone(), author.map(str::to_owned));
    Write { key, version, document, updated: at, author, public: false, replaces: None }
}
