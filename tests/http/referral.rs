//! Referrals to send: invented people, in the shape of the guide's examples.

use serde_json::{Value, json};

use crate::gateway::{AGENCY, Gateway, HOSPITAL};

/// What the person is called, who must not be named in a log.
pub const FAMILY: &str = "Wintergreen";
pub const GIVEN: &str = "Perpetua";

/// A transaction with a person, a request and a Task to the agency.
pub fn transaction(number: usize) -> Value {
    let person = "urn:uuid:00000000-0000-4000-8000-000000000001";
    let request = "urn:uuid:00000000-0000-4000-8000-000000000002";
    let entry = |number: u32, resource: Value| {
        let asks = json!({ "method": "POST", "url": resource["resourceType"] });
        json!({ "fullUrl": format!("urn:uuid:00000000-0000-4000-8000-{number:012}"), "resource": resource, "request": asks })
    };
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        entry(1, json!({
            "resourceType": "Patient",
            "identifier": [{ "system": "urn:test:person", "value": number.to_string() }],
            "name": [{ "family": FAMILY, "given": [GIVEN] }],
            "birthDate": "1990-01-01"
        })),
        entry(2, json!({
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "category": [{ "coding": [{
                "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
                "code": "food-insecurity"
            }] }],
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "710925007" }] },
            "subject": { "reference": person }
        })),
        entry(3, json!({
            "resourceType": "Task",
            "identifier": [{ "system": "urn:test:referral", "value": number.to_string() }],
            "status": "requested",
            "intent": "order",
            "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }] },
            "focus": { "reference": request },
            "for": { "reference": person },
            "authoredOn": "2026-11-20T09:00:00Z",
            "requester": { "reference": format!("Organization/{HOSPITAL}") },
            "owner": { "reference": format!("Organization/{AGENCY}") }
        })),
    ]})
}

/// Sends a referral to the agency; gives the id of its Task.
pub async fn sent(gateway: &Gateway, number: usize) -> String {
    task_of(&gateway.ehr.post("/fhir", &transaction(number)).await.expect(200))
}

/// The id of the Task that a transaction made.
pub fn task_of(response: &Value) -> String {
    key_of(response, "Task").trim_start_matches("Task/").to_owned()
}

/// Type and id of what a transaction made of this type.
pub fn key_of(response: &Value, kind: &str) -> String {
    let mut locations =
        response["entry"].as_array().unwrap().iter().filter_map(|entry| entry["response"]["location"].as_str());
    let found = locations.find_map(|location| location.find(&format!("{kind}/")).map(|at| &location[at..])).unwrap();
    found.split("/_history").next().unwrap().to_owned()
}

/// A draft Task, which is kept and goes nowhere.
pub fn draft(number: usize) -> Value {
    json!({
        "resourceType": "Task",
        "identifier": [{ "system": "urn:test:draft", "value": number.to_string() }],
        "status": "draft",
        "intent": "order",
        "extension": [{ "url": "urn:test:unknown", "valueDecimal": serde_json::from_str::<Value>("1.10").unwrap() }]
    })
}
