//! What the gateway remembers of what is asked of it, read as an auditor reads it.

use std::time::Duration;

use handoff::referral::plan::{AuditEntry, AuditOutcome};
use handoff::security::Role;
use handoff::store::{AuditQuery, audit_verify};
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{AGENCY, Answer, Client, Gateway, HOSPITAL, NOW, send};
use crate::referral::{FAMILY, GIVEN, sent, transaction};

/// The AuditEvents that match, newest first.
async fn events(gateway: &Gateway, query: &str) -> Vec<Value> {
    let bundle = gateway.auditor.get(&format!("/fhir/AuditEvent?_count=200&{query}")).await.expect(200);
    assert_eq!(bundle["type"], "searchset");
    bundle["entry"].as_array().into_iter().flatten().map(|entry| entry["resource"].clone()).collect()
}

/// What happened, in our words: the last coding of the subtype.
fn action(event: &Value) -> &str {
    event["subtype"].as_array().unwrap().last().unwrap()["code"].as_str().unwrap()
}

fn entities(event: &Value) -> Vec<&str> {
    let references = event["entity"].as_array().into_iter().flatten();
    references.filter_map(|entity| entity["what"]["reference"].as_str()).collect()
}

/// The one event of the request that was answered so.
async fn event_of(gateway: &Gateway, answer: &Answer) -> Value {
    let request = answer.header("x-request-id");
    let mut found: Vec<Value> = events(gateway, "").await.into_iter().filter(|event| is_of(event, request)).collect();
    assert_eq!(found.len(), 1, "{request} {found:#?}");
    found.remove(0)
}

fn is_of(event: &Value, request: &str) -> bool {
    let entities = event["entity"].as_array().into_iter().flatten();
    { entities }.any(|entity| {
        let named = &entity["what"]["identifier"];
        named["system"] == "urn:handoff:request" && named["value"] == request
    })
}

