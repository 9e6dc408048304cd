//! How answers speak of what was found: the worst first, in the answer as in the log; what was left out as a warning; what
//! stands twice by both places.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway, send};
use crate::referral::{FAMILY, GIVEN, draft, sent, transaction};

/// The severities of an OperationOutcome, in order.
fn severities(outcome: &Value) -> Vec<u8> {
    let worth = |issue: &Value| match issue["severity"].as_str() {
        Some("fatal") => 3,
        Some("error") => 2,
        Some("warning") => 1,
        Some("information") => 0,
        other => panic!("no severity {other:?}"),
    };
    outcome["issue"].as_array().unwrap().iter().map(worth).collect()
}

#[track_caller]
fn is_worst_first(outcome: &Value, kinds: usize) {
    let found = severities(outcome);
    assert!(found.is_sorted_by(|one, next| one >= next), "{outcome:#}");
    let mut distinct = found.clone();
    distinct.dedup();
    assert!(distinct.len() >= kinds, "nothing is told apart here: {found:?}");
}

/// A resource with what cannot be checked before what is wrong.
fn mixed() -> Value {
    let mut task = draft(1);
    task["meta"] = json!({ "profile": ["urn:test:nobody-knows"] });
    task["status"] = json!("requsted");
    task["zzz"] = json!(1);
    task
}

#[tokio::test]
async fn the_worst_finding_comes_first_in_every_answer() {
    let gateway = Gateway::start().await;
    let ehr = &gateway.ehr;
    let alone = ehr.post("/fhir/Task", &mixed()).await;
    is_worst_first(&alone.expect(422), 2);
    // Errors stay in the order of the document.
    let outcome = alone.json();
    let errors = outcome["issue"].as_array().unwrap().iter().filter(|issue| issue["severity"] == "error");
    let paths: Vec<&str> = errors.filter_map(|issue| issue["expression"][0].as_str()).collect();
    assert!(paths.ends_with(&["Task.status", "Task.zzz"]), "{paths:?}");
    is_worst_first(&ehr.post("/fhir/$validate", &mixed()).await.expect(200), 2);
    let parameters =
        json!({ "resourceType": "Parameters", "parameter": [{ "name": "resource", "resource": mixed() }] });
    is_worst_first(&ehr.post("/fhir/Task/$validate?mode=create", &parameters).await.expect(200), 2);
    let entry = json!({ "resource": mixed(), "request": { "method": "POST", "url": "Task" } });
    let transaction = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] });
    is_worst_first(&ehr.post("/fhir", &transaction).await.expect(422), 2);
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
    let answer = ehr.post("/fhir", &batch).await.expect(200);
    is_worst_first(&answer["entry"][0]["response"]["outcome"], 2);
    // What is accepted: remarks.
    let mut accepted = draft(2);
    accepted["meta"] = json!({ "profile": ["urn:test:nobody-knows"] });
    accepted["basedOn"] = json!([{ "reference": "CarePlan/nobody" }]);
    let entry = json!({ "resource": accepted, "request": { "method": "POST", "url": "Task" } });
    let batch = json!({ "resourceType": "Bundle", "type": "batch", "entry": [entry] });
    let answer = ehr.post("/fhir", &batch).await.expect(200);
    is_worst_first(&answer["entry"][0]["response"]["outcome"], 1);
}

#[tokio::test]
async fn a_sheet_tells_what_refused_it_first() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    // The first row is only changed, the second one is refused.
    let sheet = format!("referral_id,event,shoe size\n{id},accept,42\nnone,accept,\n");
    let post = gateway.agency.request(Method::POST, "/agency/v1/sheets/community-action");
    let answer = send(post.header("content-type", "text/csv").body(sheet)).await;
    let report = answer.expect(422);
    let done: Vec<&str> =
        report["findings"].as_array().unwrap().iter().filter_map(|finding| finding["done"].as_str()).collect();
    assert_eq!(done.first(), Some(&"refused"), "{report:#}");
    assert!(
        done.len() > 1 && done.iter().skip_while(|done| **done == "refused").all(|done| *done != "refused"),
        "{done:?}"
    );
    is_logged(&answer, &["status=422", "rule=\"referral\""]);
}

/// Has the log a line of this request with all of this? All tests of the process log to one place, and their ids count alike.
#[track_caller]
fn is_logged(answer: &Answer, parts: &[&str]) -> String {
    let id = format!("id=\"{}\"", answer.header("x-request-id"));
    let log = crate::log::captured();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&id) && line.contains("duration_ms")).collect();
    let found = lines.iter().find(|line| parts.iter().all(|part| line.contains(part)));
    (*found.unwrap_or_else(|| panic!("{parts:?} in none of {lines:#?}"))).to_owned()
}

#[tokio::test]
async fn the_log_names_the_rules_that_refused() {
    let gateway = Gateway::with(|settings| settings.base = Some("https://rules.example".to_owned())).await;
    let mut wrong = transaction(1);
    wrong["entry"][0]["resource"]["meta"] = json!({ "profile": ["urn:test:nobody-knows"] });
    wrong["entry"][0]["resource"]["gender"] = json!(FAMILY);
    wrong["entry"][1]["resource"]["zzz"] = json!(GIVEN);
    let answer = gateway.ehr.post("/fhir", &wrong).await;
    assert_eq!(answer.status, 422);
    let line = is_logged(&answer, &["status=422", "rule=\"binding unknown-element\""]);
    assert!(!line.contains(FAMILY) && !line.contains(GIVEN) && !line.contains("nobody-knows"), "{line}");
}

