//! What the CapabilityStatement says is done, and what it does not say is refused: each interaction of each type of R4 is
//! really sent, each search parameter and each include of the standard really asked for.

use std::collections::BTreeSet;

use handoff::definitions::{Definitions, SearchParameter};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::gateway::{Answer, Client, Gateway, send};
use crate::referral::{draft, sent};

/// The statement's entries about resource types.
async fn told(gateway: &Gateway) -> Vec<Value> {
    let statement = gateway.ehr.get("/fhir/metadata").await.expect(200);
    statement["rest"][0]["resource"].as_array().unwrap().clone()
}

fn texts<'v>(value: &'v Value, member: &str) -> BTreeSet<&'v str> {
    value.as_array().into_iter().flatten().filter_map(|one| one[member].as_str().or(one.as_str())).collect()
}

/// Is it served at all? A resource that is not there, and content that is wrong, are other answers.
fn is_served(answer: &Answer) -> bool {
    answer.status != 405 && !answer.rules().contains(&"not-supported".to_owned())
}

/// The interactions of R4 on a type (<https://hl7.org/fhir/R4/valueset-type-restful-interaction.html>).
const INTERACTIONS: &[&str] =
    &["create", "read", "vread", "update", "patch", "delete", "history-instance", "history-type", "search-type"];

/// An interaction in each way in which it is sent.
fn interaction(client: &Client, kind: &str, code: &str) -> Vec<RequestBuilder> {
    let request = |method: Method, path: &str| client.request(method, &format!("/fhir/{kind}{path}"));
    let with_body = |method: Method, path: &str| {
        client.with_body(method, &format!("/fhir/{kind}{path}"), &json!({ "resourceType": kind, "id": "none" }))
    };
    match code {
        "create" => vec![with_body(Method::POST, "")],
        "read" => vec![request(Method::GET, "/none")],
        "vread" => vec![request(Method::GET, "/none/_history/1")],
        "update" => vec![with_body(Method::PUT, "/none")],
        "patch" => vec![with_body(Method::PATCH, "/none")],
        "delete" => vec![request(Method::DELETE, "/none")],
        "history-instance" => vec![request(Method::GET, "/none/_history")],
        "history-type" => vec![request(Method::GET, "/_history")],
        "search-type" => vec![request(Method::GET, ""), request(Method::POST, "/_search")],
        other => panic!("{other} is not sent"),
    }
}

#[tokio::test]
async fn each_interaction_of_each_type_is_told_or_refused() {
    let gateway = Gateway::start().await;
    let (told, definitions) = (told(&gateway).await, Definitions::r4().unwrap());
    let mut wrong = Vec::new();
    for kind in definitions.resource_types() {
        let entry = told.iter().find(|entry| entry["type"] == kind.as_str());
        let codes = entry.map(|entry| texts(&entry["interaction"], "code")).unwrap_or_default();
        assert_eq!(entry.is_some(), !codes.is_empty(), "{kind} is told, and nothing that is done with it");
        for code in INTERACTIONS {
            let is_of_auditors = kind == "AuditEvent" && (codes.contains(code) || *code == "history-type");
            let client = if is_of_auditors { &gateway.auditor } else { &gateway.ehr };
            for request in interaction(client, kind, code) {
                let answer = send(request).await;
                if is_served(&answer) != codes.contains(code) {
                    wrong.push(format!(
                        "{kind} {code}: told {}, {} {}",
                        codes.contains(code),
                        answer.status,
                        answer.text
                    ));
                }
            }
        }
        // What is not taken in is checked all the same: the statement says so of the whole system.
        let resource = json!({ "resourceType": kind });
        gateway.ehr.post(&format!("/fhir/{kind}/$validate"), &resource).await.expect(200);
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
    let all: BTreeSet<&str> = definitions.resource_types().iter().map(String::as_str).collect();
    assert!(told.iter().all(|entry| all.contains(entry["type"].as_str().unwrap())));
}

/// A value that a parameter of this kind takes.
fn value_of(kind: &str) -> &'static str {
    match kind {
        "date" => "2026",
        "reference" => "nobody",
        "number" | "quantity" => "1",
        "uri" => "urn:x",
        _ => "x",
    }
}

fn is_reference(parameter: &SearchParameter) -> bool {
    parameter.kind == "reference"
}

