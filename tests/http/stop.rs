//! How the server stops: nobody new comes in, held polls are answered at once, what runs may end.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::gateway::Gateway;

#[tokio::test]
async fn held_polls_are_answered_at_once() {
    let mut gateway = Gateway::start().await;
    let (_, cursor) = gateway.agency.poll("").await;
    let agency = gateway.agency.clone();
    let query = format!("?since={cursor}&wait=60");
    let held = tokio::spawn(async move { agency.poll(&query).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let since = Instant::now();
    gateway.ask_to_stop();
    let (records, after) = held.await.unwrap();
    assert!(records.is_empty());
    assert_eq!(after, cursor, "the cursor is good for the next start");
    gateway.stopped().await;
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    assert!(gateway.anonymous(Method::GET, "/healthz").send().await.is_err(), "the port is closed");
}

/// A request whose body is half sent.
async fn half_sent(gateway: &Gateway, body: &str) -> TcpStream {
    let address = gateway.base.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = gateway.ehr.request(Method::POST, "/fhir/$validate").build().unwrap();
    let token = request.headers()["authorization"].to_str().unwrap().to_owned();
    let head = format!(
        "POST /fhir/$validate HTTP/1.1\r\nhost: {address}\r\nauthorization: {token}\r\n\
         content-type: application/fhir+json\r\ncontent-length: {length}\r\n\r\n{}",
        &body[..length / 2]
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    connection
}

#[tokio::test]
async fn a_running_request_is_finished() {
    let mut gateway = Gateway::start().await;
    let body = json!({ "resourceType": "Task", "status": "draft", "intent": "order" }).to_string();
    let mut connection = half_sent(&gateway, &body).await;
    gateway.ask_to_stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    connection.write_all(&body.as_bytes()[body.len() / 2..]).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("OperationOutcome"), "{answer}");
    gateway.stopped().await;
}

#[tokio::test]
async fn a_request_that_never_ends_is_given_up() {
    let mut gateway = Gateway::with(|settings| settings.grace = Duration::from_millis(300)).await;
    let _connection = half_sent(&gateway, &"x".repeat(100)).await;
    let since = Instant::now();
    gateway.ask_to_stop();
    gateway.stopped().await;
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}
