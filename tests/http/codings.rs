//! Content codings: gzip, of what is sent and of what is answered, on both APIs.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::gateway::{Client, Gateway};
use crate::referral::{task_of, transaction};

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An answer as it came: status, the headers that matter, bytes.
struct Raw {
    status: u16,
    encoding: Option<String>,
    vary: Option<String>,
    tag: Option<String>,
    headers: reqwest::header::HeaderMap,
    bytes: Vec<u8>,
}

async fn send(request: RequestBuilder) -> Raw {
    let answer = request.send().await.unwrap();
    let headers = answer.headers().clone();
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let (encoding, vary, tag) = (text("content-encoding"), text("vary"), text("etag"));
    let status = answer.status().as_u16();
    Raw { status, encoding, vary, tag, headers, bytes: answer.bytes().await.unwrap().to_vec() }
}

async fn get(client: &Client, path: &str, accepts: &str) -> Raw {
    send(client.request(Method::GET, path).header("accept-encoding", accepts)).await
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
    plain
}

fn post(client: &Client, path: &str, coding: &str, body: Vec<u8>) -> RequestBuilder {
    let kind = crate::gateway::media(path);
    client.request(Method::POST, path).header("content-type", kind).header("content-encoding", coding).body(body)
}

#[tokio::test]
async fn answers_are_packed_for_whoever_asks() {
    let gateway = Gateway::start().await;
    let task = task_of(&gateway.ehr.post("/fhir", &transaction(1)).await.expect(200));
    for (client, path) in [
        (&gateway.ehr, "/fhir/Task"),
        (&gateway.ehr, "/fhir/metadata"),
        (&gateway.agency, "/agency/v1/referrals"),
        (&gateway.agency, "/agency/v1/openapi.json"),
    ] {
        let plain = get(client, path, "identity").await;
        let zipped = get(client, path, "br, gzip").await;
        assert_eq!((plain.status, zipped.status), (200, 200), "{path}");
        assert_eq!((plain.encoding.as_deref(), zipped.encoding.as_deref()), (None, Some("gzip")), "{path}");
        assert_eq!(unpacked(&zipped.bytes), plain.bytes, "{path}");
        assert!(zipped.bytes.len() < plain.bytes.len(), "{path}");
        let varies = (plain.vary.as_deref(), zipped.vary.as_deref());
        assert_eq!(varies, (Some("accept-encoding"), Some("accept-encoding")), "{path}");
        assert_eq!(plain.tag, zipped.tag, "a tag is weak, and one for both");
        assert_eq!(get(client, path, "gzip;q=0").await.encoding, None, "{path}");
    }
    // One that is not changed has nothing to unpack.
    let path = format!("/fhir/Task/{task}");
    let tag = get(&gateway.ehr, &path, "gzip").await.tag.unwrap();
    let request = gateway.ehr.request(Method::GET, &path).header("accept-encoding", "gzip");
    let same = send(request.header("if-none-match", tag)).await;
    assert_eq!((same.status, same.encoding, same.bytes.len()), (304, None, 0));
    let head = send(gateway.ehr.request(Method::HEAD, "/fhir/metadata").header("accept-encoding", "gzip")).await;
    let length: usize = head.headers["content-length"].to_str().unwrap().parse().unwrap();
    let plain = get(&gateway.ehr, "/fhir/metadata", "identity").await.bytes.len();
    assert!(head.encoding.as_deref() == Some("gzip") && length < plain, "the head is that of a GET: {length} {plain}");
}

#[tokio::test]
async fn what_is_short_is_sent_as_it_is() {
    let gateway = Gateway::start().await;
    let (_, cursor) = gateway.agency.poll("").await;
    let held = get(&gateway.agency, &format!("/agency/v1/referrals?since={cursor}&wait=1"), "gzip").await;
    assert_eq!((held.status, held.encoding), (200, None));
    assert!(serde_json::from_slice::<Value>(&held.bytes).unwrap()["records"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn packed_bodies_are_read() {
    let gateway = Gateway::start().await;
    let bundle = transaction(1).to_string();
    let sent = send(post(&gateway.ehr, "/fhir", "gzip", packed(bundle.as_bytes()))).await;
    assert_eq!(sent.status, 200, "{}", String::from_utf8_lossy(&sent.bytes));
    let (records, _) = gateway.agency.poll("").await;
    let path = format!("/agency/v1/referrals/{}/events", records[0]["id"].as_str().unwrap());
    let event = packed(json!({ "event": "accept" }).to_string().as_bytes());
    let sent = send(post(&gateway.agency, &path, "x-gzip", event)).await;
    assert_eq!(sent.status, 200, "{}", String::from_utf8_lossy(&sent.bytes));
}

#[tokio::test]
async fn a_packed_body_has_the_limits_of_any() {
    let gateway = Gateway::with(|settings| settings.limits.document.bytes = 300_000).await;
    let task = json!({ "resourceType": "Task", "status": "draft", "intent": "order" }).to_string();
    // What does not repeat itself, so that it is its size that is too large.
    let words = (0..60_000_u32).map(|number| number.wrapping_mul(2_654_435_761));
    let noise = words.map(|word| format!("{word:08x}")).collect::<Vec<_>>().concat();
    let long = format!("{task}{}", " ".repeat(200_000));
    for (path, client) in [("/fhir/$validate", &gateway.ehr), ("/agency/v1/referrals/x/events", &gateway.agency)] {
        for (what, coding, body, status, says) in [
            ("too large when unpacked", "gzip", packed(noise.as_bytes()), 413, "limit body-mb"),
            ("a bomb", "gzip", packed(long.as_bytes()), 413, "100 times its size"),
            ("cut", "gzip", packed(task.as_bytes())[..20].to_vec(), 400, "no complete gzip"),
            ("not packed", "gzip", task.clone().into_bytes(), 400, "no complete gzip"),
            ("another coding", "br", packed(task.as_bytes()), 415, "\\\"br\\\""),
            ("packed twice", "gzip, gzip", packed(&packed(task.as_bytes())), 415, "and others"),
        ] {
            let answer = send(post(client, path, coding, body)).await;
            let text = String::from_utf8_lossy(&answer.bytes);
            assert!(answer.status == status && text.contains(says), "{path}, {what}: {} {text}", answer.status);
            if status == 415 {
                assert_eq!(answer.headers["accept-encoding"], "gzip", "{path}, {what}");
            }
        }
    }
}
