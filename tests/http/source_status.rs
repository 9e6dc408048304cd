//! An agency that says the status of its own system instead of an event.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Answer, Gateway, send};
use crate::referral::sent;

const FINDHELP: &str = "urn:handoff:fhir:CodeSystem:findhelp-status";
const HMIS: &str = "urn:handoff:fhir:CodeSystem:hmis-referral-result";

async fn say(gateway: &Gateway, id: &str, body: &Value) -> Answer {
    send(gateway.agency.with_body(Method::POST, &format!("/agency/v1/referrals/{id}/events"), body)).await
}

fn status(system: &str, code: &str) -> Value {
    json!({ "sourceStatus": { "system": system, "code": code } })
}

/// The remarks of an answer.
fn remarks(answer: &Answer) -> Vec<Value> {
    if answer.header("handoff-remarks").is_empty() {
        return Vec::new();
    }
    serde_json::from_str(answer.header("handoff-remarks")).unwrap()
}

/// Code and result of what is kept, the oldest first.
fn kept(record: &Value) -> Vec<(&str, &str)> {
    let list = record["referral"]["sourceStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|kept| (kept["code"].as_str().unwrap(), kept["result"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn one_that_agrees_is_kept_and_moves_nothing() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    for event in ["accept", "start"] {
        assert_eq!(say(&gateway, &id, &json!({ "event": event })).await.status, 200);
    }
    let answer = say(&gateway, &id, &status(HMIS, "1")).await;
    let record = answer.expect(200);
    assert_eq!((&record["referral"]["state"], remarks(&answer).len()), (&json!("in-service"), 0));
    assert_eq!(kept(&record), [("1", "agrees")]);
    assert_eq!(record["referral"]["sourceStatuses"][0]["at"], "2026-11-21T10:00:00.000Z");

    // What was said every night is kept once.
    let again = say(&gateway, &id, &status(HMIS, "1")).await;
    assert_eq!((again.status, again.header("etag"), &again.text), (200, answer.header("etag"), &answer.text));
    let task = gateway.ehr.get(&format!("/fhir/Task/{id}")).await.expect(200);
    assert_eq!(task["status"], "in-progress");
    let extension = task["extension"]
        .as_array()
        .unwrap()
        .iter()
        .find(|extension| extension["url"] == "urn:handoff:fhir:StructureDefinition:source-status");
    assert_eq!(
        extension.unwrap()["extension"][0],
        json!({ "url": "status", "valueCoding": { "system": HMIS, "code": "1" } })
    );
}

#[tokio::test]
async fn one_that_disagrees_is_the_event_that_leads_there() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let record = say(&gateway, &id, &status(HMIS, "1")).await.expect(200);
    assert_eq!((&record["referral"]["state"], &record["referral"]["status"]), (&json!("accepted"), &json!("accepted")));
    let record = say(&gateway, &id, &status(FINDHELP, "No capacity")).await.expect(200);
    assert_eq!(
        (&record["referral"]["state"], &record["referral"]["status"]),
        (&json!("no-capacity"), &json!("failed"))
    );
    assert_eq!(record["referral"]["stateReason"], json!({ "code": "at-capacity", "text": "No capacity" }));
    assert_eq!(kept(&record), [("1", "moved"), ("No capacity", "moved")]);
    // What is kept comes back with the record, and is nobody's to change but by saying more.
    let put = gateway.agency.with_body(Method::PUT, &format!("/agency/v1/referrals/{id}"), &record);
    assert_eq!(send(put).await.expect(200), record);
}

#[tokio::test]
async fn one_that_may_mean_several_states_waits_for_a_reason() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let wellsky = "urn:handoff:fhir:CodeSystem:wellsky-status";
    let answer = say(&gateway, &id, &status(wellsky, "Canceled")).await;
    let record = answer.expect(200);
    assert_eq!((&record["referral"]["state"], kept(&record)), (&json!("sent"), vec![("Canceled", "undecided")]));
    let message = &remarks(&answer)[0];
    assert_eq!((&message["key"], &message["path"]), (&json!("status-kept"), &json!("sourceStatus.code")));
    assert!(message["text"].as_str().unwrap().contains("declined-by-client or unable-to-contact"), "{message}");

    let mut told = status(wellsky, "Canceled");
    told["reason"] = json!({ "code": "unable-to-contact", "text": "three calls" });
    let record = say(&gateway, &id, &told).await.expect(200);
    assert_eq!(record["referral"]["state"], "unable-to-contact");
    assert_eq!(record["referral"]["stateReason"]["text"], "three calls");
}