#[tokio::test]
async fn what_a_lenient_search_leaves_out_is_a_warning() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    for (client, query, kept) in [
        (
            &gateway.ehr,
            "Patient?family=wintergreen&shoe-size=42&_summary=true&name:sounds=x&organization.name=y",
            "Patient?family=wintergreen",
        ),
        (&gateway.ehr, "Task?_has:Observation:focus:code=x&_sort=priority&status=requested", "Task?status=requested"),
        (&gateway.ehr, "ValueSet?publisher=x&_id=need-category", "ValueSet?_id=need-category"),
        (&gateway.auditor, "AuditEvent?site=x&_count=3&outcome=0&agent.name=y", "AuditEvent?_count=3&outcome=0"),
    ] {
        let path = format!("/fhir/{query}");
        for prefer in ["", "handling=strict"] {
            let request = client.request(Method::GET, &path);
            let request = if prefer.is_empty() { request } else { request.header("prefer", prefer) };
            assert_eq!(send(request).await.status, 400, "{query} {prefer}");
        }
        let (kind, form) = query.split_once('?').unwrap();
        let posted = client.request(Method::POST, &format!("/fhir/{kind}/_search"));
        let posted = posted.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        for request in [client.request(Method::GET, &path), posted] {
            let found = send(request.header("prefer", "handling=lenient")).await.expect(200);
            let own = found["link"][0]["url"].as_str().unwrap();
            assert_eq!(own, format!("{}/fhir/{kept}", gateway.base), "{query}");
            let last = found["entry"].as_array().unwrap().last().unwrap();
            assert_eq!(last["search"]["mode"], "outcome", "{query}");
            let issues = last["resource"]["issue"].as_array().unwrap();
            let left_out = query.matches('&').count() + 1 - kept.matches('&').count() - 1;
            assert_eq!(issues.len(), left_out, "{query}: {last:#}");
            assert!(issues.iter().all(|issue| issue["severity"] == "warning"), "{last:#}");
        }
    }
    // What is known and badly written is refused, however lenient the client is.
    let wrong = gateway.ehr.request(Method::GET, "/fhir/Task?_lastUpdated=soon").header("prefer", "handling=lenient");
    assert_eq!(send(wrong).await.status, 400);
}

#[tokio::test]
async fn a_search_by_post_needs_no_body() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    let post = |path: &str| gateway.ehr.request(Method::POST, path);
    for path in
        ["/fhir/Task/_search", "/fhir/Task/_search?status=requested&_count=1", "/fhir/ValueSet/_search?_count=1"]
    {
        let form = "application/x-www-form-urlencoded";
        for request in [
            post(path),
            post(path).header("content-length", "0"),
            post(path).header("content-type", form),
            post(path).header("content-type", form).body(""),
            post(path).header("content-type", "application/fhir+json").body(""),
        ] {
            let found = send(request).await.expect(200);
            assert!(!found["entry"].as_array().unwrap().is_empty(), "{path}");
        }
    }
    let both = post("/fhir/Task/_search?status=requested").header("content-type", "application/x-www-form-urlencoded");
    let found = send(both.body("_total=accurate&status=draft")).await.expect(200);
    assert_eq!(found["total"], 0, "the address and the form count together");
    let other = post("/fhir/Task/_search").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(send(other.body("_format=xml")).await.status, 406);
    for request in [
        post("/fhir/Task/_search").body("status=requested"),
        post("/fhir/Task/_search").header("content-type", "text/plain").body("x"),
    ] {
        assert_eq!(send(request).await.status, 415);
    }
}

#[tokio::test]
async fn what_stands_twice_is_named_by_both_places() {
    let gateway = Gateway::start().await;
    let mut twice = transaction(1);
    let entry = twice["entry"][0].clone();
    twice["entry"].as_array_mut().unwrap().push(entry);
    let answer = gateway.ehr.post("/fhir", &twice).await;
    assert!(answer.rules().contains(&"bundle-duplicate".to_owned()), "{}", answer.text);
    assert!(answer.text.contains("entry[0] has the same fullUrl as entry[3]"), "{}", answer.text);
    assert_eq!(answer.json()["issue"][0]["code"], "duplicate", "the reason leads: {}", answer.text);
    let member = "{\"resourceType\":\"Task\",\n \"status\":\"draft\",\n \"status\":\"ready\"}";
    let post = gateway.ehr.request(Method::POST, "/fhir/Task").header("content-type", "application/fhir+json");
    let answer = send(post.body(member)).await;
    assert_eq!((answer.status, answer.rules()), (400, vec!["duplicate-member".to_owned()]), "{}", answer.text);
    for place in ["first at 2:2", "line 3, column 2"] {
        assert!(answer.text.contains(place), "{place}: {}", answer.text);
    }
}

#[tokio::test]
async fn people_are_found_without_case_and_accents() {
    let gateway = Gateway::start().await;
    let patient = json!({ "resourceType": "Patient", "name": [{ "family": "Nu\u{301}n\u{303}ez-Großmann", "given": ["Søren"] }] });
    gateway.ehr.post("/fhir/Patient", &patient).await.expect(201);
    for (query, count) in [
        ("family=NUNEZ", 1),
        ("family=n%C3%BA%C3%B1ez-grossmann", 1),
        ("family:contains=gro%C3%9F", 1),
        ("given=soren", 1),
        ("name=s%C3%B8ren", 1),
        ("family:exact=Nunez-Grossmann", 0),
        ("family:exact=Nu%CC%81n%CC%83ez-Gro%C3%9Fmann", 1),
    ] {
        let found = gateway.ehr.get(&format!("/fhir/Patient?{query}&_total=accurate")).await.expect(200);
        assert_eq!(found["total"], count, "{query}");
    }
}
