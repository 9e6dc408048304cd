//! The exchange, case by case (`fixtures/cases/exchange/`), as `handoff demo --cases` runs them: what somebody asks, and
//! what is committed, told and seen then, or why it is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

mod consent;
mod directory;
mod doors;
mod growth;
mod poll;
mod privacy;
mod reads;
mod replay;
#[path = "../scale/mod.rs"]
mod scale;
mod shares;
mod timeline;
mod world;

use std::fs;
use std::path::Path;

use clap::Parser;
use handoff::cli::{Cli, Exit, Streams, run};

/// Runs cases that are written for the purpose.
fn run_text(name: &str, cases: &str) -> (Exit, String) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchange-cases");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join(name);
    fs::write(&file, cases).unwrap();
    run_cases(file.to_str().unwrap())
}

fn run_cases(path: &str) -> (Exit, String) {
    let cli = Cli::try_parse_from(["handoff", "demo", "--cases", path]).unwrap();
    let (mut input, mut out, mut err) = (std::io::empty(), Vec::new(), Vec::new());
    let exit =
        run(&cli, &mut Streams { input: &mut input, out: &mut out, err: &mut err, colour: false, progress: false });
    (exit, String::from_utf8(out).unwrap())
}

#[test]
fn every_case_is_as_it_says() {
    let (exit, said) = run_cases("fixtures/cases/exchange");
    assert_eq!(exit, Exit::Done, "{said}");
    let count: usize = said.split_whitespace().next().unwrap().parse().unwrap();
    assert!(count >= 120, "{said}");
}

/// A case that expects the opposite is wrong, so the runner can tell.
#[test]
fn a_case_that_is_not_so_is_told() {
    let case = r"
cases:
  - case: nobody is told
    step: { by: fernhollow-ehr, send: food-insecurity }
    expect: { feed: [], writes: [Task], refused: [forbidden] }
  - case: a member that cases do not have
    step: { by: fernhollow-ehr, sing: loudly }
    expect: {}
";
    let (exit, said) = run_text("wrong.yaml", case);
    assert_ne!(exit, Exit::Done);
    assert!(said.is_empty() || said.contains("wrong"), "{said}");
    let (exit, said) = run_text("wrong.yaml", case.split("  - case: a member").next().unwrap());
    assert_eq!(exit, Exit::Invalid, "{said}");
    for part in
        ["wrong.yaml:3: nobody is told", "it goes well", "writes: expected", "feed: expected {}", "1 cases, 1 wrong"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// A refusal counts however many other consents the person gave: a search gives no more than a page of them at once.
#[test]
fn of_many_consents_none_is_passed_over() {
    let consent = |at: &str, rule: &str| {
        let scope = r#"{ coding: [ { system: "http://terminology.hl7.org/CodeSystem/consentscope", code: patient-privacy } ] }"#;
        let category = r#"[ { coding: [ { system: "http://loinc.org", code: 59284-0 } ] } ]"#;
        format!(
            "{{ resourceType: Consent, status: active, scope: {scope}, category: {category}, policyRule: {{ text: as agreed }}, \
             patient: {{ reference: \"${{Patient}}\" }}, dateTime: \"{at}\", provision: {{ type: {rule} }} }}"
        )
    };
    let given = |consent: &str| format!("      - {{ by: fernhollow-ehr, create: {consent} }}\n");
    let refusal = given(&consent("2026-11-20", "deny"));
    let permits = given(&consent("2025-11-01", "permit")).repeat(60);
    let case = |title: &str, before: &str, behind: &str| {
        format!(
            "  - case: {title}\n    given:\n\
             \x20     - {{ by: fernhollow-ehr, send: food-insecurity, change: {{ Task: null }} }}\n\
             {before}{permits}{behind}\
             \x20   step: {{ by: fernhollow-ehr, send: food-insecurity }}\n\
             \x20   expect: {{ has: {{ Task: [ \"businessStatus.coding.code = 'not-permitted'\" ] }} }}\n"
        )
    };
    // Whichever a search gives first, one of the two refusals stands on another page.
    let cases = ["cases:\n", &case("the refusal is the oldest", &refusal, ""), &case("it is the newest", "", &refusal)];
    let (exit, said) = run_text("many-consents.yaml", &cases.concat());
    assert_eq!(exit, Exit::Done, "{said}");
}
