//! Search over HTTP (<https://hl7.org/fhir/R4/search.html>): the Bundle, its links, its pages, its manners. What matches
//! is the store's business and tested there.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{AGENCY, Gateway, send};
use crate::referral::{FAMILY, draft, sent};

fn ids(bundle: &Value) -> Vec<String> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| entry["resource"]["id"].as_str().unwrap().to_owned()).collect()
}

fn link<'b>(bundle: &'b Value, relation: &str) -> Option<&'b str> {
    bundle["link"].as_array()?.iter().find(|link| link["relation"] == relation)?["url"].as_str()
}

#[tokio::test]
async fn pages_follow_each_other_to_the_end() {
    let gateway = Gateway::start().await;
    let mut all = BTreeSet::new();
    for number in 0..7 {
        all.insert(gateway.ehr.post("/fhir/Task", &draft(number)).await.expect(201)["id"].as_str().unwrap().to_owned());
    }
    let mut seen = Vec::new();
    let mut path = "/fhir/Task?status=draft&_count=3".to_owned();
    loop {
        let page = gateway.ehr.get(&path).await.expect(200);
        assert_eq!(page["type"], "searchset");
        assert!(link(&page, "self").unwrap().contains("status=draft&_count=3"), "{page}");
        assert!(page["entry"].as_array().unwrap().iter().all(|entry| entry["search"]["mode"] == "match"));
        seen.extend(ids(&page));
        match link(&page, "next") {
            Some(next) => path = next.strip_prefix(&gateway.base).unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), all.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
}

#[tokio::test]
async fn finds_an_agencys_tasks_with_what_they_reference() {
    let gateway = Gateway::start().await;
    let task = sent(&gateway, 1).await;
    let query = format!("owner=Organization/{AGENCY}&status=requested&_include=Task:focus&_include=Task:patient");
    let found = gateway.agency.get(&format!("/fhir/Task?{query}")).await.expect(200);
    let modes: Vec<&str> =
        found["entry"].as_array().unwrap().iter().filter_map(|entry| entry["search"]["mode"].as_str()).collect();
    assert_eq!(modes, ["match", "include", "include"]);
    assert_eq!(found["entry"][0]["fullUrl"], format!("{}/fhir/Task/{task}", gateway.base));

    let form = gateway.agency.request(Method::POST, "/fhir/Task/_search");
    let form = form.header("content-type", "application/x-www-form-urlencoded").body(query);
    let posted = send(form).await.expect(200);
    assert_eq!(ids(&posted), ids(&found));
    let none = gateway.agency.get("/fhir/Task?status=draft&_total=accurate").await.expect(200);
    assert_eq!((&none["total"], &none["entry"]), (&json!(0), &Value::Null));
}

#[tokio::test]
async fn leniency_is_asked_for_and_told() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    let get = |prefer: &str| {
        let request =
            gateway.ehr.request(Method::GET, "/fhir/Patient?family=Wintergreen&shoe-size=42&_include=Patient:shoe");
        request.header("prefer", prefer.to_owned())
    };
    assert_eq!(send(get("handling=strict")).await.status, 400);
    let found = send(get("handling=lenient")).await.expect(200);
    assert_eq!(link(&found, "self").unwrap(), format!("{}/fhir/Patient?family={FAMILY}", gateway.base));
    assert_eq!(found["entry"][0]["resource"]["name"][0]["family"], FAMILY);
    let last = found["entry"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["search"]["mode"], &last["resource"]["resourceType"]),
        (&json!("outcome"), &json!("OperationOutcome"))
    );
    assert_eq!(last["resource"]["issue"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn gives_parts_of_resources() {
    let gateway = Gateway::start().await;
    sent(&gateway, 1).await;
    let found = gateway.ehr.get("/fhir/Task?_elements=status,owner").await.expect(200);
    let task = &found["entry"][0]["resource"];
    let names: Vec<&str> = task.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["resourceType", "id", "meta", "status", "owner"]);
    assert_eq!(task["meta"]["tag"][0]["code"], "SUBSETTED");
    let count = gateway.ehr.get("/fhir/Task?_summary=count").await.expect(200);
    assert_eq!((&count["total"], &count["entry"]), (&json!(1), &Value::Null));
}
