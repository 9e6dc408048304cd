//! What is bounded before anything is known of a message: connections, heads, bodies, requests of a client. Of each limit
//! the most that is served and the least that is refused.

use std::time::Duration;

use handoff::app::Settings;
use handoff::limits::Limits;
use handoff::security::Role;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::{Client, Gateway, HOSPITAL, send};
use crate::referral::{sent, transaction};

/// A time that is over at once, as far as a test is concerned.
const SOON: Duration = Duration::from_millis(100);
const KILOBYTE: usize = 1024;

async fn with(change: impl FnOnce(&mut Limits)) -> Gateway {
    Gateway::with(|settings: &mut Settings| change(&mut settings.limits)).await
}

/// A connection on which the test says every byte.
struct Wire(TcpStream);

impl Wire {
    async fn open(gateway: &Gateway) -> Self {
        Self(TcpStream::connect(gateway.base.strip_prefix("http://").unwrap()).await.unwrap())
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Everything up to the end of the connection.
    async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).await.unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// One answer, which names its length.
    async fn read(&mut self) -> String {
        let mut bytes = Vec::new();
        loop {
            let mut buffer = [0; 4096];
            let count = self.0.read(&mut buffer).await.unwrap();
            assert!(count > 0, "ended after {}", String::from_utf8_lossy(&bytes));
            bytes.extend_from_slice(&buffer[..count]);
            let text = String::from_utf8_lossy(&bytes);
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.map_or(0, |length| length.parse().unwrap()) <= body.len() {
                return text.into_owned();
            }
        }
    }
}

fn token(client: &Client) -> String {
    let request = client.request(Method::GET, "/").build().unwrap();
    request.headers()["authorization"].to_str().unwrap().to_owned()
}

/// The head of a request with a body of this length.
fn head(client: &Client, path: &str, length: usize, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nauthorization: {}\r\ncontent-type: application/fhir+json\r\n\
         content-length: {length}\r\n{more}\r\n",
        token(client)
    )
}

/// A Task to be checked, as text of this length.
fn sized(length: usize) -> String {
    let text = json!({ "resourceType": "Task", "status": "draft", "intent": "order" }).to_string();
    format!("{text}{}", " ".repeat(length - text.len()))
}

fn names(answer: &str, limit: &str) -> bool {
    answer.contains(&format!("limit {limit}"))
}

// === connections ===

