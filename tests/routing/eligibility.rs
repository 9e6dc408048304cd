//! Eligibility: every rule of every type, and of every preset, has a case for yes, no and unknown, and every case is
//! answered as it says (`fixtures/cases/eligibility/`, run as `handoff route --cases` runs them).

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::shared::route;
use handoff::cli::Exit;
use handoff::definitions::Definitions;
use handoff::routing::criterion::Criterion;
use handoff::routing::{FactBook, Rulebook};
use handoff::shipped;
use serde::Deserialize;
use serde_json::{Value, json};

static RULEBOOK: LazyLock<Rulebook> = LazyLock::new(|| Rulebook::shipped().unwrap());

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/eligibility")
}

/// As much of a file of cases as says what they are about.
#[derive(Deserialize)]
struct File {
    eligibility: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    rule: String,
    preset: Option<String>,
    expect: String,
}

fn written() -> BTreeSet<(String, String, String)> {
    let mut written = BTreeSet::new();
    for entry in fs::read_dir(cases()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let file: File = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            for case in file.cases {
                let of = case.preset.map_or(file.eligibility.clone(), |preset| format!("preset {preset}"));
                written.insert((of, case.rule, case.expect));
            }
        }
    }
    written
}

/// The rules of a type or preset without a case for one of the three answers.
fn without_cases(rulebook: &Rulebook) -> Vec<String> {
    let written = written();
    let types = rulebook.types().into_iter().map(|kind| (kind.to_owned(), rulebook.rules(kind)));
    let presets = rulebook.presets().map(|(name, rules)| (format!("preset {name}"), rules));
    let mut lacking = Vec::new();
    for (of, rules) in types.chain(presets) {
        for rule in rules {
            let id = rule.id.clone().unwrap_or_else(|| panic!("a rule of {of} has no id"));
            for answer in ["yes", "no", "unknown"] {
                if !written.contains(&(of.clone(), id.clone(), answer.to_owned())) {
                    lacking.push(format!("{of}: {id} has no case for {answer}"));
                }
            }
        }
    }
    lacking
}

#[test]
fn every_rule_of_every_type_has_a_yes_a_no_and_an_unknown() {
    assert_eq!(without_cases(&RULEBOOK), Vec::<String>::new());
    let folders = shipped::files().iter().filter_map(|(path, _)| {
        path.strip_prefix("profiles/programs/")?.strip_suffix("/eligibility.yaml").map(str::to_owned)
    });
    assert_eq!(RULEBOOK.types(), folders.collect::<Vec<_>>());
    // A rule more has to be missed.
    let mut more = RULEBOOK.clone();
    more.add("x", "eligibility: x\nrules:\n  - { id: old, criterion: age, op: ge, value: 1 }\n").unwrap();
    assert_eq!(without_cases(&more).len(), 3);
}

#[test]
fn every_case_is_answered_as_it_says() {
    let (exit, out, err) = route(&["--cases", cases().to_str().unwrap()], "");
    assert!(exit == Exit::Done && out.ends_with(" cases, 0 wrong\n"), "{out}{err}");
}

#[test]
fn a_case_that_is_answered_otherwise_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pace.yaml");
    let text = "eligibility: pace\nat: 2026-06-15\ncases:\n  \
                - { rule: age, expect: \"yes\", says: far too young, person: { birthDate: \"2001-01-01\" } }\n";
    fs::write(&file, text).unwrap();
    let (exit, out, _) = route(&["--cases", file.to_str().unwrap()], "");
    assert_eq!(exit, Exit::Invalid);
    assert!(out.contains("pace.yaml:4: age: expected yes, found no (far too young)\n1 cases, 1 wrong\n"), "{out}");
    for (from, to, says) in [
        ("rule: age", "rule: shoe-size", "(4:5): pace has no rule shoe-size"),
        ("expect: \"yes\"", "expect: maybe", "expect is yes, no or unknown"),
        ("at: 2026-06-15", "at: soon", "(2:5): at is a date or an instant"),
        ("says: far", "sais: far", "sais"),
    ] {
        fs::write(&file, text.replace(from, to)).unwrap();
        let (exit, _, err) = route(&["--cases", file.to_str().unwrap()], "");
        assert!(exit == Exit::Invalid && err.contains(says), "{to}: {exit:?} {err}");
    }
}

