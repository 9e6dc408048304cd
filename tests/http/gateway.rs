//! A gateway of its own for every test: a SQLite file in a folder that goes away, a port that the system picks, a clock
//! that stands still, ids that count, the demo's directory, and one client for each part that somebody plays.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use handoff::app::{self, App, Listeners, Settings};
use handoff::exchange::{Clock, CountingIds, SetClock};
use handoff::fhir::{Document, ResourceKey};
use handoff::referral::Plan;
use handoff::referral::plan::Write;
use handoff::security::{Role, token};
use handoff::store::{ClientRow, Store, StorePlace};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The time in every test.
pub const NOW: &str = "2026-11-21T10:00:00Z";

/// The agency that is served, and one that it is not.
pub const AGENCY: &str = "three-counties-action";
pub const OTHER: &str = "lantern-housing";
/// The hospital that asks, and another one.
pub const HOSPITAL: &str = "fernhollow-hospital";
pub const CLINIC: &str = "tarnside-clinic";

/// A clock that stands at the usual time.
fn still_clock() -> Arc<SetClock> {
    Arc::new(SetClock::at(NOW.parse().unwrap()))
}

/// A running gateway.
pub struct Gateway {
    pub base: String,
    pub store: Arc<dyn Store>,
    pub ehr: Client,
    pub other_ehr: Client,
    pub agency: Client,
    pub other_agency: Client,
    pub engineer: Client,
    pub auditor: Client,
    pub administrator: Client,
    /// The base of the listener for operators
    pub operations: String,
    /// The database
    pub file: PathBuf,
    http: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<handoff::error::Result<()>>>,
    _folder: TempDir,
}