fn patient(answer: &Value) -> String {
    answer["for"]["reference"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_read_of_people_is_remembered() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let (ehr, agency) = (&gateway.ehr, &gateway.agency);
    let patient = patient(&ehr.get(&format!("/fhir/Task/{task}")).await.expect(200));
    let reference = format!("Task/{task}");
    for (client, path, expected, about) in [
        (ehr, format!("/fhir/{reference}"), "read", Some(&reference)),
        (agency, format!("/fhir/{patient}"), "read", Some(&patient)),
        (ehr, format!("/fhir/{reference}/_history/1"), "vread", Some(&reference)),
        (ehr, format!("/fhir/{reference}/_history"), "history", Some(&reference)),
        (ehr, format!("/fhir/Patient?family={FAMILY}"), "search", Some(&patient)),
        (agency, format!("/fhir/Task?_id={task}&_include=Task:patient"), "search", Some(&patient)),
        (agency, "/agency/v1/referrals".to_owned(), "poll", Some(&reference)),
        (agency, format!("/agency/v1/referrals/{task}"), "record", Some(&reference)),
        (agency, format!("/agency/v1/referrals/{task}/explanation"), "explanation", Some(&reference)),
        (agency, format!("/agency/v1/referrals/{task}/eligibility"), "eligibility", Some(&reference)),
        (agency, format!("/agency/v1/referrals/{task}/status"), "status", Some(&reference)),
    ] {
        let answer = client.get(&path).await;
        assert_eq!(answer.status, 200, "{path} {}", answer.text);
        let event = event_of(&gateway, &answer).await;
        assert_eq!((action(&event), event["outcome"].as_str()), (expected, Some("0")), "{path}");
        assert!(about.is_none_or(|about| entities(&event).contains(&about.as_str())), "{path} {event:#}");
        assert_eq!(event["agent"][0]["who"]["identifier"]["value"], client.id.as_str());
        assert_eq!(event["recorded"], NOW.replace('Z', ".000Z"));
    }
    // The same by POST, and as an entry of a batch and of a transaction.
    let search = gateway.ehr.request(Method::POST, "/fhir/Patient/_search");
    let form = search.header("content-type", "application/x-www-form-urlencoded").body(format!("family={FAMILY}"));
    assert_eq!(action(&event_of(&gateway, &send(form).await).await), "search");
    for kind in ["batch", "transaction"] {
        let entry = json!([{ "request": { "method": "GET", "url": reference } }]);
        let answer = ehr.post("/fhir", &json!({ "resourceType": "Bundle", "type": kind, "entry": entry })).await;
        assert_eq!(entities(&event_of(&gateway, &answer).await), [reference.as_str()], "{kind} {}", answer.text);
    }
    // What is about nobody, or finds nobody, is nobody's business.
    let before = events(&gateway, "").await.len();
    ehr.get("/fhir/Organization").await.expect(200);
    ehr.get("/fhir/Patient?family=Nobody").await.expect(200);
    ehr.get("/fhir/metadata").await.expect(200);
    let left: Vec<Value> = events(&gateway, "").await.into_iter().filter(|event| action(event) != "audit").collect();
    assert!(left.len() <= before, "{:?}", left.iter().map(action).collect::<Vec<_>>());
}

/// There is no way to read a record by writing it: what changes nothing is remembered as a read.
#[tokio::test]
async fn a_write_that_changes_nothing_is_a_read() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let (path, agency) = (format!("/agency/v1/referrals/{task}"), &gateway.agency);
    let record = agency.get(&path).await.expect(200);
    let unchanged = send(agency.with_body(Method::PUT, &path, &record)).await;
    unchanged.expect(200);
    assert_eq!(action(&event_of(&gateway, &unchanged).await), "record");
    let accept = || {
        let events = agency.with_body(Method::POST, &format!("{path}/events"), &json!({ "event": "accept" }));
        send(events.header("idempotency-key", "once"))
    };
    let (first, again) = (accept().await, accept().await);
    assert_eq!((first.status, again.status), (200, 200), "{}", again.text);
    assert_eq!(action(&event_of(&gateway, &first).await), "moved");
    assert_eq!(action(&event_of(&gateway, &again).await), "record");
    // A create that finds what is there, and a sheet that is only checked.
    let search = "identifier=urn:test:person|1";
    let person = json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:test:person", "value": "1" }] });
    let create = gateway.ehr.with_body(Method::POST, "/fhir/Patient", &person).header("if-none-exist", search);
    let found = send(create).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let event = event_of(&gateway, &found).await;
    assert!(action(&event) == "search" && entities(&event)[0].starts_with("Patient/"), "{event:#}");
    let sheet = send(agency.request(Method::GET, "/agency/v1/referrals").header("accept", "text/csv")).await.text;
    let check = agency.request(Method::POST, "/agency/v1/sheets/community-action?check=true");
    let checked = send(check.header("content-type", "text/csv").body(sheet)).await;
    assert_eq!(checked.status, 200, "{}", checked.text);
    let event = event_of(&gateway, &checked).await;
    assert_eq!((action(&event), entities(&event)), ("sheet", vec![format!("Task/{task}").as_str()]));
}

#[tokio::test]
async fn what_a_commit_reads_is_remembered() {
    let gateway = Gateway::start().await;
    let mut bundle = transaction(1);
    bundle["entry"].as_array_mut().unwrap().push(json!({ "request": { "method": "GET", "url": "Patient?_count=5" } }));
    let answer = gateway.ehr.post("/fhir", &bundle).await;
    answer.expect(200);
    let request = answer.header("x-request-id");
    let found = events(&gateway, "subtype=search").await;
    let found: Vec<&Value> = found.iter().filter(|event| is_of(event, request)).collect();
    assert_eq!(found.len(), 1);
    assert!(entities(found[0])[0].starts_with("Patient/"));
}

