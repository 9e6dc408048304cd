//! What the check says of answers to forms, case by case: pairs in `fixtures/cases/questionnaire/`, and the cases of the
//! public suite where they are at hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use handoff::definitions::Definitions;
use handoff::fhir::{Document, Issue, Resources};
use handoff::profile::{Checker, Request};

const CASES: &str = "fixtures/cases/questionnaire";
const SUITE: &str = "../shared/conformance/validator-r4";

static CHECKER: LazyLock<Checker> = LazyLock::new(|| Checker::new(Arc::new(Definitions::r4().unwrap())));

fn read(path: &Path) -> Document {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Document::parse(text).unwrap_or_else(|issue| panic!("{}: {issue}", path.display()))
}

fn check(document: &Document, with: &Resources) -> Vec<Issue> {
    let request = Request { with: Some(with), ..Request::default() };
    CHECKER.report(document.root(), &request).issues
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort_unstable();
    files
}

/// The line of an `.expect` file that describes this issue.
fn line(issue: &Issue) -> String {
    let place = issue.place.map_or_else(|| "-".to_owned(), |place| place.to_string());
    format!("{} {place} {} {}", issue.severity.code(), issue.key.name(), issue.path)
}

/// What is expected and not found, or found and not expected. What a line says behind ` -- ` is how to mend it.
fn differences(expected: &str, found: &[Issue]) -> Vec<String> {
    let expected: Vec<&str> = expected.lines().filter(|line| !line.starts_with('#')).collect();
    let mut differences = Vec::new();
    for position in 0..expected.len().max(found.len()) {
        let wanted = expected.get(position).copied().unwrap_or_default();
        let got = found.get(position).map(|issue| (line(issue), issue.mend().to_owned())).unwrap_or_default();
        let (wanted_line, wanted_hint) = wanted.split_once(" -- ").unwrap_or((wanted, &got.1));
        if wanted_line != got.0 || wanted_hint != got.1 {
            differences.push(format!("  expected {wanted}\n  found    {} -- {}", got.0, got.1));
        }
    }
    differences
}

#[test]
fn finds_what_each_case_expects_and_nothing_else() {
    let cases = files(CASES, "json");
    let mut failures = Vec::new();
    for path in &cases {
        let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
        let differences = differences(&expected, &check(&read(path), &Resources::default()));
        if !differences.is_empty() {
            failures.push(format!("{}\n{}", path.display(), differences.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert_eq!(files(CASES, "expect").len(), cases.len(), "a case has lost its other half");
}

/// Cases of the suite where the number of errors differs, each with the reason.
const NOT_MET: &[(&str, &str)] = &[(
    "nested-questionnaire-nested-valueset",
    "the error is about an extension of the form that no package at hand defines; the answers are as the suite has them",
)];

#[test]
fn agrees_with_the_public_suite() {
    if !Path::new(SUITE).is_dir() {
        println!("skipped: {SUITE} is not here");
        return;
    }
    let cases: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(format!("{SUITE}/cases.json")).unwrap()).unwrap();
    let cases = cases.as_array().unwrap().iter().filter(|case| case["module"] == "questionnaire");
    let (mut count, mut failures) = (0, Vec::new());
    for case in cases {
        count += 1;
        let name = case["name"].as_str().unwrap();
        let file = |name: &serde_json::Value| PathBuf::from(format!("{SUITE}/files/{}", name.as_str().unwrap()));
        let mut with = Resources::default();
        for supporting in case["supporting"].as_array().unwrap() {
            with.add(read(&file(supporting)));
        }
        let issues = check(&read(&file(&case["file"])), &with);
        if std::env::var("SHOW").is_ok() { println!("{name} {} {}", case["errors"], case["warnings"]); for i in &issues { println!("   {i} -- {}", i.mend()); } }
        let errors = issues.iter().filter(|issue| issue.is_error()).count() as u64;
        let is_met = errors == case["errors"].as_u64().unwrap();
        let is_listed = NOT_MET.iter().any(|(listed, _)| *listed == name);
        if is_met == is_listed {
            let found: Vec<String> = issues.iter().map(|issue| format!("  {issue}")).collect();
            failures.push(format!("{name}: expected {}, found {errors}\n{}", case["errors"], found.join("\n")));
        }
    }
    assert!(count >= 40, "the suite has {count} cases");
    assert!(failures.is_empty(), "{} of {count} cases:\n{}", failures.len(), failures.join("\n"));
}
