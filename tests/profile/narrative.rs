//! What the check says of narratives and other texts, case by case: pairs in `fixtures/cases/xhtml/`, and the cases of the
//! public suite where they are at hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::{cases, scale};
use cases::{differences, files};
use handoff::definitions::Definitions;
use handoff::fhir::{Document, Issue, xhtml};
use handoff::profile::{Checker, Request};

const CASES: &str = "fixtures/cases/xhtml";
const SUITE: &str = "../shared/conformance/validator-r4";

static CHECKER: LazyLock<Checker> = LazyLock::new(|| Checker::new(Arc::new(Definitions::r4().unwrap())));

fn check(path: &Path, request: &Request<'_>) -> Vec<Issue> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let document = Document::parse(text).unwrap_or_else(|issue| panic!("{}: {issue}", path.display()));
    CHECKER.report(document.root(), request).issues
}

#[test]
fn finds_what_each_case_expects_and_nothing_else() {
    let cases = files(CASES, "json");
    let mut failures = Vec::new();
    for path in &cases {
        let name = path.file_stem().unwrap().to_str().unwrap();
        let request = Request {
            security: name.starts_with("security-"),
            no_html: name.starts_with("no-html-"),
            ..Request::default()
        };
        let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
        let differences = differences(&expected, &check(path, &request));
        if !differences.is_empty() {
            failures.push(format!("{}\n{}", path.display(), differences.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert_eq!(files(CASES, "expect").len(), cases.len(), "a case has lost its other half");
}

/// Cases of the suite where the number of errors differs, each with the reason.
const NOT_MET: &[(&str, &str)] = &[(
    "pat-security-bad-xhtml",
    "the suite counts the script twice, as an element and as the invariant that forbids it; we say it once",
)];

#[test]
fn agrees_with_the_public_suite() {
    if !Path::new(SUITE).is_dir() {
        println!("skipped: {SUITE} is not here");
        return;
    }
    let text = std::fs::read_to_string(format!("{SUITE}/cases.json")).unwrap();
    let cases: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut failures = Vec::new();
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if !matches!(case["module"].as_str(), Some("xhtml" | "security")) && name != "ips-htmlrefs-backwards" {
            continue;
        }
        let has = |flag: &str| case["flags"].as_array().unwrap().iter().any(|it| it == flag);
        let request =
            Request { security: has("security-checks"), no_html: has("noHtmlInMarkdown"), ..Request::default() };
        let path = PathBuf::from(format!("{SUITE}/files/{}", case["file"].as_str().unwrap()));
        let issues = check(&path, &request);
        let errors = issues.iter().filter(|issue| issue.is_error()).count() as u64;
        let expected = case["errors"].as_u64().unwrap();
        let is_listed = NOT_MET.iter().any(|(listed, _)| *listed == name);
        if (errors == expected) == is_listed || (errors > 0) != (expected > 0) {
            let found: Vec<String> = issues.iter().map(|issue| format!("  {issue}")).collect();
            failures.push(format!("{name}: expected {expected}, found {errors}\n{}", found.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Whatever stands in a narrative: reading it ends, and what is said points into it; what is found clean stays clean
/// when it is put into another element.
#[test]
fn bears_whatever_it_is_given() {
    use proptest::prelude::*;
    let piece = prop::sample::select(vec![
        "<p>",
        "</p>",
        "<br/>",
        "<br>",
        "<a href=\"#x\">",
        "</a>",
        "<img src='x'/>",
        "&amp;",
        "&nbsp;",
        "&",
        "<",
        ">",
        "é",
        " ",
        "text",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<?x",
        "?>",
        "\"",
        "'",
        "=",
        "<p id=\"x\"",
        "onclick=\"\"",
        "xmlns=\"y\"",
        "</div>",
        "<div>",
        "\u{1}",
        "<x:y>",
        "&#65;",
        "&#xfffe;",
    ]);
    let config = ProptestConfig { cases: scale::scaled(4_000), failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(pieces in prop::collection::vec(piece, 0..12))| {
        let inside = pieces.concat();
        let text = format!("<div xmlns=\"{}\">{inside}</div>", xhtml::NAMESPACE);
        let found = xhtml::read(&text);
        for issue in &found.issues {
            prop_assert!(text.is_char_boundary(issue.offset), "{issue:?} in {text}");
        }
        if found.issues.is_empty() {
            let wrapped = format!("<div xmlns=\"{}\"><div>{inside}</div></div>", xhtml::NAMESPACE);
            prop_assert!(xhtml::is_clean(&wrapped), "{wrapped}");
        }
        for kind in [xhtml::TextFormat::Plain, xhtml::TextFormat::Markdown] {
            if let Some(offset) = xhtml::find_tag(&inside, kind) {
                prop_assert!(inside[offset..].starts_with('<'));
            }
        }
    });
}

/// Texts that are made to be slow take time in proportion to their length.
#[test]
fn bears_texts_made_to_be_slow() {
    for piece in ["<b>", "<b ", "&", "<!--", "<?", "`", "<a x=\"", "</", "<p id=\"x\" "] {
        let text = format!("<div xmlns=\"{}\">{}", xhtml::NAMESPACE, piece.repeat(500_000));
        assert!(!xhtml::is_clean(&text));
        let _ = xhtml::find_tag(&text, xhtml::TextFormat::Plain);
        let _ = xhtml::find_tag(&text, xhtml::TextFormat::Markdown);
    }
}
