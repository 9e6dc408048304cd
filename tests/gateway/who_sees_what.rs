//! Nothing reaches someone who has no right to it.

use serde_json::{Value, json};

use crate::closed_loop::task_of;
use crate::demo::{Client, Demo};

/// A referral of our own, addressed, of a person who is new every time.
pub fn transaction(owner: Option<&str>, number: usize) -> Value {
    let mut task = json!({
        "resourceType": "Task",
        "identifier": [{ "system": "urn:test:referral", "value": number.to_string() }],
        "status": "requested",
        "intent": "order",
        "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }] },
        "focus": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000002" },
        "for": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000001" },
        "authoredOn": "2026-11-20T09:00:00Z",
        "requester": { "display": "Test Hospital" }
    });
    if let Some(owner) = owner {
        task["owner"] = json!({ "reference": owner });
    }
    let entry = |number: u32, resource: Value| {
        let request = json!({ "method": "POST", "url": resource["resourceType"] });
        json!({ "fullUrl": format!("urn:uuid:00000000-0000-4000-8000-{number:012}"), "resource": resource, "request": request })
    };
    json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        entry(1, json!({ "resourceType": "Patient", "name": [{ "family": "Testperson", "given": [format!("Number{number}")] }], "birthDate": "1990-01-01" })),
        entry(2, json!({
            "resourceType": "ServiceRequest",
            "status": "active",
            "intent": "order",
            "category": [{ "coding": [{ "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes", "code": "food-insecurity" }] }],
            "code": { "coding": [{ "system": "http://snomed.info/sct", "code": "710925007" }] },
            "subject": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000001" }
        })),
        entry(3, task),
    ]})
}

async fn is_hidden(client: &Client, path: &str) {
    let status = client.get(path).await.status.as_u16();
    assert!(status == 403 || status == 404, "{path} answered {status}");
}

#[tokio::test]
async fn another_agency_sees_nothing_of_a_referral() {
    let demo = Demo::start().await;
    let (ehr, owner, other) = (demo.of_role("ehr", 0), demo.of_role("agency", 0), demo.of_role("agency", 1));
    let (_, cursor) = other.poll_all(None).await;
    let task = task_of(&ehr.post("/fhir", &transaction(Some(&owner.organization), 1)).await.expect(200));
    let stored = owner.get(&format!("/fhir/Task/{task}")).await.expect(200);
    let patient = stored["for"]["reference"].as_str().unwrap().to_owned();
    let request = stored["focus"]["reference"].as_str().unwrap().to_owned();
    owner.get(&format!("/fhir/{patient}")).await.expect(200);

    let stranger = demo.of_role("ehr", 1);
    let engineer = demo.of_role("engineer", 0);
    for client in [&other, &stranger, &engineer] {
        for path in [
            format!("/fhir/Task/{task}"),
            format!("/fhir/Task/{task}/_history"),
            format!("/fhir/Task/{task}/_history/1"),
            format!("/fhir/{patient}"),
            format!("/fhir/{request}"),
            format!("/agency/v1/referrals/{task}"),
        ] {
            is_hidden(client, &path).await;
        }
    }
    for search in [
        format!("/fhir/Task?_id={task}"),
        format!("/fhir/Task?owner={}", owner.organization),
        format!("/fhir/Task?patient={patient}&_include=Task:patient&_include=Task:focus"),
        format!("/fhir/ServiceRequest?patient={patient}&_revinclude=Task:focus"),
        "/fhir/Patient?_count=1000".to_owned(),
    ] {
        let found = other.get(&search).await.expect(200);
        let entries = found["entry"].to_string();
        assert!(!entries.contains(&task) && !entries.contains(&patient), "{search}: {entries}");
    }
    assert!(other.poll(Some(&cursor)).await.0.is_empty());
    let event = other.post(&format!("/agency/v1/referrals/{task}/events"), &json!({ "event": "accept" })).await;
    assert!(matches!(event.status.as_u16(), 403 | 404), "{}", event.text);

    // What was never shown cannot be shown on: a reference to it is a reference to nothing.
    let mut probe = transaction(Some(&other.organization), 2);
    probe["entry"][2]["resource"]["for"] = json!({ "reference": patient });
    let refused = stranger.post("/fhir", &probe).await;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.text);
    assert!(refused.text.contains("reference-dangling"), "{}", refused.text);
}

#[tokio::test]
async fn a_referral_that_consent_forbids_reaches_nobody() {
    let demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let (_, cursor) = agency.poll_all(None).await;
    let mut refused = transaction(Some(&agency.organization), 3);
    let consent = json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL" }] }],
        "patient": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000001" },
        "dateTime": "2026-11-01",
        "policyRule": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentpolicycodes", "code": "hipaa-auth" }] },
        "provision": { "type": "deny" }
    });
    let entry = json!({ "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000004", "resource": consent, "request": { "method": "POST", "url": "Consent" } });
    refused["entry"].as_array_mut().unwrap().insert(2, entry);
    let task = task_of(&ehr.post("/fhir", &refused).await.expect(200));

    let seen = ehr.get(&format!("/fhir/Task/{task}")).await.expect(200);
    assert_eq!(seen["status"], "rejected");
    assert_eq!(seen["statusReason"]["coding"][0]["code"], "consent-denied");
    assert!(!seen["statusReason"]["text"].as_str().unwrap().is_empty());
    is_hidden(&agency, &format!("/fhir/Task/{task}")).await;
    is_hidden(&agency, &format!("/agency/v1/referrals/{task}")).await;
    assert!(agency.poll(Some(&cursor)).await.0.is_empty());
}

#[tokio::test]
async fn a_consent_that_is_taken_back_ends_the_referral() {
    let demo = Demo::start().await;
    let (ehr, agency) = (demo.of_role("ehr", 0), demo.of_role("agency", 0));
    let task = task_of(&ehr.post("/fhir", &transaction(Some(&agency.organization), 4)).await.expect(200));
    let (_, cursor) = agency.poll_all(None).await;
    let patient = ehr.get(&format!("/fhir/Task/{task}")).await.expect(200)["for"]["reference"].clone();
    ehr.post("/fhir/Consent", &refusal(&patient, &agency.organization)).await.expect(201);
    assert_eq!(ehr.get(&format!("/fhir/Task/{task}")).await.expect(200)["status"], "rejected");
    is_hidden(&agency, &format!("/fhir/{}", patient.as_str().unwrap())).await;
    let (records, _) = agency.poll(Some(&cursor)).await;
    assert_eq!(records, [json!({ "id": task, "withdrawn": true })]);
}

/// The person's consent that nothing is shown to this organization.
pub fn refusal(patient: &Value, organization: &str) -> Value {
    json!({
        "resourceType": "Consent",
        "status": "active",
        "scope": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy" }] },
        "category": [{ "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IDSCL" }] }],
        "patient": { "reference": patient },
        "dateTime": "2026-11-02",
        "policyRule": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/consentpolicycodes", "code": "hipaa-auth" }] },
        "provision": { "type": "deny", "actor": [{
            "role": { "coding": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP" }] },
            "reference": { "reference": organization }
        }] }
    })
}