#[tokio::test]
async fn what_is_refused_is_remembered_once_and_without_what_was_asked_for() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let (stranger, reference) = (&gateway.other_agency, format!("Task/{task}"));
    let with = async |client: &Client, method, path: &str, body: &str, kind: &str| {
        send(client.request(method, path).header("content-type", kind).body(body.to_owned())).await
    };
    let json = "application/json";
    let fhir = "application/fhir+json";
    for (answer, status, expected, about) in [
        (stranger.get(&format!("/fhir/{reference}")).await, 404, "read", Some(&reference)),
        (stranger.get(&format!("/fhir/{reference}/_history")).await, 404, "history", Some(&reference)),
        (stranger.get(&format!("/agency/v1/referrals/{task}")).await, 404, "record", Some(&reference)),
        (stranger.get(&format!("/fhir/Patient/{FAMILY}")).await, 404, "read", None),
        (gateway.auditor.get(&format!("/fhir/{reference}")).await, 403, "rejected", None),
        (gateway.ehr.get("/metrics").await, 403, "rejected", None),
        (gateway.ehr.get(&format!("/fhir/Patient?famly={FAMILY}")).await, 400, "rejected", None),
        (gateway.ehr.get(&format!("/fhir/{FAMILY}/1")).await, 404, "rejected", None),
        (with(&gateway.ehr, Method::POST, "/fhir/Task", "{}", "text/plain").await, 415, "rejected", None),
        (with(&gateway.ehr, Method::POST, "/fhir/Task", FAMILY, fhir).await, 400, "rejected", None),
        (
            with(&gateway.ehr, Method::POST, "/fhir/Task", r#"{"resourceType":"Task"}"#, fhir).await,
            422,
            "refused",
            None,
        ),
        (
            with(stranger, Method::POST, &format!("/agency/v1/referrals/{task}/events"), r#"{"event":"accept"}"#, json)
                .await,
            404,
            "refused",
            None,
        ),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        let event = event_of(&gateway, &answer).await;
        assert_eq!((action(&event), event["outcome"].as_str()), (expected, Some("4")), "{} {event:#}", answer.text);
        assert_eq!(entities(&event), about.map(String::as_str).into_iter().collect::<Vec<_>>(), "{}", answer.text);
    }
    let small = Gateway::with(|settings| settings.limits.document.bytes = 100).await;
    let large = small.ehr.post("/fhir", &json!({ "text": "x".repeat(200) })).await;
    assert_eq!((large.status, action(&event_of(&small, &large).await)), (413, "rejected"));
    for gateway in [&gateway, &small] {
        let all = gateway.store.audit_rows(&AuditQuery { limit: 1000, ..AuditQuery::default() }).await.unwrap();
        let text = format!("{all:?}");
        assert!(!text.contains(FAMILY) && !text.contains(GIVEN), "{text}");
    }
}

#[tokio::test]
async fn wrong_tokens_are_counted() {
    let gateway = Gateway::start().await;
    for _ in 0..7 {
        let request = gateway.anonymous(Method::GET, "/fhir/Task");
        assert_eq!(send(request.header("authorization", "Bearer handoff_0000_1111")).await.status, 401);
    }
    // Who shows no token at all has shown no wrong one.
    assert_eq!(send(gateway.anonymous(Method::GET, "/fhir/Task")).await.status, 401);
    let mut gateway = gateway;
    gateway.ask_to_stop();
    gateway.stopped().await;
    let query = AuditQuery { actions: vec!["bad-token".to_owned()], ..AuditQuery::default() };
    let rows = gateway.store.audit_rows(&query).await.unwrap().rows;
    let counted: u64 = rows.iter().map(|row| row.entry.detail.parse::<u64>().unwrap()).sum();
    assert_eq!(counted, 7, "{rows:?}");
    assert!(rows.len() <= 2, "one row for many: {}", rows.len());
    assert!(rows.iter().all(|row| row.entry.client.is_empty() && !format!("{row:?}").contains("1111")));
}

#[tokio::test]
async fn a_change_says_who_gets_to_see_it_in_its_own_commit() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    // Nothing waits to be written: these rows came with the commit.
    let query = AuditQuery {
        subject: Some(format!("Task/{task}")).and_then(|key| handoff::fhir::ResourceKey::parse(&key)),
        ..AuditQuery::default()
    };
    let rows = gateway.store.audit_rows(&query).await.unwrap().rows;
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            format!("{} {}", row.entry.action, row.entry.entities.first().map(ToString::to_string).unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [format!("consent Organization/{AGENCY}"), "delivered ".to_owned(), format!("disclosed Organization/{AGENCY}")]
    );
    assert!(rows.iter().all(|row| row.entry.client == gateway.ehr.id && row.entry.organization == HOSPITAL));
    // As an auditor finds it: what was disclosed to this agency.
    let found = events(&gateway, &format!("subtype=disclosed&entity=Organization/{AGENCY}")).await;
    assert_eq!(found.len(), 1);
    assert!(entities(&found[0]).contains(&format!("Task/{task}").as_str()));
    assert_eq!(found[0]["type"]["code"], "disclose");
}

