//! A gateway over a store in memory, asked through its router as if over the network: the demo's directory and those of
//! all journeys, a client for each organization, a clock that goes on with each step, ids that count.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Extensions, HeaderMap, Request};
use handoff::agency_api;
use handoff::app::{Engines, Options};
use handoff::exchange::{Clock, CountingIds, Exchange, Ids, SetClock, Stores};
use handoff::fhir::edit::Edits;
use handoff::fhir::{Document, ResourceKey};
use handoff::fhir_api::{self, FhirService};
use handoff::limits::Limits;
use handoff::referral::Plan;
use handoff::referral::plan::Write;
use handoff::security::{Client as Known, Clients, Role, token};
use handoff::server::{self, Admission, ClientUpdates, Parts};
use handoff::store::Resources;
use handoff::store::sqlite::SqliteStore;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// Where clients are told that the gateway is.
pub(crate) const BASE: &str = "https://handoff.example";

/// When the first step is taken.
const BEGINS: &str = "2026-11-21T10:00:00Z";

static ENGINES: LazyLock<Engines> = LazyLock::new(|| {
    let options = Options { base: Some(BASE.to_owned()), ..Options::default() };
    Engines::load(&options.into_settings().unwrap()).unwrap()
});

static DIRECTORY: LazyLock<Vec<Value>> = LazyLock::new(directory);

/// A client of an organization.
pub(crate) struct Client {
    pub(crate) role: Role,
    pub(crate) organization: String,
    token: String,
}

/// An answer, read to its end.
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("an answer is no JSON: {error}\n{}", self.text))
    }
}

/// A request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), ..Self::default() }
    }

    pub(crate) fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self::with("POST", path.into(), body.into())
    }

    pub(crate) fn put(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self::with("PUT", path.into(), body.into())
    }

    fn with(method: &'static str, path: String, body: String) -> Self {
        let media = match &*path {
            path if path.starts_with("/fhir") => "application/fhir+json",
            path if path.contains("/sheets/") => "text/csv",
            _ => "application/json",
        };
        Self { method, path, headers: vec![("content-type", media.to_owned())], body }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// See the module head.
pub(crate) struct Gateway {
    pub(crate) clients: Vec<Client>,
    exchange: Arc<Exchange>,
    router: Router,
    clock: Arc<SetClock>,
    _updates: ClientUpdates,
    _stop: watch::Sender<bool>,
}

impl Gateway {
    pub(crate) async fn new() -> Self {
        let engines = &*ENGINES;
        let begins: Timestamp = BEGINS.parse().unwrap();
        let store = Arc::new(SqliteStore::in_memory(&engines.parameters).unwrap());
        let writes = DIRECTORY.iter().map(|resource| public(resource, begins)).collect();
        store.commit(Plan { writes, ..Plan::default() }).await.unwrap();
        let clock = Arc::new(SetClock::at(begins));
        let ids: Arc<dyn Ids> = Arc::new(CountingIds::new(|number| format!("id-{number}")));
        let stores = Stores { resources: store.clone(), feed: store.clone(), audit_log: store.clone() };
        let exchange = Arc::new(engines.exchange(stores, clock.clone(), ids.clone()).await.unwrap());
        let (known, clients): (Vec<Known>, Vec<Client>) =
            parties().into_iter().map(|(role, of)| client(role, of)).unzip();
        let (admission, updates) = Admission::new(Clients::new(known));
        let (checker, parameters) = (engines.checker.clone(), engines.parameters.clone());
        let fhir = FhirService::new(exchange.clone(), checker, parameters, Some(BASE.to_owned()));
        let mut extensions = Extensions::new();
        extensions.insert(Arc::new(fhir));
        let (stop, stopping) = watch::channel(false);
        let mut endpoints = fhir_api::routes();
        endpoints.extend(agency_api::routes());
        let parts = Parts {
            exchange: exchange.clone(),
            store,
            checker: engines.checker.clone(),
            parameters: engines.parameters.clone(),
            programs: engines.programs.clone(),
            sheets: engines.sheets.clone(),
            admission,
            limits: Limits::default(),
            base: Some(BASE.to_owned()),
            tls: None,
            proxies: Arc::default(),
            ids,
            extensions,
            stopping,
        };
        let router = server::routers(endpoints, parts).unwrap().api;
        Self { clients, exchange, router, clock, _updates: updates, _stop: stop }
    }

    /// A second goes by.
    pub(crate) fn tick(&self) {
        self.clock.set(self.clock.now() + SignedDuration::from_secs(1));
    }

    /// What was remembered of reads is written down, as it is twice a second elsewhere.
    pub(crate) async fn write_audit(&self) {
        self.exchange.audit_trail().write().await.unwrap();
    }

    pub(crate) async fn ask(&self, client: &Client, ask: &Ask) -> Answer {
        let mut request = Request::builder().method(ask.method).uri(&ask.path).header("host", "handoff.example");
        request = request.header("authorization", format!("Bearer {}", client.token));
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        let request = request.body(Body::from(ask.body.clone())).unwrap_or_else(|error| panic!("{error}: {ask:?}"));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }
}

/// Every organization that somebody of the fixtures speaks for.
fn parties() -> Vec<(Role, String)> {
    let mut parties: Vec<(Role, String)> =
        ["fernhollow-hospital", "tarnside-clinic"].map(|id| (Role::Ehr, id.to_owned())).into();
    let owners = DIRECTORY.iter().filter_map(|resource| resource["providedBy"]["reference"].as_str());
    let mut owners: Vec<&str> = owners.filter_map(|reference| reference.strip_prefix("Organization/")).collect();
    owners.sort_unstable();
    owners.dedup();
    parties.extend(owners.into_iter().map(|id| (Role::Agency, id.to_owned())));
    parties
}

fn client(role: Role, organization: String) -> (Known, Client) {
    let issued = token::issue();
    let known = Known {
        id: issued.client,
        name: organization.clone(),
        role,
        organization: organization.clone(),
        acts_for: Vec::new(),
        hash: issued.hash,
        certificates: Vec::new(),
        created: BEGINS.parse().unwrap(),
        revoked: None,
    };
    (known, Client { role, organization, token: issued.text })
}

/// The folders of the journeys.
pub(crate) fn journeys() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/programs");
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort_unstable();
    folders
}

/// A JSON file.
pub(crate) fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What the directories hold, each resource once.
fn directory() -> Vec<Value> {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/directory.json");
    let mut resources: BTreeMap<String, Value> = BTreeMap::new();
    for file in std::iter::once(demo).chain(journeys().iter().map(|folder| folder.join("directory.json"))) {
        for entry in json(&file)["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            let key = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
            resources.entry(key).or_insert_with(|| resource.clone());
        }
    }
    resources.into_values().collect()
}

fn public(resource: &Value, at: Timestamp) -> Write {
    let (kind, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
    let document = Document::from_value(resource).unwrap();
    let mut edits = Edits::new(document.root());
    edits.stamp(id, 1, at);
    let document = Arc::new(Document::parse(edits.finish()).unwrap());
    let key = ResourceKey::new(kind, id);
    Write { key, version: 1, document, updated: at, author: None, public: true, replaces: None }
}