// === the answer

const LOINC: &str = "http://loinc.org";

/// A referral of a person with these resources besides.
fn bundle(person: Value, given: &[Value]) -> String {
    let mut person = person;
    person["resourceType"] = "Patient".into();
    person["id"] = "p".into();
    let mut resources = vec![
        person,
        json!({ "resourceType": "ServiceRequest", "id": "r", "status": "active", "intent": "order" }),
        json!({
            "resourceType": "Task", "id": "t", "status": "requested", "intent": "order",
            "focus": { "reference": "ServiceRequest/r" }, "for": { "reference": "Patient/p" }
        }),
    ];
    resources.extend(given.iter().cloned());
    let entries: Vec<Value> = resources.into_iter().map(|resource| json!({ "resource": resource })).collect();
    json!({ "resourceType": "Bundle", "type": "collection", "entry": entries }).to_string()
}

fn observation(id: &str, code: &str, value: &Value) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "subject": { "reference": "Patient/p" },
        "code": { "coding": [{ "system": LOINC, "code": code }] }, "valueQuantity": value
    })
}

#[test]
fn the_answer_says_which_fact_was_used_where_it_stands_and_by_which_table() {
    let referral = bundle(
        json!({ "birthDate": "2001-02-03", "address": [{ "state": "AK" }] }),
        &[
            observation("income", "63586-2", &json!({ "value": 30000, "unit": "USD/a" })),
            observation("size", "63512-8", &json!({ "value": 2 })),
        ],
    );
    let arguments = ["--program", "community-action", "--at", "2025-06-15T12:00:00Z", "--format", "json", "-"];
    let (exit, out, err) = route(&arguments, &referral);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["programType"], "community-action");
    assert_eq!(told["outcome"], "eligible");
    let check = &told["checks"][0];
    assert_eq!((&check["ruleId"], &check["verdict"]), (&json!("csbg-income"), &json!("yes")));
    assert_eq!(
        check["facts"][0],
        json!({
            "criterion": "fpl",
            "asks": "income in percent of the poverty level at most 125 %",
            "verdict": "yes",
            "actual": 113.51,
            "from": [
                { "resource": "Observation/income", "path": "Observation.valueQuantity" },
                { "resource": "Observation/size", "path": "Observation.valueQuantity" }
            ],
            "table": "HHS poverty guidelines 2025 for Alaska (90 FR 5917 (2025-01377))"
        })
    );
}

#[test]
fn people_read_the_same_in_lines() {
    let referral = bundle(json!({ "birthDate": "1950-02-03" }), &[]);
    let (exit, out, _) = route(&["--program", "pace", "--at", "2026-06-15T12:00:00Z", "-"], &referral);
    assert_eq!(exit, Exit::Done);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "pace: unknown");
    assert_eq!(lines[1], "  yes     age: age at least 55 years");
    assert_eq!(lines[2], "            yes age: 76 from Patient.birthDate of Patient/p");
    assert!(out.contains("            missing: the State's determination of the level of care"), "{out}");
    let (exit, _, err) = route(&["--program", "space", "-"], &referral);
    assert_eq!(exit, Exit::Usage);
    assert!(err.contains("there is no program type space (did you mean pace?); there are chw, "), "{err}");
}

#[test]
fn every_candidate_is_explained_where_that_is_asked_for() {
    let referral = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/ehr/utility-insecurity.json");
    let referral = referral.to_str().unwrap();
    let (_, out, _) = route(&["--explain", "--at", "2025-11-01T12:00:00Z", referral], "");
    assert!(out.contains("by its rules: ") && out.contains("from Patient.birthDate of urn:uuid:"), "{out}");
    let (_, out, _) = route(&["--explain", "--format", "json", referral], "");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert!(told["candidates"][0]["eligibility"]["outcome"].is_string(), "{out}");
    let (_, out, _) = route(&["--format", "json", referral], "");
    assert!(!out.contains("\"eligibility\"") && !out.contains("\"actual\""), "{out}");
}

// === the files

#[test]
fn the_expressions_fit_the_types_of_fhir() {
    let definitions = Definitions::shipped().unwrap();
    let found = FactBook::shipped().unwrap().check(&definitions);
    assert_eq!(found, Vec::new());
}

