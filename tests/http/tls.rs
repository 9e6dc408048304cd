//! TLS: who is served over it, with which certificate, and what becomes of everybody else.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use handoff::app::TlsFiles;
use handoff::limits::Limits;
use handoff::security::{Fingerprint, Role};
use handoff::store::ClientRow;
use reqwest::{Certificate, Identity, Method};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::certificates::{Authority, Issued};
use crate::gateway::{AGENCY, Client, Gateway};

/// A gateway that speaks TLS, and who is believed by whom.
pub struct Encrypted {
    pub gateway: Gateway,
    pub authority: Authority,
    /// Who makes certificates of clients
    pub clients: Authority,
    folder: TempDir,
}

impl Encrypted {
    pub async fn start(asks_clients: bool, change: impl FnOnce(&mut Limits)) -> Self {
        let (authority, clients) = (Authority::new("Harbor Authority"), Authority::new("Harbor Client Authority"));
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = authority.server(&["localhost", "127.0.0.1"]).write(folder.path(), "server");
        std::fs::write(folder.path().join("clients.pem"), &clients.pem).unwrap();
        let client_ca = asks_clients.then(|| folder.path().join("clients.pem"));
        let gateway = Gateway::with(|settings| {
            settings.tls = Some(TlsFiles { certificate, key, client_ca });
            change(&mut settings.limits);
        })
        .await;
        Self { gateway, authority, clients, folder }
    }

    pub fn address(&self) -> &str {
        self.gateway.base.strip_prefix("http://").unwrap()
    }

    pub fn port(&self) -> u16 {
        self.address().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port())
    }

    /// A client that believes the gateway's authority, and shows this certificate.
    fn http(&self, shown: Option<&Issued>) -> reqwest::Client {
        let builder =
            reqwest::Client::builder().tls_certs_only([Certificate::from_pem(self.authority.pem.as_bytes()).unwrap()]);
        let builder = match shown {
            Some(issued) => {
                let pem = format!("{}{}", issued.certificate, issued.key);
                builder.identity(Identity::from_pem(pem.as_bytes()).unwrap())
            }
            None => builder,
        };
        builder.build().unwrap()
    }

    /// Asks for the events that there are, as this client.
    async fn ask(&self, http: &reqwest::Client, client: &Client) -> reqwest::Result<(u16, Value)> {
        let request = http.get(self.url("/agency/v1/events")).header("authorization", client.bearer());
        let response = request.send().await?;
        Ok((response.status().as_u16(), response.json().await?))
    }

    /// A client whose token is bound to these certificates.
    async fn bound(&self, certificates: &[&Issued]) -> Client {
        let (client, row) = self.gateway.new_client(Role::Agency, AGENCY);
        let certificates = certificates.iter().map(|issued| fingerprint(issued).to_string()).collect();
        self.gateway.store.put_client(ClientRow { certificates, ..row }).await.unwrap();
        client
    }

    /// A connection on which both sides have agreed on one of these protocols.
    pub async fn connect(&self, protocols: &[&[u8]]) -> tokio_rustls::client::TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).unwrap()).unwrap();
        let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let stream = TcpStream::connect(self.address()).await.unwrap();
        let host = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(host, stream).await.unwrap()
    }

    /// The certificate that is shown now.
    async fn shown(&self) -> Vec<u8> {
        let stream = self.connect(&[]).await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    async fn read_operations(&self, path: &str) -> String {
        reqwest::get(format!("{}{path}", self.gateway.operations)).await.unwrap().text().await.unwrap()
    }
}

fn der(issued: &Issued) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()
}

fn fingerprint(issued: &Issued) -> Fingerprint {
    Fingerprint::of(&der(issued))
}

/// The text of a problem document.
fn detail((status, problem): &(u16, Value)) -> (u16, &str) {
    (*status, problem["detail"].as_str().unwrap_or_default())
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..300 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it has not happened within 15 seconds");
}

