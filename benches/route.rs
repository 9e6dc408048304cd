//! Routing one referral among 5,000 programs: aim below 50 microseconds, beside parsing the same bytes in the same run.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use divan::{Bencher, black_box};
use handoff::fhir::{Document, Truth};
use handoff::referral::{Graph, Referral};
use handoff::routing::criterion::Criterion;
use handoff::routing::facts::FactSource;
use handoff::routing::{Directory, FactBook, Facts, Rulebook, decide};
use jiff::Timestamp;
use serde_json::{Value, json};

const REFERRAL: &str = include_str!("../fixtures/demo/ehr/food-insecurity.json");
const NEEDS: &[&str] = &[
    "food-insecurity",
    "housing-instability",
    "homelessness",
    "inadequate-housing",
    "transportation-insecurity",
    "financial-insecurity",
    "material-hardship",
    "educational-attainment",
    "employment-status",
    "veteran-status",
    "stress",
    "social-connection",
    "intimate-partner-violence",
    "elder-abuse",
    "personal-health-literacy",
    "health-insurance-coverage-status",
    "medical-cost-burden",
    "digital-literacy",
    "digital-access",
    "utility-insecurity",
    "incarceration-status",
    "language-access",
    "protective-factor",
    "sdoh-category-unspecified",
];
const COUNTIES: &[&str] = &["Fernhollow", "Tarnside", "Gullmarsh"];
const CAPACITIES: &[&str] = &["capacity", "waitlist", "no-capacity", "additional-assessment-required"];

fn main() {
    divan::main();
}

/// So many programs of all needs, counties and capacities, each with a rule of its own.
fn directory(programs: usize) -> Directory {
    let sdohcc = "http://hl7.org/fhir/us/sdoh-clinicalcare";
    let codes = format!("{sdohcc}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes");
    let mut resources: Vec<Value> = COUNTIES
        .iter()
        .map(|county| json!({ "resourceType": "Location", "id": county, "address": { "state": "EX", "district": county } }))
        .collect();
    resources.extend((0..100).map(|id| json!({ "resourceType": "Organization", "id": format!("o{id}") })));
    resources.extend((0..programs).map(|id| {
        json!({
            "resourceType": "HealthcareService",
            "id": format!("p{id}"),
            "providedBy": { "reference": format!("Organization/o{}", id % 100) },
            "category": [{ "coding": [{ "system": codes, "code": NEEDS[id % NEEDS.len()] }] }],
            "coverageArea": [{ "reference": format!("Location/{}", COUNTIES[id / 7 % COUNTIES.len()]) }],
            "extension": [
                { "url": format!("{sdohcc}/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus"), "extension": [
                    { "url": "capacityStatus", "valueCodeableConcept": {
                        "coding": [{ "system": codes, "code": CAPACITIES[id / 5 % CAPACITIES.len()] }] } } ] },
                { "url": "urn:handoff:fhir:StructureDefinition:eligibility", "extension": [
                    { "url": "criterion", "valueCode": "age" }, { "url": "op", "valueCode": "ge" },
                    { "url": "value", "valueDecimal": id % 80 } ] } ]
        })
    }));
    let entries: Vec<Value> = resources.into_iter().map(|resource| json!({ "resource": resource })).collect();
    let document = Document::from_value(&json!({ "resourceType": "Bundle", "entry": entries })).unwrap();
    Directory::from_bundle(&document, &Rulebook::new(FactBook::shipped().unwrap())).unwrap()
}

fn route(bencher: Bencher<'_, '_>, directory: &Directory) {
    let document = Arc::new(Document::parse(REFERRAL).unwrap());
    let graph = Graph::from_bundle(&document).unwrap();
    let task = graph.only_task().unwrap();
    let at: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    bencher.bench_local(|| {
        let referral = Referral::read(&graph, task).unwrap();
        decide(directory, black_box(&referral), at).unwrap()
    });
}

#[divan::bench(args = [14, 500, 5_000, 15_000])]
fn decide_among(bencher: Bencher<'_, '_>, programs: usize) {
    route(bencher, &directory(programs));
}

#[divan::bench]
fn of_which_reading_the_facts(bencher: Bencher<'_, '_>) {
    let document = Arc::new(Document::parse(REFERRAL).unwrap());
    let graph = Graph::from_bundle(&document).unwrap();
    let referral = Referral::read(&graph, graph.only_task().unwrap()).unwrap();
    let at: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    let book = FactBook::shipped().unwrap();
    bencher.bench_local(|| Facts::of(black_box(&referral), &book, at).fact(Criterion::Age, None).from.len());
}

/// Every rule of every type, as if a program of each were looked at: most facts are read.
#[divan::bench]
fn judging_by_every_rule_of_every_type(bencher: Bencher<'_, '_>) {
    let rulebook = Rulebook::shipped().unwrap();
    let rules: Vec<_> = rulebook.types().into_iter().flat_map(|kind| rulebook.rules(kind)).collect();
    let document = Arc::new(Document::parse(REFERRAL).unwrap());
    let graph = Graph::from_bundle(&document).unwrap();
    let referral = Referral::read(&graph, graph.only_task().unwrap()).unwrap();
    let at: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    bencher.bench_local(|| {
        let facts = Facts::of(black_box(&referral), rulebook.facts(), at);
        rules.iter().filter(|rule| rule.ask(&facts) == Truth::Yes).count()
    });
}

#[divan::bench]
fn for_comparison_parse_the_referral(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| serde_json::from_str::<Value>(black_box(REFERRAL)).unwrap());
}
