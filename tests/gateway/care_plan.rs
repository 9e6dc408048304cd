//! A plan that an EHR sends becomes several referrals, each with its own agency; the plan becomes each program's own when
//! the program changes it, and a review makes a new version of it.

use serde_json::{Value, json};

use crate::demo::Demo;

/// A plan for one person with two requests, food and housing, and no Task.
fn plan() -> Value {
    let text = include_str!("../../fixtures/demo/ehr/food-insecurity.json");
    let mut bundle: Value = serde_json::from_str(text).unwrap();
    let entries = bundle["entry"].as_array_mut().unwrap();
    for identifier in
        entries.iter_mut().flat_map(|entry| entry["resource"]["identifier"].as_array_mut().into_iter().flatten())
    {
        identifier["value"] = json!(format!("{}-plan", identifier["value"].as_str().unwrap()));
    }
    for entry in entries.iter_mut() {
        if let Some(condition) = entry["request"]["ifNoneExist"].as_str() {
            entry["request"]["ifNoneExist"] = json!(format!("{condition}-plan"));
        }
    }
    entries.retain(|entry| entry["resource"]["resourceType"] != "Task");
    let food = entries.iter().find(|entry| entry["resource"]["resourceType"] == "ServiceRequest").unwrap().clone();
    let mut housing = food.clone();
    let other = "urn:uuid:00000000-0000-4000-8000-0000000000aa";
    housing["fullUrl"] = json!(other);
    housing["resource"]["identifier"] = json!([{ "system": "urn:test:orders", "value": "housing" }]);
    housing["request"] = json!({ "method": "POST", "url": "ServiceRequest" });
    for coding in housing["resource"]["category"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .flat_map(|it| it["coding"].as_array_mut().unwrap())
    {
        if coding["code"] == "food-insecurity" {
            *coding = json!({ "system": coding["system"], "code": "homelessness" });
        }
    }
    housing["resource"]["code"] = json!({ "coding": [{ "system": "http://snomed.info/sct", "code": "710911006" }] });
    let goal = "urn:uuid:00000000-0000-4000-8000-0000000000bb";
    let person = food["resource"]["subject"].clone();
    entries.push(housing);
    entries.push(json!({
        "fullUrl": goal,
        "resource": {
            "resourceType": "Goal", "lifecycleStatus": "active", "subject": person,
            "description": { "text": "Enough to eat, and a roof" },
        },
        "request": { "method": "POST", "url": "Goal" },
    }));
    let plan = "urn:uuid:00000000-0000-4000-8000-0000000000cc";
    entries.push(json!({
        "fullUrl": plan,
        "resource": {
            "resourceType": "CarePlan", "status": "active", "intent": "plan", "title": "Back on one's feet",
            "category": [{ "coding": [{ "system": "http://hl7.org/fhir/us/core/CodeSystem/careplan-category", "code": "assess-plan" }] }],
            "subject": person, "goal": [{ "reference": goal }],
            "activity": [
                { "reference": { "reference": food["fullUrl"] } },
                { "reference": { "reference": other } },
                { "detail": { "status": "in-progress", "description": "A nurse calls each week" } },
            ],
        },
        "request": { "method": "POST", "url": "CarePlan" },
    }));
    for entry in bundle["entry"].as_array_mut().unwrap() {
        if entry["resource"]["resourceType"] == "ServiceRequest" {
            entry["resource"]["basedOn"] = json!([{ "reference": plan }]);
        }
    }
    bundle
}

fn locations<'a>(response: &'a Value, kind: &str) -> Vec<&'a str> {
    let entries = response["entry"].as_array().unwrap().iter();
    let locations = entries.filter_map(|entry| entry["response"]["location"].as_str());
    locations.filter_map(|location| location.split(&format!("{kind}/")).nth(1)?.split('/').next()).collect()
}

#[tokio::test]
async fn a_plan_becomes_several_referrals_and_the_programs_own() {
    let demo = Demo::start().await;
    let ehr = demo.client("fernhollow-ehr");
    let response = ehr.post("/fhir", &plan()).await.expect(200);
    let tasks = locations(&response, "Task");
    assert_eq!(tasks.len(), 2, "{response:#}");
    let mut owners = Vec::new();
    for task in &tasks {
        let task = ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
        owners.push(task["owner"]["reference"].as_str().unwrap().to_owned());
    }
    assert_eq!(owners, ["Organization/three-counties-action", "Organization/lantern-housing"]);

    // Each agency sees its own referral and the plan, not the other's.
    let agency = demo.client("three-counties-intake");
    let path = format!("/agency/v1/referrals/{}", tasks[0]);
    let mut record = agency.get(&path).await.expect(200);
    assert_eq!(record["plan"]["title"], "Back on one's feet");
    assert_eq!(record["plan"]["strategies"].as_array().unwrap().len(), 3);
    let own = record["plan"]["strategies"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["referral"] == record["referral"]["request"]);
    assert!(own.is_some(), "{record:#}");
    agency.get(&format!("/agency/v1/referrals/{}", tasks[1])).await.expect(404);

    // Changed, the plan is the program's; the sender's stays as it was.
    let sent = locations(&response, "CarePlan")[0].to_owned();
    agency.post(&format!("{path}/events"), &json!({ "event": "accept" })).await.expect(200);
    record = agency.get(&path).await.expect(200);
    record["plan"]["needs"] = json!([{ "statement": "No kitchen", "category": "food-insecurity" }]);
    record["plan"]["strategies"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "text": "Meals on Mondays", "status": "scheduled" }));
    let changed = agency.put(&path, &record.to_string(), None).await.expect(200);
    let own = changed["plan"]["id"].as_str().unwrap().to_owned();
    assert_ne!(own, sent);
    assert_eq!(changed["plan"]["strategies"].as_array().unwrap().len(), 4);
    assert_eq!(changed["plan"]["goals"], record["plan"]["goals"]);
    let before = ehr.get(&format!("/fhir/CarePlan/{sent}")).await.expect(200);
    assert_eq!((&before["meta"]["versionId"], before["activity"].as_array().unwrap().len()), (&json!("1"), 3));
    let copy = ehr.get(&format!("/fhir/CarePlan/{own}")).await.expect(200);
    assert_eq!(copy["basedOn"][0]["reference"], format!("CarePlan/{sent}"));

    // A review makes a new version of it.
    let mut record = changed;
    record["reviews"] =
        json!([{ "kind": "follow-up", "doneAt": "2026-11-20", "outcome": "continue", "nextDue": "2027-02-20" }]);
    let reviewed = agency.put(&path, &record.to_string(), None).await.expect(200);
    assert_eq!((&record["plan"]["version"], &reviewed["plan"]["version"]), (&json!("1"), &json!("2")));
    assert_eq!(reviewed["reviews"][0]["nextDue"], "2027-02-20");
    ehr.get(&format!("/fhir/CarePlan/{own}/_history/1")).await.expect(200);
}

#[tokio::test]
async fn a_plan_sent_twice_makes_its_referrals_once() {
    let demo = Demo::start().await;
    let ehr = demo.client("fernhollow-ehr");
    let first = ehr.post("/fhir", &plan()).await.expect(200);
    let again = ehr.post("/fhir", &plan()).await.expect(200);
    assert_eq!(locations(&first, "Task"), locations(&again, "Task"));
}