// === who is served ===

#[tokio::test]
async fn whoever_believes_the_certificate_is_served() {
    let served = Encrypted::start(false, |_| {}).await;
    let http = served.http(None);
    assert_eq!(served.ask(&http, &served.gateway.agency).await.unwrap().0, 200);
    let found = http.get(served.url("/fhir/Task")).header("authorization", served.gateway.ehr.bearer()).send().await;
    let found: Value = found.unwrap().json().await.unwrap();
    let link = found["link"][0]["url"].as_str().unwrap();
    assert!(link.starts_with(&served.url("/fhir/Task")), "what is told of addresses is what was asked: {link}");

    let other = Authority::new("Harbor Authority");
    let stranger = reqwest::Client::builder().tls_certs_only([Certificate::from_pem(other.pem.as_bytes()).unwrap()]);
    let error = served.ask(&stranger.build().unwrap(), &served.gateway.agency).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    let metrics = served.read_operations("/metrics").await;
    assert!(metrics.contains("handoff_tls_handshakes_total{outcome=\"failed\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn plain_http_is_told_to_come_over_tls() {
    let served = Encrypted::start(false, |_| {}).await;
    let plain = served.gateway.anonymous(Method::GET, "/healthz").send().await.unwrap();
    assert_eq!(plain.status(), 400);
    let problem: Value = plain.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("https://"), "{problem}");
}

#[tokio::test]
async fn a_bound_client_needs_its_certificate() {
    let served = Encrypted::start(true, |_| {}).await;
    let (old, new, another) = (
        served.clients.client("desk.example"),
        served.clients.client("desk.example"),
        served.clients.client("x.example"),
    );
    let bound = served.bound(&[&old, &new]).await;
    for right in [&old, &new] {
        assert_eq!(served.ask(&served.http(Some(right)), &bound).await.unwrap().0, 200);
    }
    let answer = served.ask(&served.http(Some(&another)), &bound).await.unwrap();
    assert_eq!(detail(&answer), (401, "the token is bound to a certificate, and the connection shows another one"));
    let answer = served.ask(&served.http(None), &bound).await.unwrap();
    assert_eq!(detail(&answer), (401, "the token is bound to a certificate, and the connection shows none"));
    // Whoever is bound to none needs none; a certificate alone is no token.
    assert_eq!(served.ask(&served.http(None), &served.gateway.agency).await.unwrap().0, 200);
    assert_eq!(served.ask(&served.http(Some(&old)), &served.gateway.agency).await.unwrap().0, 200);
    let nobody = served.http(Some(&old)).get(served.url("/agency/v1/events")).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn a_certificate_of_nobody_who_is_believed_is_refused_in_the_handshake() {
    let served = Encrypted::start(true, |_| {}).await;
    let forged = Authority::new("Harbor Client Authority").client("desk.example");
    // One that is for servers is not for clients, whoever made it.
    let of_a_server = served.clients.server(&["desk.example"]);
    let bound = served.bound(&[&forged, &of_a_server]).await;
    for wrong in [&forged, &of_a_server] {
        assert!(served.ask(&served.http(Some(wrong)), &bound).await.is_err());
    }
    let metrics = served.read_operations("/metrics").await;
    assert!(metrics.contains("handoff_tls_handshakes_total{outcome=\"failed\"} 2\n"), "{metrics}");
}

#[tokio::test]
async fn a_bound_client_is_not_served_where_nobody_is_asked_for_a_certificate() {
    let served = Encrypted::start(false, |_| {}).await;
    let certificate = served.clients.client("desk.example");
    let bound = served.bound(&[&certificate]).await;
    let answer = served.ask(&served.http(Some(&certificate)), &bound).await.unwrap();
    assert_eq!(detail(&answer).0, 401);
    // Nor in plain HTTP, nor on what a client says of itself.
    let plain = Gateway::start().await;
    let (client, row) = plain.new_client(Role::Agency, AGENCY);
    let row = ClientRow { certificates: vec![fingerprint(&certificate).to_string()], ..row };
    plain.store.put_client(row).await.unwrap();
    let request = client.request(Method::GET, "/agency/v1/events");
    let asked = request.header("x-client-cert", "desk.example").header("client-cert", ":AAAA:").send().await.unwrap();
    assert_eq!(asked.status(), 401);
}

#[tokio::test]
async fn a_poll_that_is_held_ends_when_its_client_is_bound_to_another_certificate() {
    let served = Encrypted::start(true, |_| {}).await;
    let (old, new) = (served.clients.client("desk.example"), served.clients.client("desk.example"));
    let (client, row) = served.gateway.new_client(Role::Agency, AGENCY);
    let row = ClientRow { certificates: vec![fingerprint(&old).to_string()], ..row };
    served.gateway.store.put_client(row.clone()).await.unwrap();
    let http = served.http(Some(&old));
    let ask = |query: &str| {
        http.get(served.url(&format!("/agency/v1/referrals{query}"))).header("authorization", client.bearer())
    };
    let first: Value = ask("").send().await.unwrap().json().await.unwrap();
    let held = tokio::spawn(ask(&format!("?wait=60&since={}", first["cursor"].as_str().unwrap())).send());
    eventually(async || served.read_operations("/metrics").await.contains("handoff_polls_held 1\n")).await;
    let row = ClientRow { certificates: vec![fingerprint(&new).to_string()], ..row };
    served.gateway.store.put_client(row).await.unwrap();
    assert_eq!(held.await.unwrap().unwrap().status(), 401);
}

// === files that change ===

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_replaced_under_load_and_nobody_notices() {
    let served = Arc::new(Encrypted::start(false, |_| {}).await);
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let senders: Vec<_> = (0..4)
        .map(|number| {
            let (served, stop, asked) = (served.clone(), stop.clone(), asked.clone());
            tokio::spawn(async move {
                let kept = served.http(None);
                while !stop.load(Ordering::Relaxed) {
                    // Two keep their connection, two make a new one each time.
                    let fresh = (number % 2 == 0).then(|| served.http(None));
                    let answer = served.ask(fresh.as_ref().unwrap_or(&kept), &served.gateway.agency).await;
                    assert_eq!(answer.unwrap().0, 200);
                    asked.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        })
        .collect();
    let folder = served.folder.path();
    let first = served.shown().await;

    let second = served.authority.server(&["localhost"]);
    second.write(folder, "server");
    eventually(async || served.shown().await == *der(&second)).await;
    assert_ne!(first, *der(&second));

    // A key that is another certificate's: the one before is used on, and operators are told.
    let third = served.authority.server(&["localhost"]);
    std::fs::write(folder.join("server.pem"), &third.certificate).unwrap();
    let not_reloaded = async || served.read_operations("/readyz").await.contains("notReloaded");
    eventually(not_reloaded).await;
    let state = served.read_operations("/readyz").await;
    assert!(state.contains("server.key") && state.contains("not the key of the first certificate"), "{state}");
    assert!(served.read_operations("/metrics").await.contains("handoff_tls_not_reloaded 1\n"));
    assert_eq!(served.shown().await, *der(&second));
    std::fs::write(folder.join("server.key"), &third.key).unwrap();
    eventually(async || served.shown().await == *der(&third)).await;
    let metrics = served.read_operations("/metrics").await;
    assert!(metrics.contains("handoff_tls_not_reloaded 0\n"), "{metrics}");
    assert!(metrics.contains("handoff_tls_certificate_expires_timestamp_seconds 32472144000\n"), "{metrics}");

    let before = asked.load(Ordering::Relaxed);
    eventually(async || asked.load(Ordering::Relaxed) > before + 8).await;
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
}

// === limits ===

#[tokio::test]
async fn a_handshake_that_does_not_end_leaves_its_place() {
    let served = Encrypted::start(false, |limits| {
        limits.connections.total = 2;
        limits.connections.head_time = Duration::from_millis(300);
    })
    .await;
    let mut silent = TcpStream::connect(served.address()).await.unwrap();
    let mut halting = TcpStream::connect(served.address()).await.unwrap();
    // The head of a ClientHello that never goes on.
    halting.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    for stream in [&mut silent, &mut halting] {
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    }
    let http = served.http(None);
    eventually(async || served.ask(&http, &served.gateway.agency).await.is_ok_and(|(status, _)| status == 200)).await;
    let metrics = served.read_operations("/metrics").await;
    assert!(metrics.contains("handoff_connections_refused_total{limit=\"head-seconds\"} 2\n"), "{metrics}");
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_over_tls() {
    let served = Encrypted::start(false, |limits| limits.connections.total = 1).await;
    let mut first = served.connect(&[b"http/1.1"]).await;
    first.write_all(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    assert!(first.read(&mut [0; 1024]).await.unwrap() > 0);
    let refused = served.http(None).get(served.url("/healthz")).send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.text().await.unwrap().contains("limit connections"));
}

#[tokio::test]
async fn a_head_that_trickles_over_tls_is_ended() {
    let served = Encrypted::start(false, |limits| limits.connections.head_time = Duration::from_millis(300)).await;
    let mut stream = served.connect(&[b"http/1.1"]).await;
    stream.write_all(b"GET /healthz HT").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("limit head-seconds"), "{answer}");
}

// === as people try it ===

/// What `curl` prints and how it exits.
fn curl(arguments: &[&str]) -> (i32, String) {
    let output = Command::new("curl").args(["-sS", "--max-time", "20"]).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_is_served_with_the_right_certificates_alone() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: curl is needed");
        return;
    }
    let served = Encrypted::start(true, |_| {}).await;
    let path = |name: &str| served.folder.path().join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| std::fs::write(Path::new(&path(name)), text).unwrap();
    write("ca.pem", &served.authority.pem);
    write("other-ca.pem", &Authority::new("Somebody Else").pem);
    let right = served.clients.client("desk.example");
    right.write(served.folder.path(), "right");
    served.clients.client("other.example").write(served.folder.path(), "other");
    Authority::new("Somebody Else").client("desk.example").write(served.folder.path(), "wrong");
    let bound = served.bound(&[&right]).await;
    let url = served.url("/agency/v1/events");
    let header = format!("authorization: {}", bound.bearer());
    let ask = |ca: &str, shown: Option<&str>, more: &[&str]| {
        let (ca, header) = (path(ca), header.clone());
        let mut all = vec!["--cacert", &ca, "-H", &header, "-w", "%{http_code} %{http_version}", "-o", "/dev/null"];
        let (certificate, key) =
            shown.map(|name| (path(&format!("{name}.pem")), path(&format!("{name}.key")))).unwrap_or_default();
        if shown.is_some() {
            all.extend(["--cert", &certificate, "--key", &key]);
        }
        all.extend(more);
        all.push(&url);
        curl(&all)
    };
    assert_eq!(ask("ca.pem", Some("right"), &["--http1.1"]), (0, "200 1.1".to_owned()));
    assert_eq!(ask("ca.pem", Some("right"), &["--http2"]), (0, "200 2".to_owned()));
    assert_eq!(ask("ca.pem", Some("other"), &["--http1.1"]), (0, "401 1.1".to_owned()));
    assert_eq!(ask("ca.pem", None, &["--http1.1"]), (0, "401 1.1".to_owned()));
    let (code, said) = ask("other-ca.pem", Some("right"), &[]);
    assert!(code == 60, "curl does not believe the gateway: {code} {said}");
    let (code, said) = ask("ca.pem", Some("wrong"), &[]);
    assert!(code != 0 && said.contains("alert unknown ca"), "the gateway does not believe curl: {code} {said}");
}
