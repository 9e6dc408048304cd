//! Several gateways on one PostgreSQL database, as the binary serves them, with the world of the demo.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use tempfile::TempDir;

use crate::demo::{Client, Demo};
use crate::postgres::{Database, Server};

/// How long a gateway may take to be ready; generous, since tests run beside each other.
const READY: Duration = Duration::from_mins(1);

/// The URL under which all of them are reached.
const BASE: &str = "https://gateways.example";

/// Gateways on one database. They are stopped, hard, when this is dropped.
pub struct Gateways {
    pub processes: Vec<Gateway>,
    pub database: Database,
    demo: Demo,
}

/// One of them.
pub struct Gateway {
    pub base: String,
    log: TempDir,
    child: Child,
}

impl Gateways {
    /// So many, on a database of this server.
    pub async fn start(count: usize, server: &Arc<Server>) -> Self {
        let mut demo = Demo::start().await;
        demo.kill();
        let database = server.database();
        copy(&demo.folder.path().join("data/handoff.db"), &database.url());
        let mut processes: Vec<Gateway> = (0..count).map(|_| Gateway::start(&database.url())).collect();
        for gateway in &mut processes {
            gateway.wait_until_ready().await;
        }
        Self { processes, database, demo }
    }

    /// The client of this role at the position among those of its role, as it calls each of the gateways.
    pub fn of_role(&self, role: &str, position: usize) -> Vec<Client> {
        self.at_each(&self.demo.of_role(role, position))
    }

    /// The client of this organization, as it calls each of the gateways.
    pub fn of_organization(&self, organization: &str) -> Vec<Client> {
        self.at_each(&self.demo.of_organization(organization))
    }

    fn at_each(&self, client: &Client) -> Vec<Client> {
        self.processes.iter().map(|gateway| client.at(&gateway.base)).collect()
    }
}

/// The demo's store, as another place has it.
fn copy(file: &Path, to: &str) {
    let from = format!("sqlite:{}", file.display());
    let output = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["store", "copy", "--from", &from, "--to", to])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Gateway {
    fn start(store: &str) -> Self {
        // The port is free now and asked for a moment later; nobody else on this machine asks for it by number.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let log = tempfile::tempdir().unwrap();
        let child = launch(store, &address, log.path());
        Self { base: format!("http://{address}"), log, child }
    }

    async fn wait_until_ready(&mut self) {
        let (since, http) = (Instant::now(), reqwest::Client::new());
        loop {
            let ready = http.get(format!("{}/readyz", self.base)).send().await;
            if ready.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            let log = || std::fs::read_to_string(self.log.path().join("log")).unwrap_or_default();
            assert!(since.elapsed() < READY, "the gateway did not become ready: {}", log());
            assert!(self.child.try_wait().unwrap().is_none(), "the gateway ended before it was ready: {}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(store: &str, address: &str, folder: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["serve", "--store", store, "--listen", address, "--base", BASE])
        .env("HANDOFF_LOG_LEVEL", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}