#[tokio::test]
async fn what_the_client_calls_its_request_is_kept_beside_ours() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let request = gateway.ehr.request(Method::GET, &format!("/fhir/Task/{task}"));
    let answer = send(request.header("x-request-id", "their-request-7")).await;
    let event = event_of(&gateway, &answer).await;
    let called =
        json!({ "what": { "identifier": { "system": "urn:handoff:correlation", "value": "their-request-7" } } });
    assert!(event["entity"].as_array().unwrap().contains(&called), "{event:#}");
}

#[tokio::test]
async fn the_log_is_searched_and_paged() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    for _ in 0..5 {
        gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
        gateway.agency.get(&format!("/fhir/Task/{task}")).await.expect(200);
    }
    let count = async |query: &str| events(&gateway, query).await.len();
    assert_eq!(count("subtype=read").await, 10);
    assert_eq!(count(&format!("subtype=read&agent=Organization/{AGENCY}")).await, 5);
    assert_eq!(count(&format!("subtype=read&altid={}", gateway.ehr.id)).await, 5);
    assert_eq!(count(&format!("subtype=read&entity=Task/{task}")).await, 10);
    assert_eq!(count("subtype=read&entity=Task/none").await, 0);
    assert_eq!(count("subtype=read&outcome=4").await, 0);
    assert_eq!(count("subtype=read&date=2026-11-21").await, 10);
    assert_eq!(count("subtype=read&date=gt2026-11-21").await, 0);
    assert_eq!(count("action=R&type=rest").await, 10);
    // Only how many, as in every search.
    for (query, total) in [
        ("subtype=read&_count=0", 10),
        ("_count=0&subtype=read&entity=Task/none", 0),
        (&format!("subtype=read&altid={}&_count=0", gateway.ehr.id), 5),
    ] {
        let page = gateway.auditor.get(&format!("/fhir/AuditEvent?{query}")).await.expect(200);
        assert_eq!((page["total"].as_u64(), page.get("entry")), (Some(total), None), "{query}");
    }
    assert_eq!(gateway.auditor.get("/fhir/AuditEvent?_count=-1").await.status, 400);
    // Page by page, newest first; each once.
    let mut next = Some("/fhir/AuditEvent?subtype=read&_count=4".to_owned());
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = gateway.auditor.get(&path).await.expect(200);
        let ids =
            page["entry"].as_array().unwrap().iter().map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned());
        seen.extend(ids);
        let link = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next");
        next = link.map(|link| link["url"].as_str().unwrap().trim_start_matches(&gateway.base).to_owned());
    }
    assert_eq!(seen.len(), 10);
    let number = |id: &String| id.rsplit_once('.').unwrap().1.parse::<u64>().unwrap();
    assert!(seen.windows(2).all(|pair| number(&pair[0]) > number(&pair[1])), "{seen:?}");
    // One of them, by its id, both ways; and it is valid.
    let one = gateway.auditor.get(&format!("/fhir/AuditEvent/{}", seen[3])).await.expect(200);
    assert_eq!(one["id"], seen[3].as_str());
    assert_eq!(events(&gateway, &format!("_id={}", seen[3])).await, std::slice::from_ref(&one));
    let issues = gateway.auditor.post("/fhir/$validate", &one).await.expect(200);
    let errors: Vec<&Value> =
        issues["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error").collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for missing in ["none", "0.1", "a.b"] {
        assert_eq!(gateway.auditor.get(&format!("/fhir/AuditEvent/{missing}")).await.status, 404, "{missing}");
    }
    assert_eq!(gateway.auditor.get("/fhir/AuditEvent?family=x").await.status, 400);
    // Who looked is remembered as well.
    assert!(count("subtype=audit").await > 10);
}