#[tokio::test]
async fn each_search_parameter_and_include_of_the_standard_is_told_or_refused() {
    let gateway = Gateway::start().await;
    let (told, definitions) = (told(&gateway).await, Definitions::r4().unwrap());
    let mut wrong = Vec::new();
    let mut asked = 0;
    for entry in &told {
        let kind = entry["type"].as_str().unwrap();
        let client = if kind == "AuditEvent" { &gateway.auditor } else { &gateway.ehr };
        let parameters = texts(&entry["searchParam"], "name");
        let includes = texts(&entry["searchInclude"], "");
        let reverse = texts(&entry["searchRevInclude"], "");
        let mut asks: Vec<(String, bool)> = Vec::new();
        let own = definitions.search_parameters(kind);
        let common =
            [("_id", "token"), ("_lastUpdated", "date"), ("_profile", "uri"), ("_tag", "token"), ("_text", "string")];
        let named = own.iter().map(|parameter| (parameter.code.as_str(), parameter.kind.as_str()));
        for (code, of) in named.chain(common).collect::<BTreeSet<_>>() {
            // Of the log, what can be read is narrower than the kind of the parameter.
            let value = match code {
                "outcome" if kind == "AuditEvent" => "0",
                "entity" if kind == "AuditEvent" => "Task/none",
                _ => value_of(of),
            };
            asks.push((format!("{code}={value}"), parameters.contains(code)));
        }
        for parameter in own.iter().filter(|parameter| is_reference(parameter)) {
            let include = format!("{kind}:{}", parameter.code);
            asks.push((format!("_include={include}"), includes.contains(include.as_str())));
        }
        for other in told.iter().filter_map(|other| other["type"].as_str()) {
            let targets = definitions.search_parameters(other);
            for parameter in
                targets.iter().filter(|one| is_reference(one) && one.targets.iter().any(|target| target == kind))
            {
                let include = format!("{other}:{}", parameter.code);
                asks.push((format!("_revinclude={include}"), reverse.contains(include.as_str())));
            }
        }
        for names in [&parameters, &includes, &reverse] {
            for name in names {
                let is_asked =
                    asks.iter().any(|(query, _)| query.contains(&format!("{name}=")) || query.ends_with(name));
                assert!(is_asked, "{kind} tells {name}, which R4 has not");
            }
        }
        for (query, is_told) in asks {
            let answer = client.get(&format!("/fhir/{kind}?{query}")).await;
            asked += 1;
            if answer.status != if is_told { 200 } else { 400 } {
                wrong.push(format!("{kind}?{query}: told {is_told}, {} {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked > 1000, "{asked}");
}

#[tokio::test]
async fn what_else_the_statement_says_of_a_type_is_so() {
    let gateway = Gateway::start().await;
    for entry in &told(&gateway).await {
        let kind = entry["type"].as_str().unwrap();
        let client = if kind == "AuditEvent" { &gateway.auditor } else { &gateway.ehr };
        let body = json!({ "resourceType": kind });
        // A condition that cannot be read is refused where conditions are read.
        let conditional = client.with_body(Method::POST, &format!("/fhir/{kind}"), &body).header("if-none-exist", "?");
        let answer = send(conditional).await;
        assert_eq!(
            entry["conditionalCreate"] == true,
            answer.status == 400 || answer.status == 422,
            "{kind} {}",
            answer.text
        );
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            let conditional = client.with_body(method.clone(), &format!("/fhir/{kind}?_id=x"), &body);
            assert_eq!(send(conditional).await.status, 405, "{method} {kind}");
        }
        assert_eq!(
            (&entry["conditionalUpdate"], &entry["conditionalDelete"]),
            (&json!(false), &json!("not-supported"))
        );
        assert_eq!(entry["updateCreate"], false);
        let own = texts(&entry["operation"], "name");
        let on_instance = client.request(Method::POST, &format!("/fhir/{kind}/none/$validate"));
        let answer = send(on_instance).await;
        assert_eq!(own.contains("validate"), is_served(&answer), "{kind} {} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn what_would_have_no_effect_is_not_taken_in() {
    let gateway = Gateway::start().await;
    let before = gateway.store.statistics().await.unwrap().newest;
    for (kind, why) in [
        ("Subscription", "Task?_lastUpdated=gt"),
        ("Endpoint", "Task?_lastUpdated=gt"),
        ("MessageHeader", "transaction"),
        ("Parameters", "$validate"),
        ("OperationOutcome", "no record"),
        ("Binary", "attachment.data"),
        ("List", "reference the resources"),
        ("Claim", "nothing would come of it"),
        ("Slot", "nothing would come of it"),
        ("SearchParameter", "nothing would come of it"),
    ] {
        let resource = json!({ "resourceType": kind });
        let alone = gateway.ehr.post(&format!("/fhir/{kind}"), &resource).await;
        assert_eq!((alone.status, alone.rules()), (404, vec!["not-supported".to_owned()]), "{}", alone.text);
        let entry = json!({ "resource": resource, "request": { "method": "POST", "url": kind } });
        let good = json!({ "resource": draft(1), "request": { "method": "POST", "url": "Task" } });
        let bundle = |of: &str, entries: &[&Value]| json!({ "resourceType": "Bundle", "type": of, "entry": entries });
        let whole = gateway.ehr.post("/fhir", &bundle("transaction", &[&good, &entry])).await;
        assert_eq!((whole.status, whole.rules()), (422, vec!["not-supported".to_owned()]), "{}", whole.text);
        assert_eq!(whole.json()["issue"][0]["expression"][0], "Bundle.entry[1].resource");
        let batch = gateway.ehr.post("/fhir", &bundle("batch", &[&entry])).await;
        assert_eq!(batch.expect(200)["entry"][0]["response"]["status"], "404 Not Found");
        for answer in [&alone, &whole, &batch] {
            assert!(answer.text.contains(why) && answer.text.contains("ServiceRequest"), "{kind}: {}", answer.text);
        }
    }
    assert_eq!(gateway.store.statistics().await.unwrap().newest, before, "something was stored");
    // The log is written by the gateway alone.
    let event = gateway.ehr.post("/fhir/AuditEvent", &json!({ "resourceType": "AuditEvent" })).await;
    assert_eq!(event.status, 405);
}

#[tokio::test]
async fn reference_data_of_an_ehr_stays_its_own_and_is_said_to() {
    let gateway = Gateway::start().await;
    let programs = gateway.agency.get("/agency/v1/programs").await.expect(200);
    for resource in [
        json!({ "resourceType": "Organization", "name": "Hollow Reach Outreach" }),
        json!({ "resourceType": "Location", "name": "Hollow Reach Hall" }),
        json!({ "resourceType": "HealthcareService", "active": true, "name": "Hollow Reach Meals",
                "providedBy": { "reference": "Organization/three-counties-action" } }),
    ] {
        let kind = resource["resourceType"].as_str().unwrap();
        let created = gateway.ehr.post(&format!("/fhir/{kind}"), &resource).await;
        let id = created.expect(201)["id"].as_str().unwrap().to_owned();
        assert!(created.header("handoff-remarks").contains("own-reference-data"), "{kind}");
        let entry = json!({ "resource": resource, "request": { "method": "POST", "url": kind } });
        for of in ["transaction", "batch"] {
            let bundle = json!({ "resourceType": "Bundle", "type": of, "entry": [entry] });
            let answer = gateway.ehr.post("/fhir", &bundle).await.expect(200);
            let issue = &answer["entry"][0]["response"]["outcome"]["issue"][0];
            assert_eq!(issue["details"]["coding"][0]["code"], "own-reference-data", "{kind} {of}: {answer:#}");
        }
        // Its sender reads it, nobody else does, and the directory is as it was.
        gateway.ehr.get(&format!("/fhir/{kind}/{id}")).await.expect(200);
        assert_eq!(gateway.agency.get(&format!("/fhir/{kind}/{id}")).await.status, 404);
        assert_eq!(gateway.other_ehr.get(&format!("/fhir/{kind}/{id}")).await.status, 404);
        let path = format!("/agency/v1/programs/{id}/capacity");
        let capacity = gateway.agency.with_body(Method::PUT, &path, &json!({ "status": "no-capacity" }));
        assert_eq!(send(capacity).await.status, 404);
    }
    assert_eq!(gateway.agency.get("/agency/v1/programs").await.expect(200), programs);
    // What is in the directory is changed by nobody who sends.
    let public = gateway.ehr.get("/fhir/HealthcareService/community-food").await;
    let put = gateway.ehr.with_body(Method::PUT, "/fhir/HealthcareService/community-food", &public.expect(200));
    let answer = send(put.header("if-match", public.header("etag").to_owned())).await;
    assert_eq!((answer.status, answer.rules()), (403, vec!["forbidden".to_owned()]), "{}", answer.text);
    // A referral to it leads nowhere, and that is said.
    let own = gateway
        .ehr
        .post("/fhir/Organization", &json!({ "resourceType": "Organization", "name": "Hollow Reach" }))
        .await;
    let own = own.expect(201)["id"].as_str().unwrap().to_owned();
    let mut bundle = crate::referral::transaction(5);
    bundle["entry"][2]["resource"]["owner"]["reference"] = json!(format!("Organization/{own}"));
    let answer = gateway.ehr.post("/fhir", &bundle).await;
    assert_eq!((answer.status, answer.rules()), (422, vec!["unknown-owner".to_owned()]), "{}", answer.text);
    sent(&gateway, 6).await;
}
