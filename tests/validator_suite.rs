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
            let flags = texts(case, "flags");
            let has = |flag: &str| flags.iter().any(|it| it == flag);
            let (security, no_html) = (has("security-checks"), has("noHtmlInMarkdown"));
            let with = Some(&with);
            let request = Request { profiles: &profiles, with, now, security, no_html, ..Request::default() };
            checker.report(document.root(), &request).settle(|_| None)
        }
        Err(issue) => vec![*issue],
    }
}

fn errors(issues: &[Issue]) -> u64 {
    issues.iter().filter(|issue| issue.is_error()).count() as u64
}

#[test]
fn agrees_with_the_reference_validator() {
    if !Path::new(SUITE).is_dir() {
        println!("skipped: {SUITE} is not here");
        return;
    }
    let r4 = Definitions::r4().unwrap();
    let text = std::fs::read_to_string(Path::new(SUITE).join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut verdicts, mut counts, mut steps, mut of_steps) = (0, 0, 0, 0);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let supporting = texts(case, "supporting");
        let found = check(&r4, case, &supporting, None);
        let expected = case["errors"].as_u64().unwrap();
        let (verdict, count) = ((expected > 0) == (errors(&found) > 0), expected == errors(&found));
        verdicts += usize::from(verdict);
        counts += usize::from(count);
        if !count {
            println!(
                "{name} ({}): {} errors, expected {expected}{}",
                case["module"],
                errors(&found),
                if verdict { "" } else { "  VERDICT" }
            );
            for issue in &found {
                println!("    {issue}");
            }
        }
        if let Some(profile) = case["profile"].as_str() {
            of_steps += 1;
            let beside = [supporting, texts(case, "profile_supporting")].concat();
            let found = check(&r4, case, &beside, Some(profile));
            let expected = case["profile_errors"].as_u64().unwrap();
            let agrees = (expected > 0) == (errors(&found) > 0);
            steps += usize::from(agrees);
            if expected != errors(&found) {
                println!(
                    "{name} with {profile}: {} errors, expected {expected}{}",
                    errors(&found),
                    if agrees { "" } else { "  VERDICT" }
                );
                for issue in &found {
                    println!("    {issue}");
                }
            }
        }
    }
    println!("{verdicts} verdicts and {counts} counts of {}, {steps} of {of_steps} profile steps", cases.len());
    assert!(verdicts >= 99 && counts >= 92 && steps >= 18);
}
