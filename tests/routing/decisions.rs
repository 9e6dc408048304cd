//! Routing decisions: cases as data (`fixtures/cases/route/`), and two properties of every directory.
//!
//! A case names a directory (`demo`, or resources), a transaction of `fixtures/`, and merge patches (RFC 7396) for resources
//! of either, by type or by `Type/id`. Candidates are told as in the audit: `+id codes` for kept, `-id codes` for dropped.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::scale;
use crate::shared::merge;
use handoff::fhir::Document;
use handoff::referral::{Graph, Referral};
use handoff::routing::{Candidate, Decision, Directory, Fit, Reason, Rulebook, decide};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn json(path: &str) -> Value {
    let path = fixtures().join(path);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn resources(bundle: &mut Value) -> Vec<&mut Value> {
    bundle["entry"].as_array_mut().unwrap().iter_mut().map(|entry| &mut entry["resource"]).collect()
}

/// Merges each patch into the resource that it names.
fn change(bundle: &mut Value, changes: &Value) {
    for (name, patch) in changes.as_object().into_iter().flatten() {
        let (kind, id) = name.split_once('/').unwrap_or((name, ""));
        let named = |resource: &&mut Value| resource["resourceType"] == kind && (id.is_empty() || resource["id"] == id);
        let mut found: Vec<&mut Value> = resources(bundle).into_iter().filter(named).collect();
        assert_eq!(found.len(), 1, "{name} names one resource");
        merge(found[0], patch);
    }
}

fn bundle_of(resources: &[Value]) -> Value {
    let entries: Vec<Value> = resources.iter().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries })
}

fn directory(given: &Value) -> Value {
    let mut bundle = match &given["directory"] {
        Value::Array(resources) => bundle_of(resources),
        _ => json("demo/directory.json"),
    };
    change(&mut bundle, &given["programs"]);
    bundle
}

pub(crate) static RULEBOOK: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::shipped().unwrap());

fn compile(bundle: &Value) -> Directory {
    let document = Document::from_value(bundle).unwrap();
    Directory::from_bundle(&document, &RULEBOOK).unwrap().served_at("https://handoff.example/fhir")
}

