//! What a resource is found by, and what finding costs: index entries, searches read, expressions evaluated.
//!
//! `cargo bench --bench index`. Reading the same Task with `serde_json` stands beside it for comparison.

#![allow(clippy::unwrap_used)]

use divan::{Bencher, black_box};
use handoff::definitions::Definitions;
use handoff::fhir::Document;
use handoff::fhirpath::{Context, Expression};
use handoff::store::index::SearchParameters;
use handoff::store::query::Query;

const TASK: &str = r#"{
  "resourceType": "Task",
  "id": "referral-1",
  "meta": {
    "lastUpdated": "2026-11-20T10:00:00.000Z",
    "profile": ["http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"]
  },
  "identifier": [{ "system": "urn:example:orders", "value": "A-1001" }],
  "partOf": [{ "reference": "Task/parent-1" }],
  "status": "accepted",
  "businessStatus": { "coding": [{ "system": "urn:handoff:fhir:CodeSystem:referral-state", "code": "accepted" }] },
  "intent": "order",
  "priority": "routine",
  "code": {
    "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill", "display": "Fulfill the focal request" }]
  },
  "focus": { "reference": "ServiceRequest/food-1" },
  "for": { "reference": "Patient/ada", "display": "Ada Example" },
  "authoredOn": "2026-11-20T09:58:54.671Z",
  "lastModified": "2026-11-20T10:00:00.000Z",
  "requester": { "reference": "PractitionerRole/dr-sample", "display": "Dr. Sample, Mill Street Clinic" },
  "owner": { "reference": "Organization/pantry", "display": "Harbor Food Pantry" },
  "note": [{ "text": "Please call after five." }],
  "output": [
    {
      "type": { "coding": [{ "system": "urn:example:outputs", "code": "resulting-activity" }] },
      "valueReference": { "reference": "Procedure/boxes-1" }
    }
  ]
}"#;

/// An invariant in the manner of the guide.
const INVARIANT: &str = "output.all(value.is(Reference) implies value.reference.startsWith('Procedure/')) and (status = 'rejected' implies statusReason.exists())";

fn main() {
    divan::main();
}

fn served() -> SearchParameters {
    SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap()
}

#[divan::bench]
fn task_read_by_serde_json(bencher: Bencher<'_, '_>) {
    bencher.bench(|| serde_json::from_str::<serde_json::Value>(black_box(TASK)).unwrap());
}

#[divan::bench]
fn task_indexed(bencher: Bencher<'_, '_>) {
    let (served, document) = (served(), Document::parse(TASK).unwrap());
    bencher.bench(|| served.entries(black_box(document.root())).unwrap());
}

#[divan::bench]
fn search_read(bencher: Bencher<'_, '_>) {
    let served = served();
    let parameters = [
        ("owner".to_owned(), "Organization/pantry".to_owned()),
        ("status".to_owned(), "requested,accepted".to_owned()),
        ("_lastUpdated".to_owned(), "gt2026-11-20T10:00:00.000Z".to_owned()),
    ];
    bencher.bench(|| Query::parse(&served, "Task", black_box(&parameters)).unwrap());
}

#[divan::bench]
fn served_list_compiled(bencher: Bencher<'_, '_>) {
    bencher.bench(served);
}

#[divan::bench(args = ["Task.status = 'accepted'", "lastModified.exists().not() or lastModified >= authoredOn", INVARIANT])]
fn evaluated(bencher: Bencher<'_, '_>, text: &str) {
    let document = Document::parse(TASK).unwrap();
    let (expression, context) = (Expression::parse(text).unwrap(), Context::new(document.root()));
    bencher.bench_local(|| expression.evaluate_bool(black_box(&context), document.root()).unwrap());
}

#[divan::bench]
fn invariant_compiled(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Expression::parse(black_box(INVARIANT)).unwrap());
}