#[tokio::test]
async fn an_unknown_one_is_kept_and_reported() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let unknown = json!({ "sourceStatus": { "system": FINDHELP, "code": "Über alles", "text": "as typed" } });
    let keyed = || {
        gateway
            .agency
            .with_body(Method::POST, &format!("/agency/v1/referrals/{id}/events"), &unknown)
            .header("idempotency-key", "s-1")
    };
    let answer = send(keyed()).await;
    let record = answer.expect(200);
    assert_eq!((&record["referral"]["state"], kept(&record)), (&json!("sent"), vec![("Über alles", "unmapped")]));
    assert_eq!(record["referral"]["sourceStatuses"][0]["text"], "as typed");
    let message = remarks(&answer);
    assert_eq!((message.len(), &message[0]["key"]), (1, &json!("status-unmapped")));
    assert!(message[0]["text"].as_str().unwrap().contains("Über alles"), "{message:?}");
    let again = send(keyed()).await;
    assert_eq!((&again.text, remarks(&again)), (&answer.text, message), "a repeated request is answered the same");

    let other = say(&gateway, &id, &status("urn:example:nobody", "1")).await;
    assert_eq!(remarks(&other)[0]["path"], "sourceStatus.system");
    assert_eq!(kept(&other.expect(200)).len(), 2);
}

#[tokio::test]
async fn one_that_no_event_leads_to_is_kept_and_reported() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let answer = say(&gateway, &id, &status(FINDHELP, "Got help")).await;
    let record = answer.expect(200);
    assert_eq!((&record["referral"]["state"], kept(&record)), (&json!("sent"), vec![("Got help", "unreachable")]));
    assert_eq!(remarks(&answer)[0]["key"], "status-kept");

    let decline = json!({ "event": "decline", "reason": { "code": "at-capacity" } });
    assert_eq!(say(&gateway, &id, &decline).await.status, 200);
    let answer = say(&gateway, &id, &status(HMIS, "1")).await;
    assert_eq!(answer.expect(200)["referral"]["state"], "no-capacity", "an end is left by a correction alone");
    assert!(remarks(&answer)[0]["mend"].as_str().unwrap().contains("correct"));
    let reopened = say(&gateway, &id, &json!({ "event": "correct", "reason": { "text": "a place is free" } })).await;
    assert_eq!(reopened.expect(200)["referral"]["state"], "in-review");
}

#[tokio::test]
async fn one_beside_an_event_is_kept_beside_it() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    let mut both = status(HMIS, "3");
    both["event"] = json!("accept");
    both["sourceStatus"]["at"] = json!("2026-11-20");
    let answer = say(&gateway, &id, &both).await;
    let record = answer.expect(200);
    assert_eq!((&record["referral"]["state"], kept(&record)), (&json!("accepted"), vec![("3", "beside-event")]));
    assert_eq!(record["referral"]["sourceStatuses"][0]["at"], "2026-11-20");
    assert_eq!(remarks(&answer)[0]["key"], "status-kept", "the two do not say the same");
}

#[tokio::test]
async fn a_referral_is_told_in_the_words_of_other_systems() {
    let gateway = Gateway::start().await;
    let id = sent(&gateway, 1).await;
    assert_eq!(say(&gateway, &id, &json!({ "event": "waitlist" })).await.status, 200);
    let path = format!("/agency/v1/referrals/{id}/status");
    let told = gateway.agency.get(&format!("{path}?vocabulary=findhelp")).await.expect(200);
    assert_eq!(told["state"], "waitlisted");
    assert_eq!(
        told["statuses"],
        json!([{ "vocabulary": "findhelp", "system": FINDHELP, "version": "1", "code": "Pending", "text": "Pending", "exact": false }])
    );
    let all = gateway.agency.get(&path).await.expect(200);
    let hmis = all["statuses"].as_array().unwrap().iter().find(|status| status["vocabulary"] == "hmis-ce").unwrap();
    assert_eq!((&hmis["code"], &hmis["exact"]), (&Value::Null, &json!(false)), "HMIS has no word for it");
    let unknown = gateway.agency.get(&format!("{path}?vocabulary=telex")).await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("findhelp"), "{}", unknown.text);

    let listed = gateway.ehr.get("/agency/v1/vocabularies").await.expect(200);
    let findhelp = listed["vocabularies"].as_array().unwrap().iter().find(|it| it["name"] == "findhelp").unwrap();
    let words = findhelp["statuses"].as_array().unwrap();
    let helped = words.iter().find(|word| word["code"] == "Got help").unwrap();
    assert_eq!(helped["alone"], "services-rendered");
    let pending = words.iter().find(|word| word["code"] == "Pending").unwrap();
    assert_eq!(pending["alone"], Value::Null);
}