#[tokio::test]
async fn the_log_is_for_auditors_and_nobody_writes_it() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    let id = events(&gateway, "").await[0]["id"].as_str().unwrap().to_owned();
    let event = gateway.auditor.get(&format!("/fhir/AuditEvent/{id}")).await.expect(200);
    for client in [&gateway.ehr, &gateway.agency, &gateway.engineer, &gateway.administrator] {
        for path in ["/fhir/AuditEvent".to_owned(), format!("/fhir/AuditEvent/{id}")] {
            let refused = client.get(&path).await;
            assert_eq!(refused.status, 403, "{}", refused.text);
            assert!(refused.text.contains("auditors"), "{}", refused.text);
        }
    }
    let entry = |method: &str, url: String, resource: Option<&Value>| json!({ "request": { "method": method, "url": url }, "resource": resource });
    for entry in [
        entry("GET", "AuditEvent".to_owned(), None),
        entry("GET", format!("AuditEvent/{id}"), None),
        entry("POST", "AuditEvent".to_owned(), Some(&event)),
    ] {
        let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
        let answer = gateway.ehr.post("/fhir", &batch).await.expect(200);
        let status = answer["entry"][0]["response"]["status"].as_str().unwrap();
        assert!(status.starts_with("403") || status.starts_with("405"), "{answer:#}");
    }
    for client in [&gateway.ehr, &gateway.auditor] {
        assert_eq!(client.post("/fhir/AuditEvent", &event).await.status, 405);
    }
    let statement = send(gateway.anonymous(Method::GET, "/fhir/metadata")).await.expect(200);
    let resources = statement["rest"][0]["resource"].as_array().unwrap();
    let told = resources.iter().find(|resource| resource["type"] == "AuditEvent").unwrap();
    assert_eq!(told["interaction"], json!([{ "code": "read" }, { "code": "search-type" }]));
    assert!(told["documentation"].as_str().unwrap().contains("role auditor"));
}

/// What was read is in the store a second later, whether or not anybody asks for it, and when the gateway stops at once.
#[tokio::test]
async fn reads_are_written_within_a_second_and_all_of_them_at_the_end() {
    let mut gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let query = AuditQuery { actions: vec!["read".to_owned()], limit: 1000, ..AuditQuery::default() };
    let count = async |gateway: &Gateway| gateway.store.audit_rows(&query).await.unwrap().rows.len();
    gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    assert_eq!(count(&gateway).await, 0, "a read does not wait for the disk");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(count(&gateway).await, 1);
    for _ in 0..30 {
        gateway.ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    }
    gateway.ask_to_stop();
    gateway.stopped().await;
    assert_eq!(count(&gateway).await, 31);
    let verdict = audit_verify::verify(&*gateway.store, &[]).await.unwrap();
    assert_eq!(verdict.findings, []);
}

/// A gateway that is told how long to keep rows removes older ones when it starts, and is verified as before.
#[tokio::test]
async fn old_rows_go_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept.db");
    let mut gateway = Gateway::with(|settings| settings.store = file.clone().into()).await;
    let entry = |at: &str| AuditEntry {
        at: at.parse().unwrap(),
        action: "read".into(),
        outcome: AuditOutcome::Done,
        client: "c".to_owned(),
        organization: "o".to_owned(),
        request: "r".to_owned(),
        correlation: None,
        subject: None,
        entities: Vec::new(),
        detail: String::new(),
    };
    let entries = ["2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-20T00:00:00Z"].map(entry);
    gateway.store.audit(entries.to_vec()).await.unwrap();
    gateway.ask_to_stop();
    gateway.stopped().await;
    drop(gateway);
    let gateway = Gateway::on_store(&file, |settings| settings.audit_days = Some(10)).await;
    let query = AuditQuery::default();
    for _ in 0..100 {
        let rows = gateway.store.audit_rows(&query).await.unwrap().rows;
        let actions: Vec<&str> = rows.iter().map(|row| row.entry.action.as_ref()).collect();
        if actions == ["read", "pruned"] {
            assert_eq!(audit_verify::verify(&*gateway.store, &[]).await.unwrap().findings, []);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("old rows are still there");
}

#[tokio::test]
async fn an_auditor_of_an_agency_sees_no_more_than_the_log() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let auditor = gateway.add_client(Role::Auditor, AGENCY).await;
    let found = auditor.get(&format!("/fhir/AuditEvent?entity=Task/{task}")).await;
    found.expect(200);
    assert!(found.text.contains(&format!("Task/{task}")) && !found.text.contains(FAMILY), "{}", found.text);
}
