//! The exchange, case by case (`fixtures/cases/exchange/`), as `handoff demo --cases` runs them: what somebody asks, and
//! what is committed, told and seen then, or why it is refused.

#![allow(clippy::unwrap_used, clippy::panic)]

mod consent;
#[path = "../scale/mod.rs"]
mod scale;
mod world;

use std::fs;
use std::path::Path;

use clap::Parser;
use handoff::cli::{Cli, Exit, Streams, run};

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
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exchange-cases");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("wrong.yaml");
    let case = r"
cases:
  - case: nobody is told
    step: { by: fernhollow-ehr, send: food-insecurity }
    expect: { feed: [], writes: [Task], refused: [forbidden] }
  - case: a member that cases do not have
    step: { by: fernhollow-ehr, sing: loudly }
    expect: {}
";
    fs::write(&file, case).unwrap();
    let (exit, said) = run_cases(file.to_str().unwrap());
    assert_ne!(exit, Exit::Done);
    assert!(said.is_empty() || said.contains("wrong"), "{said}");
    fs::write(&file, case.split("  - case: a member").next().unwrap()).unwrap();
    let (exit, said) = run_cases(file.to_str().unwrap());
    assert_eq!(exit, Exit::Invalid, "{said}");
    for part in
        ["wrong.yaml:3: nobody is told", "it goes well", "writes: expected", "feed: expected {}", "1 cases, 1 wrong"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}
