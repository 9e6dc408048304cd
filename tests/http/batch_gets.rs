//! Every GET gives in a batch what it gives alone. What there is to get is read from the table of routes, from the
//! CapabilityStatement and from the README, so that nothing new can be forgotten.

use std::fs;
use std::path::Path;

use handoff::app::routes;
use handoff::limits::Limits;
use handoff::server::Access;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Client, Gateway, send};
use crate::referral::{draft, key_of, transaction};

/// A GET: its url relative to the base, and its conditions as members of a Bundle's request.
#[derive(Debug, Clone)]
struct Get {
    url: String,
    conditions: Value,
}

fn get(url: impl Into<String>) -> Get {
    Get { url: url.into(), conditions: json!({}) }
}

impl Get {
    fn entry(&self) -> Value {
        let mut request = json!({ "method": "GET", "url": self.url });
        for (name, value) in self.conditions.as_object().unwrap() {
            request[name] = value.clone();
        }
        json!({ "request": request })
    }

    async fn alone(&self, client: &Client) -> Answer {
        let mut request = client.request(Method::GET, &format!("/fhir/{}", self.url));
        if let Some(tag) = self.conditions["ifNoneMatch"].as_str() {
            request = request.header("if-none-match", tag);
        }
        if let Some(since) = self.conditions["ifModifiedSince"].as_str() {
            let since: jiff::Timestamp = since.parse().unwrap();
            request = request.header("if-modified-since", since.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        }
        send(request).await
    }
}

fn batch(gets: &[Get]) -> Value {
    let entries: Vec<Value> = gets.iter().map(Get::entry).collect();
    json!({ "resourceType": "Bundle", "type": "batch", "entry": entries })
}

/// Sends each alone, and all in batches of as many as one may have, and compares.
async fn check(client: &Client, gets: &[Get]) {
    for gets in gets.chunks(Limits::default().content.bundle_reads) {
        let answers = client.post("/fhir", &batch(gets)).await.expect(200);
        let entries = answers["entry"].as_array().unwrap();
        assert_eq!((&answers["type"], entries.len()), (&json!("batch-response"), gets.len()));
        for (get, entry) in gets.iter().zip(entries) {
            is_same(get, &get.alone(client).await, entry);
        }
    }
}

#[track_caller]
fn is_same(get: &Get, alone: &Answer, entry: &Value) {
    let response = &entry["response"];
    let status: u16 = response["status"].as_str().unwrap()[..3].parse().unwrap();
    assert_eq!(status, alone.status, "{get:?}: {entry} {}", alone.text);
    let body = if status < 400 { &entry["resource"] } else { &response["outcome"] };
    assert_eq!(*body, alone.json(), "{get:?}");
    assert_eq!(response["etag"].as_str().unwrap_or_default(), alone.header("etag"), "{get:?}");
    let modified = response["lastModified"].as_str().map_or_else(String::new, |at| {
        at.parse::<jiff::Timestamp>().unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    });
    assert_eq!(modified, alone.header("last-modified"), "{get:?}");
}

/// A gateway with a referral, and the keys of its Task and Patient.
async fn with_referral() -> (Gateway, String, String) {
    let gateway = Gateway::start().await;
    let answer = gateway.ehr.post("/fhir", &transaction(1)).await.expect(200);
    let (task, patient) = (key_of(&answer, "Task"), key_of(&answer, "Patient"));
    let path = format!("/fhir/{task}");
    let mut stored = gateway.ehr.get(&path).await.expect(200);
    stored["priority"] = json!("urgent");
    let put = gateway.ehr.with_body(Method::PUT, &path, &stored).header("if-match", "W/\"1\"");
    send(put).await.expect(200);
    (gateway, task, patient)
}

#[tokio::test]
async fn every_get_of_the_table_of_routes() {
    let (gateway, task, _) = with_referral().await;
    let (kind, id) = task.split_once('/').unwrap();
    let mut gets = Vec::new();
    for route in routes().iter().filter(|route| route.method == "GET" && route.path.starts_with("/fhir/")) {
        let url = route.path.trim_start_matches("/fhir/");
        let definition = url.split('/').next().filter(|first| !first.starts_with('{') && url.contains('/'));
        let id = match definition {
            Some("AuditEvent") => "none".to_owned(),
            Some(kind) => first_id(&gateway.ehr, kind).await,
            None => id.to_owned(),
        };
        let url = url.replace("{type}", kind).replace("{id}", &id).replace("{version}", "1");
        assert!(!url.contains('{'), "say here what stands for the part in braces: {}", route.path);
        // What is not for this client is refused alike.
        let status = if route.access == Access::Auditor { 403 } else { 200 };
        assert_eq!(get(&url).alone(&gateway.ehr).await.status, status, "{url}");
        gets.push(get(url));
    }
    assert!(gets.len() > 10, "{gets:?}");
    check(&gateway.ehr, &gets).await;
    check(&gateway.agency, &gets).await;
    check(&gateway.other_agency, &gets).await;
}

async fn first_id(client: &Client, kind: &str) -> String {
    let found = client.get(&format!("/fhir/{kind}?_count=1")).await.expect(200);
    found["entry"][0]["resource"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_get_of_the_capability_statement() {
    let (gateway, ..) = with_referral().await;
    let statement = gateway.ehr.get("/fhir/metadata").await.expect(200);
    let mut gets = vec![get("metadata")];
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let kind = resource["type"].as_str().unwrap();
        for interaction in resource["interaction"].as_array().unwrap() {
            match interaction["code"].as_str().unwrap() {
                "read" => gets.push(get(format!("{kind}/none"))),
                "vread" => gets.push(get(format!("{kind}/none/_history/1"))),
                "history-instance" => gets.push(get(format!("{kind}/none/_history?_count=2"))),
                "search-type" => gets.push(get(format!("{kind}?_count=1"))),
                "create" | "update" => {}
                other => panic!("say here how {other} is asked"),
            }
        }
        for parameter in resource["searchParam"].as_array().unwrap() {
            gets.push(get(format!("{kind}?{}=1&_count=1", parameter["name"].as_str().unwrap())));
        }
    }
    assert!(gets.len() > 400, "{}", gets.len());
    // A message has its bounds, and so has a batch.
    for some in gets.chunks(400) {
        check(&gateway.ehr, some).await;
    }
}

#[tokio::test]
async fn every_get_of_the_readme() {
    let (gateway, ..) = with_referral().await;
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let urls = readme.split("/fhir/").skip(1).filter_map(|rest| rest.split(['"', '`', ' ', '\n']).next());
    let gets: Vec<Get> = urls.filter(|url| !url.is_empty() && !url.starts_with('$')).map(get).collect();
    assert!(gets.iter().any(|get| get.url.starts_with("Task?owner=")), "{gets:?}");
    assert!(gets.iter().any(|get| get.url == "metadata"), "{gets:?}");
    check(&gateway.ehr, &gets).await;
}

#[tokio::test]
async fn conditions_pages_parts_and_what_is_not_served() {
    let (gateway, task, patient) = with_referral().await;
    gateway.ehr.post("/fhir/Task", &draft(7)).await.expect(201);
    let with = |url: &str, conditions: Value| Get { url: url.to_owned(), conditions };
    let page = gateway.ehr.get("/fhir/Task?_count=1&_sort=_id").await.expect(200);
    let next = page["link"].as_array().unwrap().iter().find(|link| link["relation"] == "next").unwrap();
    let next = next["url"].as_str().unwrap().split("/fhir/").nth(1).unwrap();
    let gets = [
        get(&patient),
        get(format!("{patient}?_elements=gender")),
        get(format!("{patient}?_format=json")),
        get(format!("{patient}?_format=xml")),
        get("Task?_count=1&_sort=_id"),
        get(next),
        get("Task?_elements=status&_include=Task:focus"),
        get("Task?_summary=count"),
        get("Task?colour=red"),
        get("Task?_cursor=x"),
        get("Task?_format=ttl"),
        get(format!("{task}/_history?_count=1")),
        get(format!("{task}/_history?_count=0")),
        get(format!("{task}/_history/1")),
        get(format!("{task}/_history/9")),
        get(format!("{task}/_history/x")),
        get(format!("{task}/$validate?mode=delete")),
        get(format!("{task}/$validate?mode=create")),
        get(format!("{task}/$validate?depth=1")),
        get(format!("{task}/$everything")),
        get("Task/_history"),
        get("Task/a_b"),
        get("Task/"),
        get("Foo"),
        get("Patients"),
        get("$validate"),
        get("Task/_search"),
        get("CodeSystem?_count=1"),
        get("CodeSystem?colour=red"),
        get("ValueSet/none"),
        get("StructureDefinition?type=Task&_elements=url"),
        with(&task, json!({ "ifNoneMatch": "W/\"2\"" })),
        with(&task, json!({ "ifNoneMatch": "W/\"1\"" })),
        with(&task, json!({ "ifModifiedSince": "2026-11-21T10:00:00Z" })),
        with(&task, json!({ "ifModifiedSince": "2026-11-21T09:59:59Z" })),
        with("Task/none", json!({ "ifNoneMatch": "W/\"1\"" })),
    ];
    check(&gateway.ehr, &gets).await;
    check(&gateway.agency, &gets).await;
    check(&gateway.other_ehr, &gets).await;
}

#[tokio::test]
async fn an_url_may_be_absolute_and_may_ask_for_the_head() {
    let (gateway, task, _) = with_referral().await;
    let entry = |method: &str, url: String| json!({ "request": { "method": method, "url": url } });
    let entries = json!([
        entry("GET", format!("{}/fhir/{task}", gateway.base)),
        entry("GET", format!("/{task}")),
        entry("GET", format!("{}/fhir/Task?_id=none", gateway.base)),
        entry("HEAD", task.clone()),
        entry("HEAD", "Task/none".to_owned()),
        entry("GET", format!("https://other.example/fhir/{task}")),
    ]);
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    let answers = gateway.ehr.post("/fhir", &bundle).await.expect(200);
    let alone = gateway.ehr.get(&format!("/fhir/{task}")).await.expect(200);
    assert_eq!((&answers["entry"][0]["resource"], &answers["entry"][1]["resource"]), (&alone, &alone));
    assert_eq!(answers["entry"][2]["resource"]["total"], 0);
    assert_eq!(answers["entry"][3]["response"]["etag"], "W/\"2\"");
    assert_eq!(answers["entry"][3]["resource"], Value::Null);
    let statuses: Vec<&str> = answers["entry"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["response"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["200 OK", "200 OK", "200 OK", "200 OK", "404 Not Found", "400 Bad Request"]);
}

#[tokio::test]
async fn a_batch_goes_on_after_what_is_not_served() {
    let gateway = Gateway::start().await;
    let patient = json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:test", "value": "batch" }] });
    let request = |method: &str, url: &str| json!({ "request": { "method": method, "url": url } });
    let with = |resource: &Value, method: &str, url: &str| json!({ "resource": resource, "request": { "method": method, "url": url } });
    let entries = json!([
        request("DELETE", "Patient/x"),
        request("PATCH", "Patient/x"),
        { "resource": patient },
        with(&json!({ "resourceType": "Foo" }), "POST", "Foo"),
        with(&patient, "POST", "Task"),
        with(&patient, "PUT", "Patient/none"),
        with(&patient, "PUT", "Patient?identifier=urn:test|batch"),
        request("GET", "Task?colour=red"),
        with(&patient, "POST", "Patient"),
        request("GET", "Patient?identifier=urn:test|batch"),
    ]);
    let bundle = json!({ "resourceType": "Bundle", "type": "batch", "entry": entries });
    let answers = gateway.ehr.post("/fhir", &bundle).await.expect(200);
    let entries = answers["entry"].as_array().unwrap();
    let statuses: Vec<&str> = entries.iter().map(|entry| &entry["response"]["status"].as_str().unwrap()[..3]).collect();
    assert_eq!(statuses, ["405", "405", "422", "404", "422", "404", "405", "400", "201", "200"]);
    assert_eq!(entries[9]["resource"]["total"], 1, "each stands alone, in order");
    for (entry, (method, path)) in
        entries.iter().zip([(Method::DELETE, "/fhir/Patient/x"), (Method::PATCH, "/fhir/Patient/x")])
    {
        let alone = send(gateway.ehr.request(method, path)).await;
        assert_eq!(entry["response"]["outcome"], alone.json());
    }
    assert!(entries[8]["response"]["location"].as_str().unwrap().ends_with("/_history/1"));
}

#[tokio::test]
async fn a_transaction_reads_what_it_wrote() {
    let gateway = Gateway::start().await;
    let mut message = transaction(3);
    let request = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    let entries = message["entry"].as_array_mut().unwrap();
    let written = entries.len();
    entries.insert(0, request("Task?identifier=urn:test:referral%7C3"));
    entries.push(request("metadata"));
    entries.push(request("Patient?_summary=count"));
    let send_it = || async {
        let post = gateway.ehr.with_body(Method::POST, "/fhir", &message).header("idempotency-key", "once");
        send(post).await.expect(200)
    };
    let (first, second) = (send_it().await, send_it().await);
    for answer in [&first, &second] {
        assert_eq!(answer["entry"].as_array().unwrap().len(), written + 3);
        assert_eq!(
            answer["entry"][0]["resource"]["entry"][0]["resource"]["id"],
            key_of(answer, "Task")[5..],
            "{answer}"
        );
        assert_eq!(answer["entry"][written + 1]["resource"]["resourceType"], "CapabilityStatement");
        assert_eq!(answer["entry"][written + 2]["resource"]["total"], 1);
        assert_eq!(answer["entry"][1]["response"]["status"], "201 Created");
    }
    assert_eq!(first["entry"][1], second["entry"][1]);
}

#[tokio::test]
async fn a_transaction_whose_get_fails_stores_nothing() {
    let gateway = Gateway::start().await;
    for (url, status) in [
        ("Task/none", 404),
        ("Task/none/_history", 404),
        ("ValueSet/none", 404),
        ("Foo", 404),
        ("Task?colour=red", 400),
        ("Task?_cursor=x", 400),
        ("Task?_format=xml", 406),
        ("$validate", 422),
    ] {
        let mut message = transaction(1);
        let entries = message["entry"].as_array_mut().unwrap();
        let named = format!("Bundle.entry[{}].request.url", entries.len());
        entries.push(json!({ "request": { "method": "GET", "url": url } }));
        let refused = gateway.ehr.post("/fhir", &message).await.expect(status);
        assert!(
            refused["issue"].as_array().unwrap().iter().all(|issue| issue["expression"] == json!([named]))
                || status == 400,
            "{refused}"
        );
        for kind in ["Task", "Patient", "ServiceRequest"] {
            let found = gateway.ehr.get(&format!("/fhir/{kind}?_summary=count")).await.expect(200);
            assert_eq!(found["total"], 0, "{url}");
        }
        assert!(gateway.agency.poll("").await.0.is_empty(), "{url}");
    }
}

// === the cases ===

/// A case beside this checkout; none, said aloud, where it is not at hand.
fn case(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/cases/gateway").join(name);
    let text = fs::read_to_string(path).ok();
    if text.is_none() {
        println!("skipped: {name} is not beside this checkout");
    }
    text
}

#[tokio::test]
async fn the_case_of_gets_in_a_batch() {
    let (gateway, _, patient) = with_referral().await;
    let Some(text) = case("s04-batch-gets.json") else { return };
    let text = text
        .replace("Patient/01a22a20-2791-77f2-acdc-a0999053ddc8", &patient)
        .replace("http://127.0.0.1:60503", &gateway.base);
    let bundle: Value = serde_json::from_str(&text).unwrap();
    let answers = gateway.ehr.post("/fhir", &bundle).await.expect(200);
    for (entry, answer) in bundle["entry"].as_array().unwrap().iter().zip(answers["entry"].as_array().unwrap()) {
        let url = entry["request"]["url"].as_str().unwrap();
        let alone = get(url.trim_start_matches(&format!("{}/fhir/", gateway.base)));
        is_same(&alone, &alone.alone(&gateway.ehr).await, answer);
    }
}

#[tokio::test]
async fn the_case_of_a_delete_in_a_batch() {
    let gateway = Gateway::start().await;
    let Some(text) = case("s05-batch-delete.json") else { return };
    let answers = gateway.ehr.post("/fhir", &serde_json::from_str(&text).unwrap()).await.expect(200);
    assert_eq!(answers["entry"][0]["response"]["status"], "201 Created");
    assert_eq!(answers["entry"][1]["response"]["status"], "405 Method Not Allowed");
}

#[tokio::test]
async fn the_case_of_a_referral_whose_get_fails() {
    let gateway = Gateway::start().await;
    let Some(text) = case("s01-referral-get-fails.json") else { return };
    let refused = gateway.other_ehr.post("/fhir", &serde_json::from_str(&text).unwrap()).await.expect(404);
    assert_eq!(refused["issue"][0]["expression"], json!(["Bundle.entry[8].request.url"]));
    for agency in [&gateway.agency, &gateway.other_agency] {
        assert!(agency.poll("").await.0.is_empty());
    }
    assert_eq!(gateway.other_ehr.get("/fhir/Task?_summary=count").await.expect(200)["total"], 0);
}

#[tokio::test]
async fn the_case_of_a_repetition_with_a_get() {
    let gateway = Gateway::start().await;
    let Some(text) = case("s21-repeat-with-get.json") else { return };
    let bundle: Value = serde_json::from_str(&text).unwrap();
    for status in ["201", "200"] {
        let answers = gateway.other_ehr.post("/fhir", &bundle).await.expect(200);
        assert_eq!(answers["entry"].as_array().unwrap().len(), 9);
        assert_eq!(answers["entry"][0]["resource"]["type"], "searchset");
        let task = &answers["entry"][8]["response"];
        assert!(task["status"].as_str().unwrap().starts_with(status), "{task}");
        assert!(task["location"].as_str().unwrap().starts_with("Task/"));
    }
}

#[tokio::test]
async fn what_the_client_prefers_is_meant_for_each_entry() {
    let (gateway, ..) = with_referral().await;
    let asked = get("Task?colour=red&_count=1");
    let lenient = |request: reqwest::RequestBuilder| request.header("prefer", "handling=lenient");
    let bundle = batch(std::slice::from_ref(&asked));
    let answers = send(lenient(gateway.ehr.with_body(Method::POST, "/fhir", &bundle))).await.expect(200);
    let alone = send(lenient(gateway.ehr.request(Method::GET, &format!("/fhir/{}", asked.url)))).await;
    assert_eq!(alone.expect(200)["entry"].as_array().unwrap().len(), 2, "{}", alone.text);
    is_same(&asked, &alone, &answers["entry"][0]);
}

#[tokio::test]
async fn a_transaction_with_what_is_not_served_is_refused_whole() {
    let gateway = Gateway::start().await;
    let patient = json!({ "resourceType": "Patient" });
    for (entry, status, rule) in [
        (json!({ "resource": patient }), 422, "missing"),
        (json!({ "request": { "method": "DELETE", "url": "Task/1" } }), 422, "not-supported"),
        (json!({ "request": { "method": "PATCH", "url": "Task/1" } }), 422, "not-supported"),
        (json!({ "resource": patient, "request": { "method": "POST", "url": "Task" } }), 422, "bundle-rule"),
        (
            json!({ "resource": patient, "request": { "method": "PUT", "url": "Patient?identifier=1" } }),
            422,
            "not-supported",
        ),
        (json!({ "resource": patient, "request": { "method": "PUT", "url": "Task/1" } }), 422, "not-supported"),
        (
            json!({ "resource": patient, "request": { "method": "PUT", "url": "Patient/1", "ifMatch": "x" } }),
            400,
            "parameter",
        ),
        (json!({ "request": { "method": "GET", "url": "https://other.example/fhir/Task/1" } }), 400, "parameter"),
        (json!({ "request": { "method": "GET", "url": "Task/1", "ifModifiedSince": "yesterday" } }), 400, "parameter"),
    ] {
        let mut message = transaction(1);
        message["entry"].as_array_mut().unwrap().push(entry.clone());
        let answer = gateway.ehr.post("/fhir", &message).await;
        assert_eq!((answer.status, answer.rules()), (status, vec![rule.to_owned()]), "{entry}");
        assert!(answer.text.contains("Bundle.entry[3]"), "{}", answer.text);
    }
    assert_eq!(gateway.ehr.get("/fhir/Task?_summary=count").await.expect(200)["total"], 0);
}