#[tokio::test]
async fn only_so_many_connections_are_open() {
    let gateway = with(|limits| limits.connections.total = 2).await;
    let (mut first, mut second) = (Wire::open(&gateway).await, Wire::open(&gateway).await);
    for wire in [&mut first, &mut second] {
        wire.write("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert!(wire.read().await.starts_with("HTTP/1.1 200"));
    }
    let refused = Wire::open(&gateway).await.read_to_end().await;
    assert!(refused.starts_with("HTTP/1.1 503") && names(&refused, "connections"), "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");
    assert_eq!(send(reqwest::Client::new().get(format!("{}/healthz", gateway.operations))).await.status, 200);
    drop(first);
    // The slot is free as soon as the server has seen the end.
    for attempt in 0.. {
        let mut third = Wire::open(&gateway).await;
        third.write("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
        if third.read().await.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(attempt < 100);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let gateway = with(|limits| limits.connections.of_address = 1).await;
    let mut first = Wire::open(&gateway).await;
    first.write("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert!(first.read().await.starts_with("HTTP/1.1 200"));
    let refused = Wire::open(&gateway).await.read_to_end().await;
    assert!(refused.starts_with("HTTP/1.1 429") && names(&refused, "address-connections"), "{refused}");
    first.write("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
    assert!(first.read().await.starts_with("HTTP/1.1 200"), "the first goes on");
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let gateway = with(|limits| limits.connections.idle_time = SOON).await;
    assert_eq!(Wire::open(&gateway).await.read_to_end().await, "");
    let mut wire = Wire::open(&gateway).await;
    for _ in 0..2 {
        wire.write("GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await;
        assert!(wire.read().await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(wire.read_to_end().await, "");
}

#[tokio::test]
async fn a_head_that_does_not_end_is_answered() {
    let gateway = with(|limits| limits.connections.head_time = SOON).await;
    let mut wire = Wire::open(&gateway).await;
    wire.write("GET /healthz HTTP/1.1\r\nhost: ").await;
    let answer = wire.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408") && names(&answer, "head-seconds"), "{answer}");
    let metrics = gateway.administrator.get("/metrics").await.text;
    assert!(metrics.contains("handoff_connections_refused_total{limit=\"head-seconds\"} 1\n"), "{metrics}");
    // A request that is served may take longer than its head.
    let (_, cursor) = gateway.agency.poll("").await;
    let held = gateway.agency.get(&format!("/agency/v1/referrals?since={cursor}&wait=1")).await;
    held.expect(200);
}

#[tokio::test]
async fn a_head_has_so_many_bytes_and_fields() {
    let gateway = with(|limits| {
        limits.connections.head_bytes = KILOBYTE;
        limits.connections.head_fields = 10;
    })
    .await;
    let request = |fields: usize, bytes: usize| {
        let names: String =
            (1..fields).flat_map(|number| ["x-".to_owned(), number.to_string(), ": \r\n".to_owned()]).collect();
        let text = format!("GET /healthz HTTP/1.1\r\nhost: test\r\n{names}");
        let missing = bytes.saturating_sub(text.len() + 2);
        text.replacen("host: test", &format!("host: test{}", "t".repeat(missing)), 1) + "\r\n"
    };
    let answer = async |text: String| {
        let mut wire = Wire::open(&gateway).await;
        wire.write(&text).await;
        wire.read().await
    };
    for lawful in [request(1, KILOBYTE), request(10, 0)] {
        assert!(answer(lawful.clone()).await.starts_with("HTTP/1.1 200"), "{lawful}");
    }
    for (refused, limit) in [(request(1, KILOBYTE + 1), "head-kb"), (request(11, 0), "head-fields")] {
        let answer = answer(refused).await;
        assert!(answer.starts_with("HTTP/1.1 431") && names(&answer, limit), "{answer}");
    }
    for far_more in [request(1, 10 * KILOBYTE), request(50, 0)] {
        assert!(answer(far_more).await.starts_with("HTTP/1.1 431"));
    }
}

// === bodies ===

#[tokio::test]
async fn a_body_has_so_many_bytes() {
    let gateway = with(|limits| limits.document.bytes = 50 * KILOBYTE).await;
    for (length, status) in [(50 * KILOBYTE, 200), (50 * KILOBYTE + 1, 413)] {
        let request = gateway.ehr.request(Method::POST, "/fhir/$validate").header("content-type", "application/json");
        let answer = send(request.body(sized(length))).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(names(&answer.text, "body-mb"), status == 413, "{}", answer.text);
    }
    // Of a length that is not announced.
    for (length, status) in [(50 * KILOBYTE, "200"), (50 * KILOBYTE + 1, "413")] {
        let mut wire = Wire::open(&gateway).await;
        let chunked = head(&gateway.ehr, "/fhir/$validate", 0, "transfer-encoding: chunked\r\n");
        wire.write(&chunked.replace("content-length: 0\r\n", "")).await;
        wire.write(&format!("{length:x}\r\n{}\r\n0\r\n\r\n", sized(length))).await;
        let answer = wire.read().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

/// What says that it comes in chunks, and brings none, has no body either.
#[tokio::test]
async fn a_search_by_post_with_an_empty_chunked_body_is_answered() {
    let gateway = Gateway::start().await;
    let chunked = |more: &str| {
        let head = head(&gateway.ehr, "/fhir/Task/_search?_summary=count", 0, "transfer-encoding: chunked\r\n");
        head.replace("content-length: 0\r\n", "").replace("content-type: application/fhir+json\r\n", more)
    };
    for kind in ["", "content-type: application/x-www-form-urlencoded\r\n", "content-type: application/fhir+json\r\n"] {
        let mut wire = Wire::open(&gateway).await;
        wire.write(&chunked(kind)).await;
        wire.write("0\r\n\r\n").await;
        let answer = wire.read().await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"total\":0"), "{kind}: {answer}");
        // The connection goes on behind it.
        wire.write(&chunked(kind)).await;
        wire.write("5\r\n_id=1\r\n0\r\n\r\n").await;
        let expected = if kind.contains("form") { "HTTP/1.1 200" } else { "HTTP/1.1 415" };
        let answer = wire.read().await;
        assert!(answer.starts_with(expected), "{kind}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_end_is_answered() {
    let gateway = with(|limits| limits.requests.body_time = SOON).await;
    let mut wire = Wire::open(&gateway).await;
    wire.write(&head(&gateway.ehr, "/fhir/$validate", 100, "")).await;
    wire.write("{").await;
    let answer = wire.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 408") && names(&answer, "body-seconds"), "{answer}");
}

#[tokio::test]
async fn bodies_that_are_held_are_counted_for_each_client() {
    let gateway = with(|limits| {
        // Room for two bodies of 50 KB, one of each client.
        limits.requests.held_bytes = 100 * KILOBYTE;
        limits.requests.client_waiting = 1;
        limits.requests.waiting = 2;
    })
    .await;
    let body = sized(50 * KILOBYTE);
    let (sent, rest) = body.split_at(10);
    let begin = async |client: &Client, path: &str| {
        let mut wire = Wire::open(&gateway).await;
        wire.write(&head(client, path, body.len(), "expect: 100-continue\r\n")).await;
        wire
    };
    let began = async |wire: &mut Wire| {
        let asked = wire.read().await;
        assert!(asked.starts_with("HTTP/1.1 100"), "{asked}");
        wire.write(sent).await;
    };
    let mut first = begin(&gateway.ehr, "/fhir/$validate").await;
    began(&mut first).await;
    let mut second = begin(&gateway.ehr, "/fhir/Task/$validate").await;
    waits(&gateway, 1).await;
    let refused = begin(&gateway.ehr, "/fhir/$validate").await.read().await;
    assert!(refused.starts_with("HTTP/1.1 429") && names(&refused, "client-waiting"), "{refused}");
    assert!(refused.contains("retry-after: 1"), "{refused}");

    let mut other = begin(&gateway.other_ehr, "/fhir/$validate").await;
    began(&mut other).await;
    let _third = begin(&gateway.engineer, "/fhir/$validate").await;
    waits(&gateway, 2).await;
    let refused = begin(&gateway.agency, "/fhir/$validate").await.read().await;
    assert!(refused.starts_with("HTTP/1.1 503") && names(&refused, "waiting"), "{refused}");
    gateway.ehr.get("/fhir/metadata").await.expect(200);

    first.write(rest).await;
    assert!(first.read().await.starts_with("HTTP/1.1 200"));
    began(&mut second).await;
    second.write(rest).await;
    assert!(second.read().await.starts_with("HTTP/1.1 200"), "whoever waited is served");
}

/// Waits until so many bodies wait for room.
async fn waits(gateway: &Gateway, count: usize) {
    let line = format!("handoff_requests_waiting{{work=\"body\"}} {count}\n");
    for _ in 0..500 {
        if gateway.administrator.get("/metrics").await.text.contains(&line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there are never {count} that wait");
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let gateway = with(|limits| {
        limits.requests.held_bytes = 100 * KILOBYTE;
        limits.requests.waiting_time = SOON;
    })
    .await;
    let body = sized(50 * KILOBYTE);
    let mut first = Wire::open(&gateway).await;
    first.write(&head(&gateway.ehr, "/fhir/$validate", body.len(), "expect: 100-continue\r\n")).await;
    assert!(first.read().await.starts_with("HTTP/1.1 100"));
    let mut second = Wire::open(&gateway).await;
    second.write(&head(&gateway.ehr, "/fhir/$validate", body.len(), "")).await;
    let answer = second.read().await;
    assert!(answer.starts_with("HTTP/1.1 503") && names(&answer, "waiting-seconds"), "{answer}");
}

// === rights before work ===

#[tokio::test]
async fn nothing_is_read_of_whom_has_no_right() {
    let gateway = Gateway::start().await;
    let expect = "expect: 100-continue\r\n";
    let far_too_long = 1024 * 1024 * 1024;
    for (client, path, length, status) in [
        (&gateway.auditor, "/fhir", 10, "403"),
        (&gateway.ehr, "/agency/v1/sheets/supportive-housing", 10, "403"),
        (&gateway.ehr, "/fhir", far_too_long, "413"),
        (&gateway.agency, "/agency/v1/sheets/supportive-housing", 10, "415"),
    ] {
        let mut wire = Wire::open(&gateway).await;
        wire.write(&head(client, path, length, expect)).await;
        let answer = wire.read_to_end().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
    let mut wire = Wire::open(&gateway).await;
    let nobody = head(&gateway.ehr, "/fhir", 10, expect).replace(&token(&gateway.ehr), "Bearer nobody");
    wire.write(&nobody).await;
    assert!(wire.read_to_end().await.starts_with("HTTP/1.1 401"));

    let mut wire = Wire::open(&gateway).await;
    let body = sized(100);
    wire.write(&head(&gateway.engineer, "/fhir/$validate", body.len(), expect)).await;
    assert!(wire.read().await.starts_with("HTTP/1.1 100"), "whoever may send it is asked to");
    wire.write(&body).await;
    assert!(wire.read().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_sends_before_it_listens_hears_the_answer() {
    let gateway = Gateway::start().await;
    let body = "x".repeat(20 * 1024 * KILOBYTE);
    for (client, status) in [(&gateway.auditor, 403), (&gateway.ehr, 413)] {
        let request = client.request(Method::POST, "/fhir").header("content-type", "application/fhir+json");
        let answer = send(request.body(body.clone())).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
}

// === requests of a client ===

#[tokio::test]
async fn a_client_has_so_many_requests_at_a_time() {
    let gateway = with(|limits| limits.requests.of_client = 2).await;
    let (_, cursor) = gateway.agency.poll("").await;
    let mut held = Vec::new();
    for number in 1..=2 {
        let (agency, query) = (gateway.agency.clone(), format!("?since={cursor}&wait=60"));
        held.push(tokio::spawn(async move { agency.poll(&query).await }));
        let line = format!("handoff_polls_held {number}\n");
        while !gateway.administrator.get("/metrics").await.text.contains(&line) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let refused = gateway.agency.get("/agency/v1/programs").await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{}", refused.text);
    assert_eq!(refused.rules(), ["too-many-requests"]);
    assert!(names(&refused.text, "client-requests"), "{}", refused.text);
    gateway.other_agency.get("/agency/v1/programs").await.expect(200);
    held.pop().unwrap().abort();
    for attempt in 0.. {
        if gateway.agency.get("/agency/v1/programs").await.status == 200 {
            break;
        }
        assert!(attempt < 100, "a request that is given up is at an end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_client_has_so_many_requests_a_minute() {
    let gateway = with(|limits| limits.requests.client_minute = 3).await;
    for _ in 0..3 {
        gateway.ehr.get("/fhir/Task/nobody").await.expect(404);
    }
    let refused = gateway.ehr.get("/fhir/Task/nobody").await;
    let outcome: Value = refused.expect(429);
    assert_eq!(outcome["resourceType"], "OperationOutcome");
    assert_eq!(outcome["issue"][0]["code"], "throttled");
    assert!(names(&refused.text, "client-minute"), "{}", refused.text);
    let after: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&after), "{after}");
    gateway.other_ehr.get("/fhir/Task/nobody").await.expect(404);
    let metrics = send(reqwest::Client::new().get(format!("{}/metrics", gateway.operations))).await.text;
    assert!(metrics.contains("handoff_refusals_total{rule=\"too-many-requests\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn an_address_tries_so_many_tokens() {
    let gateway = with(|limits| limits.requests.wrong_tokens_minute = 2).await;
    let attempt = || send(gateway.anonymous(Method::GET, "/fhir/Task/nobody").bearer_auth("handoff_0000_0000"));
    for _ in 0..2 {
        attempt().await.expect(401);
    }
    let refused = attempt().await;
    assert_eq!(refused.status, 429, "{}", refused.text);
    assert!(names(&refused.text, "wrong-tokens-minute"), "{}", refused.text);
    gateway.ehr.get("/fhir/Task/nobody").await.expect(404);
}

// === work ===

#[tokio::test]
async fn a_search_takes_so_many_steps() {
    // What few steps are is held by the store's own test. The longest read of a referral on its way in takes a thousand.
    let gateway = with(|limits| limits.content.search_steps = 2_000).await;
    let mut task = String::new();
    for number in 0..120 {
        task = sent(&gateway, number).await;
    }
    gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    let wide = gateway.ehr.get("/fhir/Task?_count=1000&_include=Task:focus&_include=Task:patient").await;
    assert_eq!(wide.status, 422, "{}", wide.text);
    assert_eq!(wide.rules(), ["search-costly"]);
    assert!(names(&wide.text, "search-steps"), "{}", wide.text);
    gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
}

#[tokio::test]
async fn every_kind_of_work_is_done_with_one_place_for_each() {
    let gateway = with(|limits| {
        (limits.requests.long, limits.requests.lists, limits.requests.writes) = (1, 1, 1);
    })
    .await;
    let client = gateway.add_client(Role::Ehr, HOSPITAL).await;
    let mut running = tokio::task::JoinSet::new();
    for number in 0..24 {
        let client = client.clone();
        running.spawn(async move {
            let large = json!({ "resourceType": "Basic", "code": { "text": "x".repeat(40 * KILOBYTE) } });
            let status = match number % 4 {
                0 => client.post("/fhir/$validate", &large).await.status,
                1 => client.get("/fhir/Task?_count=5").await.status,
                2 => client.post("/fhir", &transaction(number)).await.status,
                _ => client.get("/fhir/Task/nobody").await.status,
            };
            (number % 4, status)
        });
    }
    while let Some(done) = running.join_next().await {
        let (kind, status) = done.unwrap();
        assert_eq!(status, if kind == 3 { 404 } else { 200 }, "{kind}");
    }
}