pub(crate) fn with_referral<T>(bundle: &Value, then: impl FnOnce(&Referral<'_>) -> T) -> T {
    let document = Arc::new(Document::from_value(bundle).unwrap());
    let graph = Graph::from_bundle(&document).unwrap();
    let referral = Referral::read(&graph, graph.only_task().unwrap()).unwrap();
    then(&referral)
}

fn message(given: &Value) -> Value {
    let mut bundle = json(given["bundle"].as_str().unwrap());
    change(&mut bundle, &given["change"]);
    for extra in given["add"].as_array().into_iter().flatten() {
        bundle["entry"].as_array_mut().unwrap().push(extra.clone());
    }
    bundle
}

fn candidates(decision: &Decision) -> Vec<String> {
    let tell = |candidate: &Candidate| {
        let sign = if matches!(candidate.verdict, Fit::Kept { .. }) { "+" } else { "-" };
        let codes: Vec<&str> = candidate.reasons.iter().map(Reason::code).collect();
        format!("{sign}{} {}", candidate.program.id, codes.join(" "))
    };
    decision.candidates.iter().map(tell).collect()
}

#[test]
fn every_case_is_decided_as_it_says() {
    let mut files: Vec<PathBuf> =
        fs::read_dir(fixtures().join("cases/route")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 25, "{} cases", files.len());
    let mut wrong = Vec::new();
    for file in files {
        let case: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let (given, expect) = (&case["given"], &case["expect"]);
        let at: Timestamp = given["at"].as_str().unwrap().parse().unwrap();
        let directory = compile(&directory(given));
        let found = with_referral(&message(given), |referral| decide(&directory, referral, at));
        let found = match found {
            Ok(decision) => {
                let reasons: Vec<&str> = decision.reasons.iter().map(Reason::code).collect();
                let mut found = json!({
                    "owner": decision.owner,
                    "program": decision.program,
                    "programType": decision.program_type,
                    "reasons": reasons,
                    "candidates": candidates(&decision),
                });
                if decision.contact_prohibited {
                    found["contactProhibited"] = json!(true);
                }
                found
            }
            Err(error) => {
                let issue = &error.issues[0];
                json!({ "error": issue.key.name(), "path": issue.path })
            }
        };
        if found != *expect {
            wrong.push(format!("{}: {}\nfound {found:#}", file.display(), case["says"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_that_is_told_names_the_person() {
    let directory = compile(&json("demo/directory.json"));
    let at: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    for file in ["food-insecurity", "homelessness", "utility-insecurity", "consent-denied"] {
        let bundle = json(&format!("demo/ehr/{file}.json"));
        let decision = with_referral(&bundle, |referral| decide(&directory, referral, at).unwrap());
        let told = format!("{decision}\n{}\n{}", decision.trail(), decision.to_value());
        let patient = &bundle["entry"][0]["resource"];
        let address = patient["address"].as_array().unwrap().last().unwrap();
        for secret in [
            &patient["name"][0]["family"],
            &patient["birthDate"],
            &patient["identifier"][0]["value"],
            &address["postalCode"],
            &address["line"][0],
        ] {
            assert!(!told.contains(secret.as_str().unwrap()), "{file} tells {secret}:\n{told}");
        }
    }
}

// === properties ===

pub(crate) fn program(id: usize, need: &str, county: &str, capacity: &str, minimum: u32) -> Value {
    let sdohcc = "http://hl7.org/fhir/us/sdoh-clinicalcare";
    let codes = format!("{sdohcc}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes");
    json!({
        "resourceType": "HealthcareService",
        "id": format!("p{id}"),
        "providedBy": { "reference": "Organization/o" },
        "category": [{ "coding": [{ "system": codes, "code": need }] }],
        "coverageArea": [{ "reference": format!("Location/{county}") }],
        "extension": [
            { "url": format!("{sdohcc}/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus"), "extension": [
                { "url": "capacityStatus", "valueCodeableConcept": { "coding": [{ "system": codes, "code": capacity }] } } ] },
            { "url": "urn:handoff:fhir:StructureDefinition:eligibility", "extension": [
                { "url": "criterion", "valueCode": "age" }, { "url": "op", "valueCode": "ge" },
                { "url": "value", "valueDecimal": minimum } ] } ]
    })
}

pub(crate) fn surroundings() -> Vec<Value> {
    let location =
        |id: &str| json!({ "resourceType": "Location", "id": id, "address": { "state": "EX", "district": id } });
    vec![json!({ "resourceType": "Organization", "id": "o" }), location("Fernhollow"), location("Tarnside")]
}

fn any_program() -> impl Strategy<Value = (String, String, String, u32)> {
    (
        prop::sample::select(vec!["food-insecurity", "homelessness"]),
        prop::sample::select(vec!["Fernhollow", "Tarnside"]),
        prop::sample::select(vec!["capacity", "waitlist", "no-capacity", "additional-assessment-required"]),
        prop::sample::select(vec![0_u32, 18, 60]),
    )
        .prop_map(|(need, county, capacity, age)| (need.to_owned(), county.to_owned(), capacity.to_owned(), age))
}

fn decided(resources: &[Value]) -> Decision {
    let at: Timestamp = "2025-11-01T12:00:00Z".parse().unwrap();
    let directory = compile(&bundle_of(resources));
    with_referral(&json("demo/ehr/food-insecurity.json"), |referral| decide(&directory, referral, at).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(scale::scaled(1000)))]

    #[test]
    fn the_order_of_the_directory_does_not_matter(
        programs in prop::collection::vec(any_program(), 0..12),
        swaps in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..20),
    ) {
        let mut resources = surroundings();
        for (id, (need, county, capacity, age)) in programs.iter().enumerate() {
            resources.push(program(id, need, county, capacity, *age));
        }
        let before = decided(&resources);
        for (one, other) in swaps {
            let (one, other) = (one.index(resources.len()), other.index(resources.len()));
            resources.swap(one, other);
        }
        prop_assert_eq!(before, decided(&resources));
    }

    #[test]
    fn a_program_that_does_not_fit_changes_nothing_but_the_trail(
        programs in prop::collection::vec(any_program(), 0..8),
        misfit in 0..4_usize,
    ) {
        let mut resources = surroundings();
        for (id, (need, county, capacity, age)) in programs.iter().enumerate() {
            resources.push(program(id + 10, need, county, capacity, *age));
        }
        let before = decided(&resources);
        // Its id would win every draw.
        resources.push(match misfit {
            0 => program(0, "homelessness", "Fernhollow", "capacity", 0),
            1 => program(0, "food-insecurity", "Tarnside", "capacity", 0),
            2 => program(0, "food-insecurity", "Fernhollow", "no-capacity", 0),
            _ => program(0, "food-insecurity", "Fernhollow", "capacity", 60),
        });
        let after = decided(&resources);
        prop_assert_eq!((&before.owner, &before.program), (&after.owner, &after.program));
        let others: Vec<_> = after.candidates.iter().filter(|candidate| *candidate.program.id != *"p0").cloned().collect();
        prop_assert_eq!(before.candidates.len(), others.len());
        prop_assert_eq!(candidates(&before), candidates(&Decision { candidates: others, ..after.clone() }));
        prop_assert_eq!(after.candidates.len() - before.candidates.len(), usize::from(misfit != 0));
    }
}

#[test]
fn a_rule_is_in_force_from_its_day() {
    let text =
        "eligibility: community-action\nrules:\n  - { criterion: age, op: ge, value: 99, effective: 2025-11-02 }\n";
    let mut rulebook = RULEBOOK.clone();
    rulebook.add("community-action/eligibility.yaml", text).unwrap();
    let mut bundle = json("demo/directory.json");
    change(&mut bundle, &json!({ "HealthcareService/community-food": { "extension": null } }));
    let directory = Directory::from_bundle(&Document::from_value(&bundle).unwrap(), &rulebook).unwrap();
    let chosen = |at: &str| {
        let at: Timestamp = at.parse().unwrap();
        with_referral(&json("demo/ehr/food-insecurity.json"), |referral| decide(&directory, referral, at).unwrap())
    };
    let dropped = |decision: &Decision| candidates(decision).iter().any(|told| told.starts_with("-community-food"));
    assert!(!dropped(&chosen("2025-11-01T23:59:59Z")));
    assert!(dropped(&chosen("2025-11-02T00:00:00Z")));
}

#[test]
fn a_preset_of_the_programs_own_type_stands_before_those_of_others() {
    let mut rulebook = Rulebook::new(RULEBOOK.facts().clone());
    for (kind, age) in [("chw", 18), ("pace", 55)] {
        let rule = format!("{{ id: {kind}-adults, criterion: age, op: ge, value: {age} }}");
        let text = format!("eligibility: {kind}\npresets:\n  adults: [{rule}]\n");
        rulebook.add(&format!("{kind}/eligibility.yaml"), &text).unwrap();
    }
    let chosen = |kind: &str| rulebook.preset(kind, "adults").unwrap()[0].id.clone().unwrap();
    assert_eq!(["chw", "pace", "nfp"].map(chosen), ["chw-adults", "pace-adults", "chw-adults"]);
}

// === directories and rules that cannot be used ===

#[test]
fn a_broken_directory_says_where() {
    let rule = |part: &str, value: Value| {
        let mut service = program(1, "food-insecurity", "Tarnside", "capacity", 18);
        let parts = service["extension"][1]["extension"].as_array_mut().unwrap();
        parts.retain(|one| one["url"] != part);
        let mut new = json!({ "url": part });
        merge(&mut new, &value);
        parts.push(new);
        service
    };
    let with = |patch: Value| {
        let mut service = program(1, "food-insecurity", "Tarnside", "capacity", 18);
        merge(&mut service, &patch);
        service
    };
    let instead = |parts: Value| {
        let mut service = program(1, "food-insecurity", "Tarnside", "capacity", 18);
        service["extension"][1]["extension"] = parts;
        service
    };
    let test = json!({ "url": "test", "extension": [
        { "url": "criterion", "valueCode": "age" }, { "url": "op", "valueCode": "ge" }, { "url": "value", "valueDecimal": 1 } ] });
    for (service, path, says) in [
        (with(json!({ "id": null })), "", "needs an id"),
        (with(json!({ "providedBy": { "reference": "Organization/x" } })), ".providedBy", "Organization/id"),
        (with(json!({ "coverageArea": [{ "reference": "Location/x" }] })), ".coverageArea[0]", "Location/id"),
        (rule("criterion", json!({ "valueCode": "shoe-size" })), ".extension[1].extension[2]", "unknown criterion"),
        (rule("op", json!({ "valueCode": "near" })), ".extension[1].extension[2]", "age is compared with one of"),
        (rule("value", json!({ "valueString": "18" })), ".extension[1].extension[2]", "compared with a number"),
        (rule("value", json!({ "valueDate": "2025" })), ".extension[1].extension[2]", "valueDecimal"),
        (rule("unit", json!({ "valueString": "months" })), ".extension[1].extension[3]", "years, not months"),
        (rule("strength", json!({ "valueCode": "maybe" })), ".extension[1].extension[3]", "required or preferred"),
        (rule("of", json!({ "valueCode": "shoes" })), ".extension[1].extension[3]", "only score and custom"),
        (rule("effective", json!({ "valueDate": "2026" })), ".extension[1].extension[3]", "a whole day"),
        (
            instead(json!([{ "url": "any", "extension": [{ "url": "tset" }] }])),
            ".extension[1].extension[0]",
            "any needs at least one extension test",
        ),
        (
            instead(json!([{ "url": "all", "extension": [test, { "url": "test", "extension": [
                { "url": "criterion", "valueCode": "condition" }, { "url": "op", "valueCode": "eq" },
                { "url": "value", "valueCode": "hiccups" } ] }] }])),
            ".extension[1].extension[0].extension[1].extension[2]",
            "there is no class hiccups; expected one of serious-mental-illness",
        ),
        (rule("any", json!({ "extension": [test] })), ".extension[1]", "not both"),
        (
            instead(json!([{ "url": "preset", "valueCode": "wix" }])),
            ".extension[1].extension[0]",
            "no such preset; expected valueCode with one of csbg-200, head-start",
        ),
        (rule("preset", json!({ "valueCode": "wic" })), ".extension[1]", "not both"),
    ] {
        let mut resources = surroundings();
        resources.push(service);
        let document = Document::from_value(&bundle_of(&resources)).unwrap();
        let error = Directory::from_bundle(&document, &RULEBOOK).unwrap_err();
        let issue = &error.issues[0];
        assert!(
            issue.path == format!("Bundle.entry[3].resource{path}")
                && issue.text.contains(says)
                && issue.position.is_some(),
            "expected {says} at {path}, found {issue}"
        );
    }
}

#[test]
fn a_rule_file_stands_in_the_folder_of_its_type() {
    let load = |file: &str, text: &str| Rulebook::load([(file, text.as_bytes())]);
    let rule = "eligibility: pace\nrules:\n  - { criterion: age, op: ge, value: 55 }\n";
    assert_eq!(load("profiles/programs/pace/eligibility.yaml", rule).unwrap().rules("pace").len(), 1);
    assert_eq!(load("profiles/programs/pace/map.yaml", "not read here: [").unwrap().rules("pace").len(), 0);
    let error = load("profiles/programs/chw/eligibility.yaml", rule).unwrap_err();
    assert!(error.to_string().contains("eligibility has to be chw"), "{error}");
    assert!(Rulebook::shipped().unwrap().rules("supportive-housing").len() >= 2);
    // A folder given at run time, laid over what is shipped.
    let given = ("/srv/types/pace/eligibility.yaml", rule.as_bytes());
    let laid_over = Rulebook::load(handoff::shipped::files().iter().copied().chain([given])).unwrap();
    assert_eq!((RULEBOOK.rules("pace").len(), laid_over.rules("pace").len()), (3, 1));
}

#[test]
fn a_broken_rule_file_says_where() {
    let mut wrong = Vec::new();
    for (text, line, column, says) in [
        ("eligibility: pace\nrules:\n  - criterion: shoe-size\n    op: eq\n    value: 1\n", 3, 16, "unknown criterion"),
        ("eligibility: pace\nrules:\n  - criterion: age\n    op: near\n    value: 1\n", 4, 9, "age is compared"),
        ("eligibility: pace\nrules:\n  - criterion: age\n    op: ge\n    value: old\n", 5, 12, "a number"),
        ("eligibility: pace\nrules:\n  - { criterion: zip, op: in, value: [00121] }\n", 3, 38, "quotes"),
        (
            "eligibility: pace\nrules:\n  - { criterion: age, op: between, value: [60, 50] }\n",
            3,
            43,
            "lower value first",
        ),
        (
            "eligibility: pace\nrules:\n  - { criterion: age, op: ge, value: 55, unit: months }\n",
            3,
            48,
            "years, not months",
        ),
        ("eligibility: pace\nrules:\n  - { criterion: age, op: ge }\n", 3, 27, "takes one value"),
        ("eligibility: pace\nrules:\n  - { criterion: age, value: 1 }\n", 3, 5, "no op"),
        ("eligibility: pace\nrules:\n  - { any: [{ criterion: age, op: ge, value: 1 }], op: ge }\n", 3, 5, "not both"),
        (
            "eligibility: pace\nrules:\n  - { criterion: age, op: ge, value: 1, strength: must }\n",
            3,
            51,
            "required or preferred",
        ),
        ("eligibility: pace\nrules:\n  - { criterion: age, op: ge, value: 1, effective: soon }\n", 3, 52, "YYYY-MM-DD"),
        ("eligibility: pace\nrules:\n  - { criterion: age, oops: 1 }\n", 3, 23, "oops"),
        (
            "eligibility: pace\nrules:\n  - { criterion: age, of: x, op: ge, value: 1 }\n",
            3,
            27,
            "only score and custom",
        ),
        ("eligibility: pace\nrules:\n  - all:\n      - any: []\n", 4, 9, "at least one test"),
        (
            "eligibility: pace\nrules:\n  - { criterion: condition, op: in, value: [hiccups] }\n",
            3,
            44,
            "there is no class hiccups",
        ),
        (
            "eligibility: pace\nrules:\n  - { id: a, criterion: age, op: ge, value: 1 }\n  \
             - { id: a, criterion: age, op: ge, value: 2 }\n",
            4,
            5,
            "two rules have this id",
        ),
        ("eligibility: pace\nrules: [\n", 2, 8, "bracket"),
    ] {
        let error = RULEBOOK.clone().add("pace/eligibility.yaml", text).unwrap_err();
        let issue = &error.issues[0];
        let place = issue.position.map(|place| (place.line, place.column));
        if issue.path != "pace/eligibility.yaml" || place != Some((line, column)) || !issue.text.contains(says) {
            wrong.push(format!("expected {says} at {line}:{column}, found {issue}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
