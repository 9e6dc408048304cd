//! As what an organization takes part in a referral, seen by what it may do with the Task.

use handoff::referral::task::SDOHCC_CODES;
use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, CLINIC, Client, Gateway, OTHER, send};
use crate::referral::{task_of, transaction};

/// Changes members of a Task as this client, on the newest version.
async fn change(client: &Client, task: &str, members: &[(&str, Value)]) -> Answer {
    let path = format!("/fhir/Task/{task}");
    let found = client.get(&path).await;
    let mut body = found.expect(200);
    for (name, value) in members {
        body[*name] = value.clone();
    }
    send(client.with_body(Method::PUT, &path, &body).header("if-match", found.header("etag").to_owned())).await
}

fn code(system: &str, code: &str) -> Value {
    json!({ "coding": [{ "system": system, "code": code }] })
}

#[tokio::test]
async fn who_sent_a_referral_asks_for_it_whoever_sends_it_on() {
    let gateway = Gateway::start().await;
    let mut message = transaction(1);
    message["entry"][2]["resource"]["requester"] = json!({ "reference": format!("Organization/{CLINIC}") });
    let task = task_of(&gateway.ehr.post("/fhir", &message).await.expect(200));
    // The clinic that it is requested for takes no part: its name is the sender's word.
    assert_eq!(gateway.other_ehr.get(&format!("/fhir/Task/{task}")).await.status, 404);
    // Sent by a client that acts for the clinic, it is the clinic's, too, which chooses another agency.
    let acting = gateway.ehr_acting_for(CLINIC).await;
    let mut message = transaction(2);
    message["entry"][2]["resource"]["requester"] = json!({ "reference": format!("Organization/{CLINIC}") });
    let task = task_of(&acting.post("/fhir", &message).await.expect(200));
    let owner = json!({ "reference": format!("Organization/{OTHER}") });
    change(&gateway.other_ehr, &task, &[("owner", owner)]).await.expect(200);
    gateway.other_agency.get(&format!("/fhir/Task/{task}")).await.expect(200);
    assert_eq!(gateway.agency.get(&format!("/fhir/Task/{task}")).await.status, 404, "it lost the referral");
    change(&gateway.other_ehr, &task, &[("priority", json!("urgent"))]).await.expect(200);
    let recalled = change(&gateway.ehr, &task, &[("status", json!("cancelled"))]).await.expect(200);
    assert_eq!(recalled["businessStatus"]["coding"][0]["code"], "recalled");
}

#[tokio::test]
async fn whoever_writes_is_told_what_follows() {
    let gateway = Gateway::start().await;
    let sent = gateway.ehr.post("/fhir", &transaction(1)).await.expect(200);
    let outcome = sent["entry"][2]["response"]["outcome"].to_string();
    assert!(outcome.contains("\"routed\""), "the route's reasons come with the answer: {sent}");
    let task = gateway.ehr.get(&format!("/fhir/Task/{}", task_of(&sent))).await.expect(200);
    let consent = json!({
        "resourceType": "Consent", "status": "active",
        "scope": code("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy"),
        "category": [code("http://terminology.hl7.org/CodeSystem/v3-ActCode", "IDSCL")],
        "patient": { "reference": task["for"]["reference"] },
        "policyRule": { "text": "as agreed" },
        "provision": { "type": "deny" }
    });
    let answer = gateway.ehr.post("/fhir/Consent", &consent).await;
    answer.expect(201);
    let remarks: Value = serde_json::from_str(answer.header("handoff-remarks")).unwrap();
    assert_eq!(remarks[0]["key"], "part-ended", "{remarks}");
}

#[tokio::test]
async fn a_task_for_a_patient_becomes_no_referral() {
    let gateway = Gateway::start().await;
    let mut message = transaction(1);
    message["entry"][2]["resource"]["code"] = code(SDOHCC_CODES, "complete-questionnaire");
    message["entry"][2]["resource"]["status"] = json!("draft");
    let task = task_of(&gateway.ehr.post("/fhir", &message).await.expect(200));
    assert_eq!(
        gateway.agency.get(&format!("/fhir/Task/{task}")).await.status,
        404,
        "a Task for a patient goes nowhere"
    );
    let sent = [("code", code("http://hl7.org/fhir/CodeSystem/task-code", "fulfill")), ("status", json!("requested"))];
    let refused = change(&gateway.ehr, &task, &sent).await.expect(422);
    assert_eq!(refused["issue"][0]["expression"][0], "Task.code", "{refused}");
    assert_eq!(gateway.agency.get(&format!("/agency/v1/referrals/{task}")).await.status, 404);
}
