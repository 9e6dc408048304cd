//! A running `handoff demo` on a port and in a folder of its own, and its clients.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a demo may take to be ready; generous, since tests run beside each other.
const READY: Duration = Duration::from_mins(1);

/// A demo that is stopped, hard, when it is dropped.
pub struct Demo {
    pub folder: TempDir,
    pub base: String,
    pub address: String,
    pub clients: Vec<Value>,
    child: Child,
    http: reqwest::Client,
}

/// A client of the demo with its token.
#[derive(Clone)]
pub struct Client {
    base: String,
    pub organization: String,
    token: String,
    http: reqwest::Client,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub location: Option<String>,
    pub text: String,
}

impl Demo {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // The port is free now and asked for a moment later; nobody else on this machine asks for it by number.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let child = launch(folder.path(), &address);
        // Once for the process; the second time changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut demo = Self {
            base: format!("http://{address}"),
            address,
            clients: Vec::new(),
            child,
            http: reqwest::Client::new(),
            folder,
        };
        demo.wait_until_ready().await;
        let tokens: Value = serde_json::from_str(&std::fs::read_to_string(demo.tokens()).unwrap()).unwrap();
        assert_eq!(tokens["base"], json!(demo.base));
        demo.clients.clone_from(tokens["clients"].as_array().unwrap());
        demo
    }

    pub fn tokens(&self) -> PathBuf {
        self.folder.path().join("tokens.json")
    }

    /// Ends the process as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, on the same data.
    pub async fn start_again(&mut self) {
        self.child = launch(self.folder.path(), &self.address);
        self.wait_until_ready().await;
    }

    async fn wait_until_ready(&mut self) {
        let since = Instant::now();
        loop {
            let ready = self.http.get(format!("{}/readyz", self.base)).send().await;
            if ready.is_ok_and(|answer| answer.status() == StatusCode::OK) && self.tokens().exists() {
                return;
            }
            assert!(since.elapsed() < READY, "the demo did not become ready");
            assert!(self.child.try_wait().unwrap().is_none(), "the demo ended before it was ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn client(&self, name: &str) -> Client {
        let found = self.clients.iter().find(|client| client["name"] == name);
        self.as_client(found.unwrap_or_else(|| panic!("no client {name}")))
    }

    /// The client of this role at the position among those of its role.
    pub fn of_role(&self, role: &str, position: usize) -> Client {
        self.as_client(self.clients.iter().filter(|client| client["role"] == role).nth(position).unwrap())
    }

    /// The first client of this organization.
    pub fn of_organization(&self, organization: &str) -> Client {
        self.as_client(self.clients.iter().find(|client| client["organization"] == organization).unwrap())
    }

    fn as_client(&self, client: &Value) -> Client {
        Client {
            base: self.base.clone(),
            organization: client["organization"].as_str().unwrap().to_owned(),
            token: client["token"].as_str().unwrap().to_owned(),
            http: self.http.clone(),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(folder: &Path, address: &str) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["demo", "--listen", address, "--data"])
        .arg(folder.join("data"))
        .arg("--tokens-file")
        .arg(folder.join("tokens.json"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

impl Client {
    /// The same client, at another gateway.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Another client of the same organization.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.request(Method::POST, path).header("Content-Type", media(path)).body(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: &str, etag: Option<&str>) -> Answer {
        let request = self.request(Method::PUT, path).header("Content-Type", media(path)).body(body.to_owned());
        send(match etag {
            Some(etag) => request.header("If-Match", etag),
            None => request,
        })
        .await
    }

    /// The records of one poll and the cursor behind them.
    pub async fn poll(&self, since: Option<&str>) -> (Vec<Value>, String) {
        let query = since.map(|cursor| format!("?since={cursor}")).unwrap_or_default();
        let answer = self.get(&format!("/agency/v1/referrals{query}")).await.expect(200);
        (answer["records"].as_array().unwrap().clone(), answer["cursor"].as_str().unwrap().to_owned())
    }

    /// Polls until nothing more comes.
    pub async fn poll_all(&self, mut since: Option<String>) -> (Vec<Value>, String) {
        let mut all = Vec::new();
        loop {
            let (records, cursor) = self.poll(since.as_deref()).await;
            if records.is_empty() {
                return (all, cursor);
            }
            all.extend(records);
            since = Some(cursor);
        }
    }
}

fn media(path: &str) -> &'static str {
    if path.starts_with("/fhir") { "application/fhir+json" } else { "application/json" }
}

pub async fn send(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (status, etag, location) = (answer.status(), header("etag"), header("location"));
    Answer { status, etag, location, text: answer.text().await.unwrap() }
}

impl Answer {
    /// The body as JSON, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self.json()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}
