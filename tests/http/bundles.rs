//! Bundles that are sent to the base: entries of a batch stand alone, a transaction is one whole, and each says of which
//! entry it speaks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Client, Gateway, send};
use crate::referral::{draft, key_of, transaction};

fn patient(value: &str) -> Value {
    json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:test", "value": value }] })
}

fn post(resource: &Value) -> Value {
    json!({ "resource": resource, "request": { "method": "POST", "url": resource["resourceType"] } })
}

fn bundle(kind: &str, entries: &[Value]) -> Value {
    json!({ "resourceType": "Bundle", "type": kind, "entry": entries })
}

/// The status of each entry of an answer.
fn statuses(answer: &Value) -> Vec<&str> {
    let entries = answer["entry"].as_array().unwrap();
    entries.iter().map(|entry| &entry["response"]["status"].as_str().unwrap()[..3]).collect()
}

async fn count(client: &Client, kind: &str) -> u64 {
    client.get(&format!("/fhir/{kind}?_summary=count")).await.expect(200)["total"].as_u64().unwrap()
}

/// Whatever is wrong with an entry of a batch: it has its own status and says where, and its neighbours are done.
#[tokio::test]
async fn whatever_is_wrong_with_an_entry_concerns_it_alone() {
    let gateway = Gateway::start().await;
    let modifier = json!([{ "url": "urn:test:unknown", "valueBoolean": true }]);
    let with = |mut entry: Value, member: &str, value: Value| {
        entry[member] = value;
        entry
    };
    let in_request = |member: &str, value: Value| {
        let mut entry = post(&patient("x"));
        entry["request"][member] = value;
        entry
    };
    let asked =
        |method: &str, url: &str| json!({ "resource": patient("x"), "request": { "method": method, "url": url } });
    let mut forbidden = transaction(1)["entry"][1]["resource"].clone();
    forbidden["subject"] = json!({ "reference": "urn:uuid:00000000-0000-4000-8000-00000000000a" });
    let named = |name: &str| with(post(&patient("x")), "fullUrl", json!(name));
    let wrong = [
        (json!("a text"), "422", "Bundle.entry[N]"),
        (json!({}), "422", "Bundle.entry[N]"),
        (json!({ "resource": patient("x") }), "422", "Bundle.entry[N]"),
        (with(post(&patient("x")), "request", json!("POST")), "422", "Bundle.entry[N].request"),
        (
            with(post(&patient("x")), "modifierExtension", modifier.clone()),
            "422",
            "Bundle.entry[N].modifierExtension[0]",
        ),
        (in_request("modifierExtension", modifier.clone()), "422", "Bundle.entry[N].request.modifierExtension[0]"),
        (
            post(&with(patient("x"), "modifierExtension", modifier.clone())),
            "422",
            "Bundle.entry[N].resource.modifierExtension[0]",
        ),
        (post(&with(patient("x"), "implicitRules", json!("urn:x"))), "422", "Bundle.entry[N].resource.implicitRules"),
        (with(post(&patient("x")), "requests", json!({})), "422", "Bundle.entry[N].requests"),
        (in_request("ifNoneExists", json!("identifier=x")), "422", "Bundle.entry[N].request.ifNoneExists"),
        (in_request("ifNoneExist", json!(["identifier=x"])), "422", "Bundle.entry[N].request.ifNoneExist"),
        (in_request("ifNoneExist", json!("colour=x")), "400", "Bundle.entry[N].request.ifNoneExist"),
        (json!({ "resource": patient("x"), "request": { "url": "Patient" } }), "422", "Bundle.entry[N].request"),
        (json!({ "resource": patient("x"), "request": { "method": "POST" } }), "422", "Bundle.entry[N].request"),
        (json!({ "request": { "method": "POST", "url": "Patient" } }), "422", "Bundle.entry[N]"),
        (with(post(&patient("x")), "resource", json!("a text")), "422", "Bundle.entry[N]"),
        (post(&json!({ "resourceType": "Foo" })), "404", "Bundle.entry[N].request.url"),
        (post(&with(patient("x"), "colour", json!("red"))), "422", "Bundle.entry[N].resource.colour"),
        (named("no url"), "422", "Bundle.entry[N].fullUrl"),
        (named("https://a.example/fhir/Patient/1/_history/1"), "422", "Bundle.entry[N].fullUrl"),
        (named("https://a.example/fhir/Task/1"), "422", "Bundle.entry[N].fullUrl"),
        (with(post(&patient("x")), "response", json!({ "status": "200" })), "422", "Bundle.entry[N].response"),
        (asked("DELETE", "Patient/x"), "405", "Bundle.entry[N].request.url"),
        (asked("PATCH", "Patient/x"), "405", "Bundle.entry[N].request.url"),
        (asked("FROB", "Patient"), "405", "Bundle.entry[N].request.url"),
        (asked("post", "Patient"), "405", "Bundle.entry[N].request.url"),
        (asked("PUT", "Patient?identifier=urn:test|x"), "405", "Bundle.entry[N].request.url"),
        (asked("PUT", "Patient"), "405", "Bundle.entry[N].request.url"),
        (asked("POST", "$validate"), "422", "Bundle.entry[N].request.url"),
        (asked("POST", "Patient/$validate"), "422", "Bundle.entry[N].request.url"),
        (asked("POST", "Patient/_search"), "422", "Bundle.entry[N].request.url"),
        (asked("POST", ""), "422", "Bundle.entry[N].request.url"),
        (asked("POST", "https://elsewhere.example/fhir/Patient"), "400", "Bundle.entry[N].request.url"),
        (post(&forbidden), "422", "Bundle.entry[N].resource.subject.reference"),
        (post(&json!({ "resourceType": "Subscription" })), "404", "Bundle.entry[N].request.url"),
    ];
    let mut entries = Vec::new();
    for (number, (entry, ..)) in wrong.iter().enumerate() {
        entries.push(entry.clone());
        entries.push(post(&patient(&format!("good-{number}"))));
    }
    // It is named by an entry that does not know it.
    let last = json!({ "fullUrl": "urn:uuid:00000000-0000-4000-8000-00000000000a", "resource": patient("named"),
        "request": { "method": "POST", "url": "Patient" } });
    entries.push(last);
    let text = serde_json::to_string_pretty(&bundle("batch", &entries)).unwrap();
    let sent: Value = serde_json::from_str(&text).unwrap();
    let answer = gateway.ehr.post("/fhir", &sent).await.expect(200);
    let answers = answer["entry"].as_array().unwrap();
    assert_eq!(answers.len(), entries.len());
    for (number, (entry, status, place)) in wrong.iter().enumerate() {
        let (refused, done) = (&answers[number * 2]["response"], &answers[number * 2 + 1]["response"]);
        assert!(refused["status"].as_str().unwrap().starts_with(status), "{entry}: {refused}");
        let issue = first_error(&refused["outcome"]);
        let place = place.replace("[N]", &format!("[{}]", number * 2));
        let told = issue["expression"][0].as_str();
        // What is not served is refused in the words in which the request alone is.
        assert!(matches!(*status, "404" | "405") || told == Some(&place), "{entry}: {refused}");
        assert_eq!(done["status"], "201 Created", "beside {entry}");
    }
    assert_eq!(answers.last().unwrap()["response"]["status"], "201 Created");
    assert_eq!(count(&gateway.ehr, "Patient").await, wrong.len() as u64 + 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_batch_itself_refuses_it() {
    let gateway = Gateway::start().await;
    let good = bundle("batch", &[post(&patient("x"))]);
    for (member, value, place) in [
        ("modifierExtension", json!([{ "url": "urn:test:unknown", "valueBoolean": true }]), "Bundle.modifierExtension"),
        ("implicitRules", json!("urn:x"), "Bundle.implicitRules"),
        ("entries", json!([]), "Bundle.entries"),
        ("entry", post(&patient("x")), "Bundle.entry"),
        ("total", json!(1), "Bundle.total"),
        ("type", json!("history"), "Bundle.type"),
    ] {
        let mut batch = good.clone();
        batch[member] = value;
        let refused = gateway.ehr.post("/fhir", &batch).await.expect(422);
        assert_eq!(refused["issue"][0]["expression"], json!([place]), "{refused}");
        assert_eq!(count(&gateway.ehr, "Patient").await, 0);
    }
}

#[tokio::test]
async fn a_batch_is_repeated_entry_by_entry() {
    let gateway = Gateway::start().await;
    let batch = bundle("batch", &[post(&patient("a")), post(&json!({ "resourceType": "Foo" })), post(&patient("b"))]);
    let send_it = |batch: Value| {
        let request = gateway.ehr.with_body(Method::POST, "/fhir", &batch).header("idempotency-key", "once");
        async move { send(request).await }
    };
    let (first, second) = (send_it(batch.clone()).await.expect(200), send_it(batch.clone()).await.expect(200));
    assert_eq!(statuses(&first), ["201", "404", "201"]);
    assert_eq!(statuses(&second), ["201", "404", "201"]);
    assert_eq!((&first["entry"][0], &first["entry"][2]), (&second["entry"][0], &second["entry"][2]));
    assert_eq!(count(&gateway.ehr, "Patient").await, 2);
    let mut other = batch;
    other["entry"][0]["resource"]["gender"] = json!("male");
    let answer = send_it(other).await.expect(200);
    assert_eq!(statuses(&answer)[..2], ["422", "404"], "the key was used for another request");
    assert_eq!(count(&gateway.ehr, "Patient").await, 2);
}

#[tokio::test]
async fn a_list_of_entries_is_never_empty() {
    let gateway = Gateway::start().await;
    let nothing = json!({ "resourceType": "Bundle", "type": "batch" });
    let none: [Answer; 7] = [
        gateway.ehr.get("/fhir/Task").await,
        gateway.ehr.get("/fhir/Task?_summary=count").await,
        gateway.ehr.get("/fhir/Patient?_count=0").await,
        gateway.ehr.get("/fhir/ValueSet?url=urn:none").await,
        gateway.auditor.get("/fhir/AuditEvent?entity=Task/none").await,
        gateway.ehr.post("/fhir", &nothing).await,
        gateway.ehr.post("/fhir", &bundle("transaction", &[])).await,
    ];
    for answer in none {
        let answer = answer.json();
        assert!(answer.get("entry").is_none(), "{answer}");
    }
}

/// Whenever it turns out that a transaction is wrong, the entry is named, with line and column.
#[tokio::test]
async fn a_transaction_says_which_entry_it_is_refused_for() {
    let gateway = Gateway::start().await;
    gateway.ehr.post("/fhir", &bundle("batch", &[post(&patient("two")), post(&patient("two"))])).await.expect(200);
    let before = count(&gateway.ehr, "Patient").await;
    let stored = key_of(&gateway.ehr.post("/fhir", &bundle("batch", &[post(&draft(1))])).await.expect(200), "Task");
    let mut stale = draft(1);
    stale["id"] = json!(stored[5..]);
    let mut unknown_owner = transaction(2)["entry"][2].clone();
    unknown_owner["resource"]["owner"] = json!({ "identifier": { "system": "urn:test", "value": "nobody" } });
    let mut further = transaction(2)["entry"][2].clone();
    further["resource"]["status"] = json!("completed");
    let conditional = json!({ "resource": patient("two"),
        "request": { "method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:test|two" } });
    let put =
        |version: &str| json!({ "resource": stale, "request": { "method": "PUT", "url": stored, "ifMatch": version } });
    let get = |url: &str| json!({ "request": { "method": "GET", "url": url } });
    for (entry, status, place) in [
        (conditional, 412, "request.url"),
        (put("W/\"9\""), 412, "request.url"),
        (put("nine"), 400, "request.ifMatch"),
        (json!([put("W/\"1\""), put("W/\"1\"")]), 422, "request.url"),
        (unknown_owner, 422, "resource.owner"),
        (further, 422, "resource.status"),
        (post(&json!({ "resourceType": "Subscription" })), 422, "resource"),
        (get("Task/none"), 404, "request.url"),
        (get("Task?_cursor=none"), 400, "request.url"),
        (get("Task?patient=Patient?identifier=urn:test|none"), 412, "request.url"),
        (get("Task?patient=Patient?identifier=urn:test|two"), 412, "request.url"),
    ] {
        let mut message = transaction(2);
        let entries = message["entry"].as_array_mut().unwrap();
        // The request and the person of the referral are in front of what is wrong.
        entries.truncate(2);
        match entry.as_array() {
            Some(several) => entries.extend(several.iter().cloned()),
            None => entries.push(entry.clone()),
        }
        let last = entries.len() - 1;
        let text = serde_json::to_string_pretty(&message).unwrap();
        let request = gateway.ehr.request(Method::POST, "/fhir").header("content-type", "application/fhir+json");
        let refused = send(request.body(text.clone())).await.expect(status);
        let issue = first_error(&refused);
        assert_eq!(issue["expression"], json!([format!("Bundle.entry[{last}].{place}")]), "{entry}: {refused}");
        let line = line_of(issue).unwrap_or_else(|| panic!("{entry}: {refused}"));
        let behind = text.lines().take(line).filter(|line| line.contains("\"request\"")).count();
        assert!((1..=4).contains(&behind) && line > 50, "{entry}: line {line}");
        assert_eq!(count(&gateway.ehr, "Patient").await, before, "{entry}");
    }
}

/// The line that an issue names.
fn line_of(issue: &Value) -> Option<usize> {
    let extensions = issue["extension"].as_array()?;
    let line = extensions.iter().find(|it| it["url"].as_str().is_some_and(|url| url.ends_with("issue-line")))?;
    line["valueInteger"].as_u64().and_then(|line| usize::try_from(line).ok())
}

/// The first thing that is wrong.
fn first_error(outcome: &Value) -> &Value {
    let issues = outcome["issue"].as_array().unwrap();
    issues.iter().find(|issue| matches!(issue["severity"].as_str(), Some("error" | "fatal"))).unwrap()
}

#[tokio::test]
async fn searches_and_conditions_of_a_transaction_know_its_names() {
    let gateway = Gateway::start().await;
    let mut message = transaction(4);
    let person = "urn:uuid:00000000-0000-4000-8000-000000000001";
    message["entry"][0]["request"]["ifNoneExist"] = json!("identifier=urn:test:person|4");
    let condition =
        json!({ "resourceType": "Condition", "code": { "text": "hungry" }, "subject": { "reference": person } });
    let entries = message["entry"].as_array_mut().unwrap();
    entries.insert(
        0,
        json!({ "resource": condition,
        "request": { "method": "POST", "url": "Condition", "ifNoneExist": format!("subject={person}") } }),
    );
    entries[3]["request"]["ifNoneExist"] = json!("identifier=urn:test:referral|4");
    entries.push(json!({ "request": { "method": "GET", "url": format!("Condition?subject={person}") } }));
    let search = "Condition?subject=Patient?identifier=urn:test:person%7C4";
    entries.push(json!({ "request": { "method": "GET", "url": search } }));
    for expected in ["201", "200"] {
        let answer = gateway.ehr.post("/fhir", &message).await.expect(200);
        assert_eq!(statuses(&answer)[0], expected, "{answer}");
        assert_eq!(answer["entry"][4]["resource"]["total"], 1, "{answer}");
        assert_eq!(answer["entry"][5]["resource"]["total"], 1, "{answer}");
        let found = &answer["entry"][4]["resource"]["entry"][0]["resource"]["subject"]["reference"];
        assert_eq!(*found, json!(key_of(&answer, "Patient")));
        // It says the same again: not by the key of its referral's Task, by its conditions.
        message["entry"][1]["resource"]["gender"] = json!("female");
    }
    assert_eq!(count(&gateway.ehr, "Condition").await, 1);
}

#[tokio::test]
async fn an_identifier_stays_what_it_is() {
    let gateway = Gateway::start().await;
    let name = "urn:uuid:00000000-0000-4000-8000-000000000001";
    let mut message = transaction(5);
    message["entry"][0]["resource"]["identifier"] = json!([{ "system": "urn:ietf:rfc:3986", "value": name }]);
    message["entry"][2]["resource"]["extension"] = json!([{ "url": "urn:test:about", "valueUri": name }]);
    let answer = gateway.ehr.post("/fhir", &message).await.expect(200);
    let person = gateway.ehr.get(&format!("/fhir/{}", key_of(&answer, "Patient"))).await.expect(200);
    assert_eq!(person["identifier"][0]["value"], name);
    let task = gateway.ehr.get(&format!("/fhir/{}", key_of(&answer, "Task"))).await.expect(200);
    assert_eq!(task["extension"][0]["valueUri"], json!(key_of(&answer, "Patient")), "a URI is a link");
}

#[tokio::test]
async fn a_client_gets_back_what_it_prefers() {
    let gateway = Gateway::start().await;
    for (number, prefer, resource) in [
        (6, "return=representation", json!("Patient")),
        (7, "return=minimal", Value::Null),
        (8, "return=OperationOutcome", json!("OperationOutcome")),
    ] {
        for kind in ["transaction", "batch"] {
            let sent = bundle(kind, &[post(&patient(&format!("{number}-{kind}")))]);
            let request = gateway.ehr.with_body(Method::POST, "/fhir", &sent).header("prefer", prefer);
            let answer = send(request).await.expect(200);
            let entry = &answer["entry"][0];
            let told = if entry["resource"].is_null() { &entry["response"]["outcome"] } else { &entry["resource"] };
            assert_eq!(told["resourceType"], resource, "{prefer} {kind}: {answer}");
        }
    }
}

/// A referral whose request is contained in its Task is one, whichever way it is sent.
#[tokio::test]
async fn a_contained_request_is_a_referral_whichever_way_it_comes() {
    let gateway = Gateway::start().await;
    let person =
        gateway.ehr.post("/fhir/Patient", &patient("contained")).await.expect(201)["id"].as_str().unwrap().to_owned();
    let subject = json!({ "reference": format!("Patient/{person}") });
    let mut request = transaction(1)["entry"][1]["resource"].clone();
    request["id"] = json!("sr");
    request["subject"] = subject.clone();
    let mut task = transaction(1)["entry"][2]["resource"].clone();
    task["contained"] = json!([request]);
    task["focus"] = json!({ "reference": "#sr" });
    task["for"] = subject;
    gateway.ehr.post("/fhir/Task", &task).await.expect(201);
    for kind in ["batch", "transaction"] {
        let answer = gateway.ehr.post("/fhir", &bundle(kind, &[post(&task)])).await.expect(200);
        assert_eq!(statuses(&answer), ["201"], "{answer}");
    }
    let (records, _) = gateway.agency.poll("").await;
    assert_eq!(records.len(), 3);
    for record in &records {
        assert_eq!(record["referral"]["requestedServices"][0]["code"], "710925007", "{record}");
        let id = record["id"].as_str().unwrap();
        let path = format!("/agency/v1/referrals/{id}/events");
        gateway.agency.post(&path, &json!({ "event": "accept" })).await.expect(200);
        let done = gateway.agency.post(&path, &json!({ "event": "complete" })).await.expect(200);
        assert_eq!(done["referral"]["state"], "services-rendered");
        assert_eq!(gateway.ehr.get(&format!("/fhir/Task/{id}")).await.expect(200)["status"], "completed");
    }
    task["contained"][0]["doNotPerform"] = json!(true);
    for kind in ["batch", "transaction"] {
        let answer = gateway.ehr.post("/fhir", &bundle(kind, &[post(&task)])).await.json();
        let issue = answer.pointer("/entry/0/response/outcome/issue/0").or(answer.pointer("/issue/0")).unwrap();
        assert_eq!(issue["expression"], json!(["Bundle.entry[0].resource.contained[0].doNotPerform"]), "{answer}");
    }
}
