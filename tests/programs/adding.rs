//! A program type is added where the gateway runs, and nothing is rebuilt: a folder is copied, given another name and one
//! more field, and the gateway serves it.

use std::path::Path;

use handoff::security::Role;
use serde_json::{Value, json};

use crate::case;
use crate::gateway::{BASE, Gateway};

const KIND: &str = "reentry-housing";

/// A folder of program types with one: supportive housing under another name, for people who come out of prison.
fn added() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(KIND);
    std::fs::create_dir(&own).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/programs/supportive-housing");
    for file in shipped.read_dir().unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap().replace("supportive-housing", KIND);
        let text = match &*name {
            "record.schema.json" => {
                let mut schema: Value = serde_json::from_str(&text).unwrap();
                let date = json!({ "$ref": "urn:handoff:schema:record:generic#/$defs/date", "description": "Day of release" });
                schema["properties"]["typeData"]["properties"]["releasedOn"] = date;
                schema.to_string()
            }
            "map.yaml" => text
                .replace("\nnames:\n", "\nnames:\n  released-on: urn:example:reentry:released-on\n")
                .replace(
                    "\nfields:\n",
                    "\nfields:\n  - { record: typeData.releasedOn, fhir: \"episode.extension[released-on].valueDate\" }\n",
                ),
            _ => text,
        };
        std::fs::write(own.join(name), text).unwrap();
    }
    folder
}

/// A file of the generic journey, with the pantry become a house of the new type.
fn file(name: &str) -> Value {
    let text = std::fs::read_to_string(case::folder().join("generic").join(name)).unwrap();
    let mut json: Value = serde_json::from_str(&text).unwrap();
    for entry in json["entry"].as_array_mut().unwrap() {
        let resource = &mut entry["resource"];
        if resource["resourceType"] == "HealthcareService" {
            resource["program"][0]["coding"][0]["code"] = json!(KIND);
        }
    }
    json
}

#[tokio::test]
async fn a_type_is_a_folder() {
    let folder = added();
    let now = "2026-11-02T09:30:00Z";
    let gateway = Gateway::start(now, &file("directory.json"), Some(folder.path().to_owned())).await;
    let ehr = gateway.client(Role::Ehr, "Organization/fernhollow-hospital").await;
    let agency = gateway.client(Role::Agency, "Organization/tarnside-pantry").await;

    // It is served: its schema knows the new field.
    let types = agency.get("/agency/v1/schemas").await.expect(200, "the types");
    let address = format!("{BASE}/agency/v1/schemas/{KIND}");
    assert!(types["types"].as_array().unwrap().iter().any(|kind| kind["schema"] == address), "{types}");
    let schema = agency.get(&format!("/agency/v1/schemas/{KIND}")).await.expect(200, "its schema");
    assert!(schema["properties"]["typeData"]["properties"]["releasedOn"].is_object(), "{schema:#}");

    // A program of this type is sent a referral, and it is a record of this type.
    ehr.post("/fhir", &file("ehr.json")).await.expect(200, "the referral");
    let (records, _) = agency.poll(None).await;
    assert_eq!(records.len(), 1);
    let mut record = records.into_iter().next().unwrap();
    assert_eq!((&record["type"], &record["program"]["id"]), (&json!(KIND), &json!("tarnside-shelves")), "{record:#}");

    // From the record to FHIR.
    let own = format!("/agency/v1/referrals/{}", record["id"].as_str().unwrap());
    let task = format!("/fhir/Task/{}", record["id"].as_str().unwrap());
    record["enrollment"] = json!({ "status": "pending" });
    record["typeData"] = json!({ "releasedOn": "2026-10-30" });
    let put = agency.put(&own, &record.to_string(), None).await.expect(200, "the record");
    assert_eq!(put["typeData"]["releasedOn"], "2026-10-30");
    let task = ehr.get(&task).await.expect(200, "the Task");
    let outputs = task["output"].as_array().unwrap().iter();
    let mut references = outputs.filter_map(|output| output["valueReference"]["reference"].as_str());
    let episode = references.find(|reference| reference.starts_with("EpisodeOfCare/")).unwrap();
    let path = format!("/fhir/{episode}");
    let mut episode = ehr.get(&path).await.expect(200, "what the Task's output leads to");
    let extensions = episode["extension"].as_array_mut().unwrap().iter_mut();
    let mut known = extensions.filter(|extension| extension["url"] == "urn:example:reentry:released-on");
    let released = known.next().unwrap();
    assert_eq!(released["valueDate"], "2026-10-30");

    // From FHIR to the record.
    released["valueDate"] = json!("2026-10-31");
    let stored = agency.get(&path).await;
    agency.put(&path, &episode.to_string(), Some(&stored.etag)).await.expect(200, "the EpisodeOfCare");
    let record = agency.get(&own).await.expect(200, "the record");
    assert_eq!(record["typeData"]["releasedOn"], "2026-10-31");

    // What the schema does not allow is refused.
    let mut wrong = record.clone();
    wrong["typeData"]["releasedOn"] = json!("last week");
    let refused = agency.put(&own, &wrong.to_string(), None).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert!(refused.text.contains("releasedOn"), "{}", refused.text);
}
