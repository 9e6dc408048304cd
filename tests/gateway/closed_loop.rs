//! One referral goes all the way round: posted, found, accepted, served, completed, read.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::demo::{Client, Demo, send};

/// The resources of the guide that make a referral.
const REFERRAL: &[&str] = &[
    "Patient-pat-53234",
    "PractitionerRole-SDOHCC-PractitionerRoleDrJanWaterExample",
    "Practitioner-SDOHCC-PractitionerDrJanWaterExample",
    "Organization-SDOHCC-OrganizationClinicExample",
    "Condition-SDOHCC-ConditionFoodInsecurityExample",
    "Consent-SDOHCC-ConsentInformationDisclosureExample",
    "ServiceRequest-SDOHCC-ServiceRequestActiveFoodPantryApplicationAssistExample",
    "Task-SDOHCC-TaskReferralManagementOrderFulfillmentAcceptedExample",
];

/// A transaction of the guide's own examples, or nothing (said aloud) where they are not at hand.
fn guide_transaction(owner: &str) -> Option<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/examples/sdohcc");
    if !folder.exists() {
        eprintln!("skipped: the guide's examples are not beside this checkout");
        return None;
    }
    let read = |name: &&str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap()
    };
    let mut resources: Vec<Value> = REFERRAL.iter().map(read).collect();
    let mut names = HashMap::new();
    for (position, resource) in resources.iter().enumerate() {
        let name = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        names.insert(name, format!("urn:uuid:00000000-0000-4000-8000-{position:012}"));
    }
    let mut entries = Vec::new();
    for resource in &mut resources {
        let kind = resource["resourceType"].as_str().unwrap().to_owned();
        let full_url = names[&format!("{kind}/{}", resource["id"].as_str().unwrap())].clone();
        resource.as_object_mut().unwrap().remove("id");
        rename(resource, &names);
        let mut request = json!({ "method": "POST", "url": kind });
        if kind == "Task" {
            resource["status"] = json!("requested");
            resource["owner"] = json!({ "reference": owner });
            resource["identifier"] = json!([{ "system": "urn:test", "value": "once" }]);
            request["ifNoneExist"] = json!("identifier=urn:test|once");
        }
        entries.push(json!({ "fullUrl": full_url, "resource": resource, "request": request }));
    }
    Some(json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries }))
}

fn rename(value: &mut Value, names: &HashMap<String, String>) {
    match value {
        Value::Object(members) => {
            if let Some(name) = members.get("reference").and_then(Value::as_str).and_then(|name| names.get(name)) {
                members.insert("reference".to_owned(), json!(name));
            }
            members.values_mut().for_each(|member| rename(member, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}

/// The id of the Task that a transaction made.
pub fn task_of(response: &Value) -> String {
    let locations =
        response["entry"].as_array().unwrap().iter().map(|entry| entry["response"]["location"].as_str().unwrap());
    let location = locations.into_iter().find_map(|location| location.split("Task/").nth(1)).unwrap();
    location.split('/').next().unwrap().to_owned()
}

async fn event(agency: &Client, task: &str, event: Value) -> Value {
    agency.post(&format!("/agency/v1/referrals/{task}/events"), &event).await.expect(200)
}

#[tokio::test]
async fn the_guides_referral_goes_round() {
    let demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let Some(transaction) = guide_transaction(&agency.organization) else { return };
    go_round(&ehr, &agency, &transaction).await;
}

#[tokio::test]
async fn our_own_referral_goes_round_routed() {
    let demo = Demo::start().await;
    let (ehr, agency) = (demo.client("fernhollow-ehr"), demo.client("three-counties-intake"));
    let text = include_str!("../../fixtures/demo/ehr/food-insecurity.json");
    let mut transaction: Value = serde_json::from_str(text).unwrap();
    // The demo has walked this person round before; another identifier makes another person and another referral.
    for entry in transaction["entry"].as_array_mut().unwrap() {
        for identifier in entry["resource"]["identifier"].as_array_mut().into_iter().flatten() {
            identifier["value"] = json!(format!("{}-again", identifier["value"].as_str().unwrap()));
        }
        if let Some(condition) = entry["request"]["ifNoneExist"].as_str() {
            entry["request"]["ifNoneExist"] = json!(format!("{condition}-again"));
        }
    }
    go_round(&ehr, &agency, &transaction).await;
}

async fn go_round(ehr: &Client, agency: &Client, transaction: &Value) {
    let (_, cursor) = agency.poll_all(None).await;

    let first = ehr.post("/fhir", transaction).await.expect(200);
    let task = task_of(&first);

    let (records, after) = agency.poll(Some(&cursor)).await;
    assert_eq!(records.iter().map(|record| record["id"].clone()).collect::<Vec<_>>(), [json!(task)]);
    let search = format!("/fhir/Task?owner={}&status=requested", agency.organization);
    let found = agency.get(&search).await.expect(200);
    let found: Vec<&Value> = found["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]["id"]).collect();
    assert!(found.contains(&&json!(task)), "{found:?}");

    let again = ehr.post("/fhir", transaction).await.expect(200);
    assert_eq!(task_of(&again), task, "the same conditional-create key makes no second Task");
    let record = event(agency, &task, json!({ "event": "accept" })).await;
    assert_eq!(record["referral"]["state"], "accepted");
    assert_eq!(ehr.get(&format!("/fhir/Task/{task}")).await.expect(200)["status"], "accepted");

    let complete = json!({
        "event": "complete",
        "service": { "at": "2026-11-20T10:00:00Z", "minutes": 30, "mode": "in-person", "notes": "filled in the form together" },
        "outcome": { "status": "achieved" }
    });
    let url = format!("/agency/v1/referrals/{task}/events");
    let keyed = || {
        agency
            .request(reqwest::Method::POST, &url)
            .header("Content-Type", "application/json")
            .header("Idempotency-Key", "complete-1")
            .body(complete.to_string())
    };
    let record = send(keyed()).await.expect(200);
    assert_eq!(record["referral"]["state"], "need-met");
    assert_eq!(record["services"].as_array().unwrap().len(), 1);
    let version = ehr.get(&format!("/fhir/Task/{task}")).await.expect(200)["meta"]["versionId"].clone();
    assert_eq!(send(keyed()).await.expect(200), record, "a repeated request changes nothing");

    let seen = ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    assert_eq!((&seen["status"], &seen["meta"]["versionId"]), (&json!("completed"), &version));
    let procedure = seen["output"][0]["valueReference"]["reference"].as_str().unwrap();
    assert!(procedure.starts_with("Procedure/"), "{procedure}");
    let procedure = ehr.get(&format!("/fhir/{procedure}")).await.expect(200);
    assert_eq!(procedure["status"], "completed");
    assert_eq!(procedure["basedOn"][0]["reference"], seen["focus"]["reference"]);

    let (records, _) = agency.poll(Some(&after)).await;
    assert_eq!(records.len(), 1, "one referral, once, at its newest version");
    assert_eq!(records[0]["referral"]["status"], "completed");
}
