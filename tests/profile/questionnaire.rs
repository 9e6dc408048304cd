//! What the check says of answers to forms, case by case: pairs in `fixtures/cases/questionnaire/`, and the cases of the
//! public suite where they are at hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::{cases, scale};
use cases::{differences, files, line};
use handoff::definitions::Definitions;
use handoff::fhir::{Document, Issue, Resources};
use handoff::profile::{Checker, Request};

const CASES: &str = "fixtures/cases/questionnaire";
const PACKAGES: &str = "../shared/packages";
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

#[test]
fn finds_what_each_case_expects_and_nothing_else() {
    let cases = files(CASES, "json");
    let mut failures = Vec::new();
    for path in &cases {
        let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
        let mut found = check(&read(path), &Resources::default());
        // What is wrong with the form itself is not the question here.
        found.retain(|issue| !issue.path.contains(".contained["));
        let differences = differences(&expected, &found);
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

/// The files of a package whose names begin so.
fn published(package: &str, name: &str) -> Vec<(String, Document)> {
    let bytes = std::fs::read(format!("{PACKAGES}/{package}")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
    let mut found = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().into_owned();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        if file.starts_with(name) {
            let mut text = String::new();
            std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
            found.push((file, Document::parse(text).unwrap()));
        }
    }
    found
}

/// Responses that were published with their forms are right, but for those listed.
#[test]
fn finds_nothing_wrong_with_published_answers() {
    if !Path::new(PACKAGES).is_dir() {
        println!("skipped: {PACKAGES} is not here");
        return;
    }
    let mut failures = Vec::new();
    for package in ["hl7.fhir.us.core-6.1.0.tgz", "hl7.fhir.us.core-7.0.0.tgz"] {
        let mut with = Resources::default();
        for (_, form) in published(package, "Questionnaire-") {
            with.add(form);
        }
        let responses = published(package, "QuestionnaireResponse-");
        assert!(responses.len() > 3);
        for (file, response) in responses {
            for issue in check(&response, &with) {
                if issue.key.name().starts_with("questionnaire") {
                    failures.push(format!("{package} {file}: {issue}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// An item of a made-up form: its type, whether it is required, and what is below it.
#[derive(Debug, Clone)]
struct Item {
    kind: usize,
    is_required: bool,
    below: Vec<Item>,
}

/// Types with an answer that fits; none is a group.
const KINDS: [(&str, &str); 6] = [
    ("group", ""),
    ("boolean", r#""valueBoolean":true"#),
    ("integer", r#""valueInteger":3"#),
    ("string", r#""valueString":"x""#),
    ("date", r#""valueDate":"2026-11-21""#),
    ("quantity", r#""valueQuantity":{"value":3}"#),
];

fn items() -> impl proptest::strategy::Strategy<Value = Vec<Item>> {
    use proptest::prelude::*;
    let leaf =
        (1..KINDS.len(), any::<bool>()).prop_map(|(kind, is_required)| Item { kind, is_required, below: vec![] });
    let item = leaf.prop_recursive(3, 24, 4, |inner| {
        (0..KINDS.len(), any::<bool>(), prop::collection::vec(inner, 1..4))
            .prop_map(|(kind, is_required, below)| Item { kind, is_required, below })
    });
    prop::collection::vec(item, 1..5)
}

/// The items of the form, and of a response that answers all of them; `at` numbers them in reading order, and the one
/// with the number `without` is left out of the response, which `is_missed` if it is required, or if it is all that a
/// required group would hold.
fn written(items: &[Item], above: Option<&Item>, at: &mut usize, without: Option<usize>) -> (String, String, bool) {
    let (mut form, mut response, mut is_missed) = (Vec::new(), Vec::new(), false);
    for item in items {
        let number = *at;
        *at += 1;
        let (kind, answer) = KINDS[item.kind];
        let (below, answers, is_missed_below) = written(&item.below, Some(item), at, without);
        is_missed |= is_missed_below;
        let below = if item.below.is_empty() { String::new() } else { format!(r#","item":[{below}]"#) };
        form.push(format!(r#"{{"linkId":"{number}","type":"{kind}","required":{}{below}}}"#, item.is_required));
        if without == Some(number) {
            let leaves_nothing = items.len() == 1 && above.is_some_and(|above| above.kind == 0 && above.is_required);
            is_missed = item.is_required || leaves_nothing;
            continue;
        }
        let inner = if answers.is_empty() { String::new() } else { format!(r#","item":[{answers}]"#) };
        response.push(if item.kind == 0 {
            format!(r#"{{"linkId":"{number}"{inner}}}"#)
        } else {
            format!(r#"{{"linkId":"{number}","answer":[{{{answer}{inner}}}]}}"#)
        });
    }
    (form.join(","), response.join(","), is_missed)
}

fn document(form: &str, response: &str) -> Document {
    let items = if response.is_empty() { String::new() } else { format!(r#","item":[{response}]"#) };
    let text = format!(
        r##"{{"resourceType":"QuestionnaireResponse","status":"completed","questionnaire":"#form","contained":[
            {{"resourceType":"Questionnaire","id":"form","status":"active","item":[{form}]}}]{items}}}"##
    );
    Document::parse(text).unwrap()
}

/// What the check says about the answers; what it says about the form itself is not the question here.
fn about_answers(document: &Document) -> Vec<String> {
    let issues = check(document, &Resources::default());
    issues.iter().filter(|issue| issue.key.name().starts_with("questionnaire")).map(line).collect()
}

/// Whatever a form asks: who answers everything is not blamed, and who leaves one item out is blamed once if it is
/// required, and not if it is not.
#[test]
fn blames_for_what_is_missing_and_for_nothing_else() {
    use proptest::prelude::*;
    let config = ProptestConfig { cases: scale::scaled(3_000), failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(items in items(), which in 0..64_usize)| {
        let mut count = 0;
        let (form, response, _) = written(&items, None, &mut count, None);
        prop_assert_eq!(about_answers(&document(&form, &response)), [""; 0]);
        let (_, response, is_missed) = written(&items, None, &mut 0, Some(which % count));
        let found = about_answers(&document(&form, &response));
        let is_blamed = found.iter().all(|line| line.starts_with("error") && line.contains("questionnaire-required"));
        prop_assert!(is_blamed && found.len() == usize::from(is_missed), "{found:?} {form} {response}");
    });
}

/// Forms and responses that are made so that everything concerns everything take no longer than their length allows.
#[test]
fn bears_forms_made_to_be_slow() {
    let conditions = r#""enableWhen":[{"question":"0","operator":"=","answerBoolean":true}]"#;
    let questions: Vec<String> = (0..1_000)
        .map(|number| format!(r#"{{"linkId":"{number}","type":"boolean","required":true,{conditions}}}"#))
        .collect();
    let form = format!(r#"{{"linkId":"g","type":"group","repeats":true,"item":[{}]}}"#, questions.join(","));
    let group = r#"{"linkId":"g","item":[{"linkId":"0","answer":[{"valueBoolean":false}]}]}"#;
    let slow = document(&form, &vec![group; 2_000].join(","));
    let issues = check(&slow, &Resources::default());
    assert!(issues.iter().any(|issue| issue.key.name() == "not-checked"), "nothing is left out in silence");

    let options: Vec<String> = (0..4_000).map(|number| format!(r#"{{"valueCoding":{{"code":"{number}"}}}}"#)).collect();
    let form = format!(r#"{{"linkId":"c","type":"choice","repeats":true,"answerOption":[{}]}}"#, options.join(","));
    let answers = vec![r#"{"valueCoding":{"code":"x"}}"#; 4_000].join(",");
    let many = document(&form, &format!(r#"{{"linkId":"c","answer":[{answers}]}}"#));
    assert_eq!(check(&many, &Resources::default()).len(), 2_001);
}