#[test]
fn broken_facts_say_where() {
    let source = "missing: m\n    read:\n      - ";
    for (text, line, column, says) in [
        ("facts:\n  shoe-size:\n    missing: m\n", 3, 5, "shoe-size is none of the criteria"),
        (&*format!("facts:\n  age:\n    {source}{{ in: elsewhere, value: x }}\n"), 5, 15, "in is person, request"),
        (&*format!("facts:\n  age:\n    {source}{{ in: person, value: 'a..b' }}\n"), 5, 30, "1:3 of the expression"),
        (
            &*format!("facts:\n  age:\n    {source}{{ in: person, value: a, as: guess }}\n"),
            5,
            37,
            "as is one of number",
        ),
        (&*format!("facts:\n  age:\n    {source}{{ in: person }}\n"), 5, 9, "has no value"),
        (
            &*format!("facts:\n  homeless:\n    {source}{{ in: person, says: true, value: a }}\n"),
            5,
            9,
            "takes no value",
        ),
        (
            &*format!("facts:\n  age:\n    {source}{{ in: X, code: ['Y|1'], value: a }}\n"),
            5,
            25,
            "Y is no name of names",
        ),
        ("facts:\n  age:\n    missing: m\n    compute: magic\n", 4, 14, "computed as poverty-share"),
        ("facts:\n  age:\n    missing: m\n    oops: 1\n", 4, 5, "oops"),
        (
            "facts:\n  fpl: { missing: m, compute: poverty-share }\n  homeless:\n    missing: m\n    when: { criterion: fpl, op: le, value: 1 }\n",
            5,
            11,
            "fpl is computed itself",
        ),
    ] {
        let error = FactBook::load([("eligibility/facts.yaml", text.as_bytes())]).unwrap_err();
        let issue = &error.issues[0];
        let place = issue.position.map(|place| (place.line, place.column));
        assert!(
            place == Some((line, column)) && issue.text.contains(says),
            "expected {says} at {line}:{column}, found {issue}"
        );
    }
}

#[test]
fn an_expression_that_finds_nothing_is_found() {
    let text = "facts:\n  age:\n    missing: m\n    read:\n      - { in: person, value: birthday }\n      - { in: Obscuration, value: value }\n";
    let book = FactBook::load([("eligibility/facts.yaml", text.as_bytes())]).unwrap();
    let found: Vec<String> = book.check(&Definitions::shipped().unwrap()).iter().map(ToString::to_string).collect();
    assert!(found.len() == 2, "{found:?}");
    assert!(found[0].contains("(5:30)") && found[0].contains("birthday"), "{found:?}");
    assert!(found[1].contains("(6:9): Obscuration is no type of resource"), "{found:?}");
}

/// Nothing is known of somebody: no rule says no.
#[test]
fn what_is_not_known_excludes_nobody() {
    let referral = bundle(json!({}), &[]);
    for kind in RULEBOOK.types() {
        let (_, out, _) = route(&["--program", kind, "--format", "json", "-"], &referral);
        let told: Value = serde_json::from_str(&out).unwrap();
        let checks = told["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["verdict"] == "unknown"), "{kind}: {told:#}");
        assert!(checks.iter().all(|check| check["missing"].as_array().is_some_and(|it| !it.is_empty())), "{told:#}");
        let required = checks.iter().any(|check| check["strength"] == "required");
        assert_eq!(told["outcome"], if required { "unknown" } else { "eligible" }, "{kind}");
    }
}

// === every fact

/// Cases of how each fact is read, asked by the rules of a type that asks about all of them, which is given at run time.
#[test]
fn every_criterion_is_read_and_answers_yes_no_and_unknown() {
    let facts = cases().with_file_name("facts");
    let types = facts.join("types");
    let (exit, out, err) = route(&["--cases", "--programs", types.to_str().unwrap(), facts.to_str().unwrap()], "");
    assert!(exit == Exit::Done && out.ends_with(" cases, 0 wrong\n"), "{out}{err}");
    let file: File = serde_saphyr::from_str(&fs::read_to_string(facts.join("facts.yaml")).unwrap()).unwrap();
    for criterion in Criterion::ALL {
        for answer in ["yes", "no", "unknown"] {
            let asked = file.cases.iter().any(|case| case.rule == criterion.code() && case.expect == answer);
            assert!(asked, "{} has no case for {answer}", criterion.code());
        }
    }
}
