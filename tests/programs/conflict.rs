//! Two sides change a referral at once: the EHR its resources, the agency its record. Neither undoes the other.

use handoff::security::Role;
use serde_json::{Value, json};

use crate::case::Journey;
use crate::gateway::{Answer, Client, Gateway};

/// A referral that both sides look at.
struct Shared {
    gateway: Gateway,
    ehr: Client,
    agency: Client,
    own: String,
}

impl Shared {
    async fn begin() -> Self {
        let journey = Journey::read("generic");
        let gateway = Gateway::start(&journey.begins, &journey.directory(), None).await;
        let ehr = gateway.client(Role::Ehr, &journey.ehr).await;
        let agency = gateway.client(Role::Agency, &journey.agency).await;
        ehr.post("/fhir", &journey.json("ehr.json")).await.expect(200, "the referral");
        let (records, _) = agency.poll(None).await;
        let own = format!("/agency/v1/referrals/{}", records[0]["id"].as_str().unwrap());
        agency.post(&format!("{own}/events"), &json!({ "event": "accept" })).await.expect(200, "accepting");
        Self { gateway, ehr, agency, own }
    }

    /// The record as a case worker opens it, and its version.
    async fn open(&self) -> (Value, String) {
        let answer = self.agency.get(&self.own).await;
        (answer.expect(200, "the record"), answer.etag)
    }

    /// The EHR corrects the person's birth date.
    async fn correct_birth_date(&self, record: &Value) {
        let path = format!("/fhir/Patient/{}", record["participant"]["id"].as_str().unwrap());
        let stored = self.ehr.get(&path).await;
        let mut person = stored.expect(200, "the person");
        person["birthDate"] = json!("1984-07-16");
        self.ehr.put(&path, &person.to_string(), Some(&stored.etag)).await.expect(200, "the correction");
    }

    async fn put(&self, record: &Value, base: &str) -> Answer {
        let base: String = base.chars().filter(char::is_ascii_digit).collect();
        self.agency.put(&format!("{}?base={base}", self.own), &record.to_string(), None).await
    }
}

#[tokio::test]
async fn what_each_side_changed_is_there() {
    let shared = Shared::begin().await;
    let (mut record, etag) = shared.open().await;
    shared.correct_birth_date(&record).await;
    let service = json!({ "event": "service", "service": { "at": "2026-11-02T10:00:00Z", "notes": "a first box" } });
    shared.agency.post(&format!("{}/events", shared.own), &service).await.expect(200, "a service");

    record["participant"]["household"] = json!({ "size": 4 });
    record["typeData"] = json!({ "shelf": "B" });
    // Who wants no merging is refused.
    let stale = shared.agency.put(&shared.own, &record.to_string(), Some(&etag)).await;
    assert_eq!(stale.status, 412, "{}", stale.text);
    let merged = shared.put(&record, &etag).await.expect(200, "the record with its base");
    assert_eq!(merged["participant"]["dob"]["value"], "1984-07-16", "the EHR's correction is not undone");
    assert_eq!(merged["services"].as_array().unwrap().len(), 1, "nor is what was done meanwhile");
    assert_eq!(merged["participant"]["household"]["size"], 4);
    assert_eq!(merged["typeData"]["shelf"], "B");
    let (now, _) = shared.open().await;
    assert_eq!(now, merged);
    assert!(shared.gateway.programs().get("generic").check(&now).is_empty());
}

#[tokio::test]
async fn what_both_changed_is_decided_by_whose_it_is() {
    let shared = Shared::begin().await;
    let (opened, etag) = shared.open().await;
    let mut record = opened.clone();
    shared.correct_birth_date(&record).await;
    // A record of our own says another date: the EHR owns it, and what it says stands.
    record["participant"]["dob"]["value"] = json!("1984-06-18");
    let merged = shared.put(&record, &etag).await.expect(200, "the record with its base");
    assert_eq!(merged["participant"]["dob"]["value"], "1984-07-16");

    // Two case workers say otherwise what is the program's own: the second is told where.
    let (first, etag) = shared.open().await;
    let (mut one, mut two) = (first.clone(), first);
    one["typeData"] = json!({ "shelf": "B", "box": "large" });
    two["typeData"] = json!({ "shelf": "C", "box": "large" });
    shared.put(&one, &etag).await.expect(200, "the first");
    let refused = shared.put(&two, &etag).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("changed-by-both") && refused.text.contains("typeData.shelf"), "{}", refused.text);
    let (now, _) = shared.open().await;
    assert_eq!(now["typeData"]["shelf"], "B");
    // Said alike by both it is no conflict.
    assert_eq!(shared.put(&one, &etag).await.expect(200, "the first once more"), now);
    let unknown = shared.put(&one, "W/\"9999\"").await;
    assert_eq!(unknown.status, 412, "{}", unknown.text);
}