/// Somebody with a token.
#[derive(Clone)]
pub struct Client {
    pub id: String,
    base: String,
    token: String,
    http: reqwest::Client,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A gateway with other settings than the usual ones.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(change, directory(), still_clock()).await
    }

    /// A gateway on this file, which is made where it is missing, with another clock than the usual one.
    pub async fn at(file: &Path, clock: Arc<dyn Clock>, change: impl FnOnce(&mut Settings)) -> Self {
        let start = if file.exists() { Plan::default() } else { directory() };
        let change = |settings: &mut Settings| {
            settings.store = file.to_owned().into();
            change(settings);
        };
        Self::of(change, start, clock).await
    }

    /// A gateway that knows no organization yet.
    pub async fn without_directory() -> Self {
        Self::of(|_| {}, Plan::default(), still_clock()).await
    }

    /// A gateway on a store that was there before.
    pub async fn on_store(file: &Path, change: impl FnOnce(&mut Settings)) -> Self {
        let change = |settings: &mut Settings| {
            settings.store = file.to_owned().into();
            change(settings);
        };
        Self::of(change, Plan::default(), still_clock()).await
    }

    async fn of(change: impl FnOnce(&mut Settings), directory: Plan, clock: Arc<dyn Clock>) -> Self {
        crate::log::capture();
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings { store: folder.path().join("store.db").into(), ..Settings::default() };
        change(&mut settings);
        let StorePlace::Sqlite(file) = settings.store.clone() else { panic!("the gateway of a test has a file") };
        let app =
            App::open(settings, clock, Arc::new(CountingIds::new(|number| format!("id-{number:06}")))).await.unwrap();
        let store = app.store.clone();
        if !directory.writes.is_empty() {
            store.commit(directory).await.unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        // Once for the process; the second time changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::new();
        let client = async |role, organization| Client::add(store.as_ref(), &base, &http, role, organization).await;
        let (ehr, other_ehr) = (client(Role::Ehr, HOSPITAL).await, client(Role::Ehr, CLINIC).await);
        let (agency, other_agency) = (client(Role::Agency, AGENCY).await, client(Role::Agency, OTHER).await);
        let engineer = client(Role::Engineer, HOSPITAL).await;
        let (auditor, administrator) =
            (client(Role::Auditor, HOSPITAL).await, client(Role::Administrator, HOSPITAL).await);
        let operations = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let operations_base = format!("http://{}", operations.local_addr().unwrap());
        let listeners = Listeners { api: vec![listener], operations: vec![operations] };
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            app::run(listeners, &app, async {
                let _ = stopped.await;
            })
            .await
        });
        let (stop, served) = (Some(stop), Some(served));
        Self {
            base,
            store,
            ehr,
            other_ehr,
            agency,
            other_agency,
            engineer,
            auditor,
            administrator,
            operations: operations_base,
            file,
            http,
            stop,
            served,
            _folder: folder,
        }
    }

    /// A request of nobody.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Another client, made while the gateway serves; it is let in from now on.
    pub async fn add_client(&self, role: Role, organization: &str) -> Client {
        self.let_in(Client::add(self.store.as_ref(), &self.base, &self.http, role, organization).await).await
    }

    /// Another client of the hospital's EHR, which acts for this organization, too.
    pub async fn ehr_acting_for(&self, organization: &str) -> Client {
        let (client, row) = Client::of(&self.base, &self.http, Role::Ehr, HOSPITAL);
        let row = ClientRow { acts_for: vec![organization.to_owned()], ..row };
        self.store.put_client(row).await.unwrap();
        self.let_in(client).await
    }

    /// Somebody with a token, and the row that lets the client in once it is stored.
    pub fn new_client(&self, role: Role, organization: &str) -> (Client, ClientRow) {
        Client::of(&self.base, &self.http, role, organization)
    }

    async fn let_in(&self, client: Client) -> Client {
        for _ in 0..100 {
            if client.get("/agency/v1/events").await.status != 401 {
                return client;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("a new client is not let in within a second");
    }

    /// Asks the gateway to stop.
    pub fn ask_to_stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits until it has.
    pub async fn stopped(&mut self) {
        self.served.take().unwrap().await.unwrap().unwrap();
    }
}

/// The directory of the demo, as public resources.
fn directory() -> Plan {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/directory.json");
    let bundle: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let resources = bundle["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    let writes = resources.map(|resource| {
        let (kind, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let document = Document::from_value(resource).unwrap();
        let mut edits = handoff::fhir::edit::Edits::new(document.root());
        edits.stamp(id, 1, NOW.parse().unwrap());
        Write {
            key: ResourceKey::new(kind, id),
            version: 1,
            document: Arc::new(Document::parse(edits.finish()).unwrap()),
            updated: NOW.parse().unwrap(),
            author: None,
            public: true,
            replaces: None,
        }
    });
    Plan { writes: writes.collect(), ..Plan::default() }
}

// === clients ===

impl Client {
    async fn add(store: &dyn Store, base: &str, http: &reqwest::Client, role: Role, organization: &str) -> Self {
        let (client, row) = Self::of(base, http, role, organization);
        store.put_client(row).await.unwrap();
        client
    }

    fn of(base: &str, http: &reqwest::Client, role: Role, organization: &str) -> (Self, ClientRow) {
        let issued = token::issue();
        let row = ClientRow {
            id: issued.client.clone(),
            name: format!("{role} of {organization}"),
            role: role.name().to_owned(),
            organization: organization.to_owned(),
            acts_for: Vec::new(),
            hash: issued.hash,
            certificates: Vec::new(),
            created: NOW.parse().unwrap(),
            revoked: None,
        };
        (Self { id: issued.client, base: base.to_owned(), token: issued.text, http: http.clone() }, row)
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// What it shows.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.with_body(Method::POST, path, body)).await
    }

    /// A request with a body of the media type that the path takes.
    pub fn with_body(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        self.request(method, path).header("content-type", media(path)).body(body.to_string())
    }

    /// What the client has not seen yet, and where to go on.
    pub async fn poll(&self, query: &str) -> (Vec<Value>, String) {
        let answer = self.get(&format!("/agency/v1/referrals{query}")).await.expect(200);
        (answer["records"].as_array().unwrap().clone(), answer["cursor"].as_str().unwrap().to_owned())
    }
}

pub fn media(path: &str) -> &'static str {
    if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" }
}

// === answers ===

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

pub async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Answer { status, headers, text: answer.text().await.unwrap() }
}

impl Answer {
    /// The body as JSON, if the status is this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The names of the rules that the answer says were broken, whichever dialect it speaks.
    pub fn rules(&self) -> Vec<String> {
        let json = self.json();
        let (list, pointer) = match json["resourceType"].as_str() {
            Some(_) => (&json["issue"], "/details/coding/0/code"),
            None => (&json["issues"], "/key"),
        };
        let name = |issue: &Value| issue.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        list.as_array().into_iter().flatten().filter_map(name).collect()
    }
}
