//! HTTP/2: the same answers as over HTTP/1.1, under the same limits.

use std::future::poll_fn;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, Response};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::gateway::Client;
use crate::tls::Encrypted;

/// One connection.
struct Http2 {
    requests: SendRequest<Bytes>,
    ended: JoinHandle<Result<(), h2::Error>>,
    base: String,
}

impl Http2 {
    async fn open(served: &Encrypted) -> Self {
        Self::with(served, &h2::client::Builder::new()).await
    }

    async fn with(served: &Encrypted, builder: &h2::client::Builder) -> Self {
        let stream = served.connect(&[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        Self { requests, ended: tokio::spawn(connection), base: format!("https://localhost:{}", served.port()) }
    }

    async fn send(&mut self, client: &Client, method: Method, path: &str, body: &str) -> ResponseFuture {
        poll_fn(|context| self.requests.poll_ready(context)).await.unwrap();
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        let request = request.header("authorization", client.bearer()).header("content-type", "application/fhir+json");
        let is_empty = body.is_empty();
        let (answer, mut stream) = self.requests.send_request(request.body(()).unwrap(), is_empty).unwrap();
        if !is_empty {
            stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true).unwrap();
        }
        answer
    }

    async fn get(&mut self, client: &Client, path: &str) -> (u16, String) {
        read(self.send(client, Method::GET, path, "").await.await.unwrap()).await
    }

    /// How the connection ended.
    async fn end(self) -> Result<(), h2::Error> {
        tokio::time::timeout(Duration::from_secs(20), self.ended).await.unwrap().unwrap()
    }
}

async fn read(answer: Response<RecvStream>) -> (u16, String) {
    let (head, mut body) = answer.into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    (head.status.as_u16(), String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let served = Encrypted::start(false, |_| {}).await;
    let (ehr, agency) = (&served.gateway.ehr, &served.gateway.agency);
    let mut http2 = Http2::open(&served).await;
    let (status, first) = http2.get(agency, "/agency/v1/referrals").await;
    assert_eq!(status, 200, "{first}");
    let cursor = serde_json::from_str::<Value>(&first).unwrap()["cursor"].as_str().unwrap().to_owned();
    // One that is held keeps nobody waiting.
    let held = http2.send(agency, Method::GET, &format!("/agency/v1/referrals?wait=60&since={cursor}"), "").await;
    let (status, found) = http2.get(ehr, "/fhir/Task").await;
    assert!(status == 200 && found.contains(&format!("{}/fhir/Task", http2.base)), "{status} {found}");
    let task = json!({ "resourceType": "Task", "status": "draft", "intent": "order" }).to_string();
    let checked = read(http2.send(ehr, Method::POST, "/fhir/$validate", &task).await.await.unwrap()).await;
    assert!(checked.0 == 200 && checked.1.contains("OperationOutcome"), "{checked:?}");
    let (status, refused) = http2.get(&served.gateway.engineer, "/agency/v1/referrals").await;
    assert!(status == 403 && refused.contains("urn:handoff:problem"), "{refused}");
    // Each ends with an answer when the server stops.
    let mut gateway = served.gateway;
    gateway.ask_to_stop();
    let (status, held) = read(held.await.unwrap()).await;
    assert!(status == 200 && held.contains("\"records\":[]"), "{status} {held}");
    gateway.stopped().await;
    assert!(http2.end().await.is_ok());
}

#[tokio::test]
async fn heads_and_bodies_have_their_limits() {
    let served = Encrypted::start(false, |limits| {
        limits.connections.head_bytes = 2048;
        limits.document.bytes = 100_000;
    })
    .await;
    let ehr = &served.gateway.ehr;
    let mut http2 = Http2::open(&served).await;
    let (status, refused) = http2.get(ehr, &format!("/fhir/Task?identifier={}", "x".repeat(2048))).await;
    assert!(status == 431 && refused.contains("limit head-kb"), "{status} {refused}");
    let answer = http2.send(ehr, Method::POST, "/fhir/$validate", &" ".repeat(100_001)).await.await.unwrap();
    let (status, refused) = read(answer).await;
    assert!(status == 413 && refused.contains("limit body-mb"), "{status} {refused}");
    assert_eq!(http2.get(ehr, "/fhir/Task").await.0, 200, "the connection goes on");
}

#[tokio::test]
async fn a_connection_on_which_nothing_is_asked_is_ended_whatever_comes_over_it() {
    let served = Encrypted::start(false, |limits| limits.connections.idle_time = Duration::from_millis(400)).await;
    let stream = served.connect(&[b"h2"]).await;
    let (mut requests, mut connection) = h2::client::handshake(stream).await.unwrap();
    let mut pings = connection.ping_pong().unwrap();
    let ended = tokio::spawn(connection);
    let request = Request::get("https://localhost/healthz").body(()).unwrap();
    let (answer, _) = requests.send_request(request, true).unwrap();
    assert_eq!(read(answer.await.unwrap()).await.0, 200);
    let pinging = tokio::spawn(async move {
        // Pings keep nothing open; they fail once the connection is gone.
        while pings.ping(h2::Ping::opaque()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    tokio::time::timeout(Duration::from_secs(20), pinging).await.unwrap().unwrap();
    drop(requests);
    assert!(ended.await.unwrap().is_ok(), "it is told, not torn down");
}

#[tokio::test]
async fn answers_that_nobody_takes_end_the_connection() {
    let served = Encrypted::start(false, |limits| limits.connections.answer_time = Duration::from_millis(300)).await;
    let mut builder = h2::client::Builder::new();
    // Not a byte of an answer may be sent.
    let mut http2 = Http2::with(&served, builder.initial_window_size(0)).await;
    let answer = http2.send(&served.gateway.ehr, Method::GET, "/fhir/metadata", "").await.await.unwrap();
    assert_eq!(answer.status(), 200);
    // Whatever the end is called, it comes.
    let _ = http2.end().await;
    let metrics = reqwest::get(format!("{}/metrics", served.gateway.operations)).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("handoff_connections_refused_total{limit=\"answer-seconds\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn requests_that_are_reset_in_quick_succession_end_the_connection() {
    const MANY: u32 = 100_000;
    let served = Encrypted::start(false, |_| {}).await;
    let mut http2 = Http2::open(&served).await;
    let cursor = http2.get(&served.gateway.agency, "/agency/v1/referrals").await.1;
    let cursor = serde_json::from_str::<Value>(&cursor).unwrap()["cursor"].as_str().unwrap().to_owned();
    let mut sent = 0;
    let path = format!("{}/agency/v1/referrals?wait=60&since={cursor}", http2.base);
    while sent < MANY {
        let ready = poll_fn(|context| http2.requests.poll_ready(context)).await;
        let request = Request::get(path.as_str()).header("authorization", served.gateway.agency.bearer());
        let Ok((_, mut stream)) = ready.and_then(|()| http2.requests.send_request(request.body(()).unwrap(), true))
        else {
            break;
        };
        stream.send_reset(Reason::CANCEL);
        sent += 1;
        if sent % 1000 == 0 {
            tokio::task::yield_now().await;
        }
    }
    // It may be gone before it can be read why.
    let ended = http2.end().await;
    assert!(sent < MANY && ended.is_err(), "{ended:?} after {sent} requests");
}
