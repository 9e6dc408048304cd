//! The check, held to the public suite of the FHIR validator (where `../shared` lies beside this repository): verdict and
//! number of errors of each case, with the packages that it names and no others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use handoff::definitions::{Definitions, Package};
use handoff::fhir::{Document, Issue, Limits, Resources};
use handoff::fhirpath::Temporal;
use handoff::profile::{Checker, Request};
use serde_json::Value;

const SUITE: &str = "../shared/conformance/validator-r4";

fn files() -> PathBuf {
    Path::new(SUITE).join("files")
}

fn texts(case: &Value, name: &str) -> Vec<String> {
    case[name].as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Everything that is found in a case, with these files as definitions and as resources beside it.
fn check(r4: &Definitions, case: &Value, beside: &[String], profile: Option<&str>) -> Vec<Issue> {
    let mut package = Package::named("case", "");
    let mut with = Resources::default();
    let mut profiles = Vec::new();
    for file in beside.iter().map(String::as_str).chain(profile) {
        let bytes = std::fs::read(files().join(file)).unwrap();
        package.add_file(file, &bytes);
        let document = Document::parse_bytes(&bytes, Limits::default()).unwrap();
        if Some(file) == profile {
            profiles.push(document.root().str("url").unwrap().into_owned());
        }
        with.add(document);
    }
    let checker = Checker::new(Arc::new(r4.with(package)));
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    let bytes = std::fs::read(files().join(case["file"].as_str().unwrap())).unwrap();
    match Document::parse_bytes(&bytes, Limits::default()) {
        Ok(document) => {
            let now = Temporal::parse_date_time("2026-11-21T10:00:00.000Z");
            let asked = |flag: &str| texts(case, "flags").iter().any(|known| known == flag);
            let request = Request {
                profiles: &profiles,
                with: Some(&with),
                now,
                security: asked("security-checks"),
                no_html: asked("noHtmlInMarkdown"),
                no_examples: asked("examples"),
                ..Request::default()
            };
            checker.report(document.root(), &request).settle(|_| None)
        }
        Err(issue) => vec![*issue],
    }
}

fn errors(issues: &[Issue]) -> u64 {
    issues.iter().filter(|issue| issue.is_error()).count() as u64
}

/// Cases of which the verdict or the number of errors is another, each with the reason. The suite tells by flags what the
/// reference validator was asked for, and not always what the answer was.
const NOT_MET: &[(&str, &str)] = &[
    ("parameters-reference-bad", "wants references to be looked up at a server, which is not for a check to do"),
    (
        "contained-resource-bad-id-ignore",
        "the same file and flags as another case, which wants the errors that this one does not",
    ),
    (
        "pat-security-bad-xhtml",
        "one element that does not belong is one finding here; the reference tells it by two rules",
    ),
    (
        "nested-questionnaire-nested-valueset",
        "its error is an extension of a guide that is not at hand, which is information here and never an error",
    ),
    ("StructureDefinition-Slice23", "one of its errors is that of the reference's own snapshot generator"),
    ("opdef-params", "the parameters of an operation are not held to its inputProfile and outputProfile"),
];

#[test]
fn agrees_with_the_reference_validator() {
    if !Path::new(SUITE).is_dir() {
        println!("skipped: {SUITE} is not here");
        return;
    }
    let r4 = Definitions::r4().unwrap();
    let text = std::fs::read_to_string(Path::new(SUITE).join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut tally = Tally::default();
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let supporting = texts(case, "supporting");
        let met = tally.add(name, &check(&r4, case, &supporting, None), case["errors"].as_u64().unwrap());
        let is_listed = NOT_MET.iter().any(|(listed, _)| *listed == name);
        if met == is_listed {
            tally.surprises.push(name.to_owned());
        }
        if let Some(profile) = case["profile"].as_str() {
            let beside = [supporting, texts(case, "profile_supporting")].concat();
            let found = check(&r4, case, &beside, Some(profile));
            tally.step(&format!("{name} with {profile}"), &found, case["profile_errors"].as_u64().unwrap());
        }
    }
    let Tally { verdicts, counts, steps, of_steps, surprises } = tally;
    println!("{verdicts} verdicts and {counts} counts of {}, {steps} of {of_steps} profile steps", cases.len());
    assert!(surprises.is_empty(), "not as listed: {surprises:?}");
    assert!(verdicts >= 99 && counts >= 92 && steps >= 18);
}

/// What agrees.
#[derive(Default)]
struct Tally {
    verdicts: usize,
    counts: usize,
    steps: usize,
    of_steps: usize,
    /// Cases that are listed and met, or not met and not listed
    surprises: Vec<String>,
}

impl Tally {
    /// Counts a case; says whether all of it agrees.
    fn add(&mut self, name: &str, found: &[Issue], expected: u64) -> bool {
        let is_verdict = (expected > 0) == (errors(found) > 0);
        self.verdicts += usize::from(is_verdict);
        self.counts += usize::from(expected == errors(found));
        say(name, found, expected);
        expected == errors(found)
    }

    fn step(&mut self, name: &str, found: &[Issue], expected: u64) {
        self.of_steps += 1;
        self.steps += usize::from((expected > 0) == (errors(found) > 0));
        say(name, found, expected);
    }
}

fn say(name: &str, found: &[Issue], expected: u64) {
    if expected != errors(found) {
        println!("{name}: {} errors, expected {expected}", errors(found));
        for issue in found {
            println!("    {issue}");
        }
    }
}
