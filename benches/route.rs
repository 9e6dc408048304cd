//! Routing one referral among 1,000, 10,000 and 100,000 programs, and changing one of them, beside parsing the referral in the
//! same run: what is looked at and copied decides, not how many there are.

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

/// The counties of a region; those who live in one of them are served by few of the programs of all.
fn county(number: usize) -> String {
    COUNTIES.get(number).map_or_else(|| format!("County {number}"), |name| (*name).to_owned())
}

/// A program of one of all needs, in one of so many counties, with one of all capacities and a rule of its own.
fn program(id: usize, counties: usize, capacity: &str) -> Value {
    let sdohcc = "http://hl7.org/fhir/us/sdoh-clinicalcare";
    let codes = format!("{sdohcc}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes");
    json!({
        "resourceType": "HealthcareService",
        "id": format!("p{id}"),
        "providedBy": { "reference": format!("Organization/o{}", id % 100) },
        "category": [{ "coding": [{ "system": codes, "code": NEEDS[id % NEEDS.len()] }] }],
        "coverageArea": [{ "reference": format!("Location/l{}", id / 7 % counties) }],
        "extension": [
            { "url": format!("{sdohcc}/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus"), "extension": [
                { "url": "capacityStatus", "valueCodeableConcept": { "coding": [{ "system": codes, "code": capacity }] } } ] },
            { "url": "urn:handoff:fhir:StructureDefinition:eligibility", "extension": [
                { "url": "criterion", "valueCode": "age" }, { "url": "op", "valueCode": "ge" },
                { "url": "value", "valueDecimal": id % 80 } ] } ]
    })
}

/// So many programs in so many counties.
fn directory(programs: usize, counties: usize, rulebook: &Rulebook) -> Directory {
    let mut update = Directory::new(rulebook).update(rulebook);
    let places = (0..counties).map(|number| {
        let address = json!({ "state": "EX", "district": county(number) });
        json!({ "resourceType": "Location", "id": format!("l{number}"), "address": address })
    });
    let organizations = (0..100).map(|id| json!({ "resourceType": "Organization", "id": format!("o{id}") }));
    let services = (0..programs).map(|id| program(id, counties, CAPACITIES[id / 5 % CAPACITIES.len()]));
    for resource in places.chain(organizations).chain(services) {
        update.add(Document::from_value(&resource).unwrap().root());
    }
    update.finish().unwrap()
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

/// All in three counties: a third of what helps with the need is looked at.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn decide_among(bencher: Bencher<'_, '_>, programs: usize) {
    let rulebook = Rulebook::new(FactBook::shipped().unwrap());
    route(bencher, &directory(programs, COUNTIES.len(), &rulebook));
}

/// The more programs, the more counties: as many as before are looked at.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn decide_among_those_of_more_counties(bencher: Bencher<'_, '_>, programs: usize) {
    let rulebook = Rulebook::new(FactBook::shipped().unwrap());
    route(bencher, &directory(programs, programs / 300, &rulebook));
}

/// One program says that it is full.
#[divan::bench(args = [1_000, 10_000, 100_000])]
fn change_one_capacity(bencher: Bencher<'_, '_>, programs: usize) {
    let rulebook = Rulebook::new(FactBook::shipped().unwrap());
    let directory = directory(programs, COUNTIES.len(), &rulebook);
    let changed = Document::from_value(&program(programs / 2, COUNTIES.len(), "no-capacity")).unwrap();
    bencher.bench_local(|| {
        let mut update = black_box(&directory).update(&rulebook);
        update.add(changed.root());
        update.finish().unwrap()
    });
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
