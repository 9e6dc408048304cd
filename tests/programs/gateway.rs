//! A running gateway of a journey's own: a SQLite file in a folder that goes away, a port that the system picks, a clock
//! that the journey sets, ids that count, and a client on either side.

use std::path::PathBuf;
use std::sync::{Arc, Once};

use handoff::app::{self, App, ProgramTypeFolders, Settings};
use handoff::exchange::{Clock, CountingIds, SetClock};
use handoff::fhir::edit::Edits;
use handoff::fhir::{Document, Issue, Node, ResourceKey, Severity};
use handoff::mapping::ProgramTypes;
use handoff::referral::plan::Write;
use handoff::referral::{Graph, Plan, Scope};
use handoff::security::{Role, token};
use handoff::store::ClientRow;
use jiff::Timestamp;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where the clients are told that the gateway is, wherever it is.
pub(crate) const BASE: &str = "https://handoff.example";

/// What encrypts is chosen once for the process.
static TLS: Once = Once::new();

/// A running gateway.
pub(crate) struct Gateway {
    app: Arc<App>,
    clock: Arc<SetClock>,
    address: String,
    http: reqwest::Client,
    served: JoinHandle<()>,
    _folder: TempDir,
}

/// Somebody with a token.
pub(crate) struct Client {
    address: String,
    token: String,
    http: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) etag: String,
    pub(crate) text: String,
}

impl Gateway {
    /// Starts one at this time, with these organizations and services, and these program types beside the shipped ones.
    pub(crate) async fn start(now: &str, directory: &Value, programs: Option<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings {
            store: folder.path().join("store.db").into(),
            base: Some(BASE.to_owned()),
            programs: ProgramTypeFolders::at(programs),
            ..Settings::default()
        };
        let clock = Arc::new(SetClock::at(instant(now)));
        let app = App::open(settings, clock.clone(), Arc::new(CountingIds::new(crate::names::id))).await;
        let app = Arc::new(app.unwrap_or_else(|error| panic!("{error}")));
        app.store.commit(public(directory, clock.now())).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        TLS.call_once(|| {
            let _ = rustls::crypto::ring::default_provider().install_default();
        });
        let served = tokio::spawn({
            let app = app.clone();
            async move { app::run(listener, &app, std::future::pending()).await.unwrap() }
        });
        Self { app, clock, address, http: reqwest::Client::new(), served, _folder: folder }
    }

    /// Sets the time.
    pub(crate) fn set_time(&self, now: Timestamp) {
        assert!(now >= self.clock.now(), "the steps of a journey go forward in time, not back to {now}");
        self.clock.set(now);
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A client of this organization, which is let in from now on.
    pub(crate) async fn client(&self, role: Role, organization: &str) -> Client {
        let issued = token::issue();
        let row = ClientRow {
            id: issued.client.clone(),
            name: format!("{role} of {organization}"),
            role: role.name().to_owned(),
            organization: organization.trim_start_matches("Organization/").to_owned(),
            acts_for: Vec::new(),
            hash: issued.hash,
            certificates: Vec::new(),
            created: self.clock.now(),
            revoked: None,
        };
        self.app.store.put_client(row).await.unwrap();
        let client = Client { address: self.address.clone(), token: issued.text, http: self.http.clone() };
        for _ in 0..200 {
            if client.get("/agency/v1/events").await.status != 401 {
                return client;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("a new client is not let in");
    }

    /// The program types that are served.
    pub(crate) fn programs(&self) -> &ProgramTypes {
        &self.app.programs
    }

    /// Everything that the gateway has of a referral.
    pub(crate) async fn graph(&self, task: &str) -> Graph {
        let key = ResourceKey::new("Task", task);
        let stored = self.app.store.referral(&Scope::Gateway, &key, true).await.unwrap();
        stored.unwrap_or_else(|| panic!("there is no referral {task}")).graph
    }

    /// What is wrong with a resource: against the standard, the profiles that it claims and those that are demanded here.
    pub(crate) async fn errors(&self, resource: Node<'_>) -> Vec<Issue> {
        let mut issues = self.app.exchange.validate(resource, &[], true).await;
        issues.retain(|issue| matches!(issue.severity, Severity::Error | Severity::Fatal));
        issues
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// An instant, or the morning of a day.
pub(crate) fn instant(text: &str) -> Timestamp {
    let whole = if text.contains('T') { text.to_owned() } else { format!("{text}T09:00:00Z") };
    whole.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A directory as public resources.
fn public(directory: &Value, now: Timestamp) -> Plan {
    let entries = directory["entry"].as_array().expect("directory.json is a Bundle");
    let writes = entries.iter().map(|entry| {
        let resource = &entry["resource"];
        let (kind, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let document = Document::from_value(resource).unwrap();
        let mut edits = Edits::new(document.root());
        edits.stamp(id, 1, now);
        Write {
            key: ResourceKey::new(kind, id),
            version: 1,
            document: Arc::new(Document::parse(edits.finish()).unwrap()),
            updated: now,
            author: None,
            public: true,
            replaces: None,
        }
    });
    Plan { writes: writes.collect(), ..Plan::default() }
}

// === clients ===

impl Client {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address)).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn get_as(&self, path: &str, media: &str) -> Answer {
        send(self.request(Method::GET, path).header("accept", media)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).header("content-type", media(path)).body(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str, etag: Option<&str>) -> Answer {
        let request = self.request(Method::PUT, path).header("content-type", media(path)).body(body.to_owned());
        send(match etag {
            Some(etag) => request.header("if-match", etag),
            None => request,
        })
        .await
    }

    /// What the client has not seen yet, and where to go on.
    pub(crate) async fn poll(&self, since: Option<&str>) -> (Vec<Value>, String) {
        let query = since.map(|cursor| format!("?since={cursor}")).unwrap_or_default();
        let answer = self.get(&format!("/agency/v1/referrals{query}")).await.expect(200, "polling");
        (answer["records"].as_array().unwrap().clone(), answer["cursor"].as_str().unwrap().to_owned())
    }
}

fn media(path: &str) -> &'static str {
    if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" }
}

async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let etag = answer.headers().get("etag").map_or("", |value| value.to_str().unwrap()).to_owned();
    Answer { status: answer.status().as_u16(), etag, text: answer.text().await.unwrap() }
}

impl Answer {
    /// The body as JSON, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16, doing: &str) -> Value {
        assert_eq!(self.status, status, "{doing}: {}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }
}
