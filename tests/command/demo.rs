//! `handoff demo --once`, as whoever looks at the program for the first time calls it.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use super::handoff;

fn demo(arguments: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_handoff")).arg("demo").args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert!(status.success(), "{out}\n{err}");
    assert_eq!(err, "", "nothing is said beside the story");
    out
}

#[test]
fn the_story_is_short_and_needs_no_port() {
    // The port that the demo serves on may be taken.
    let _taken = TcpListener::bind("127.0.0.1:8080");
    let told = demo(&["--once"]);
    assert!(told.lines().count() < 60, "{told}");
    for step in 1..=7 {
        assert!(told.contains(&format!("\n{step}. ")), "{told}");
    }
    assert!(told.ends_with("\nThe loop is closed.\n"), "{told}");
    for finding in ["warning", "not at hand", "information"] {
        assert!(!told.contains(finding), "{told}");
    }
    let all = demo(&["--once", "--verbose"]);
    assert!(all.contains("\"birthDate\"") || all.contains("\"dob\""), "the record is told whole: {all}");
    assert!(all.lines().count() > 100, "{all}");
}

#[test]
fn what_the_demo_sends_raises_no_finding() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/demo/ehr");
    let (exit, out, err) = super::run(&["validate", folder]);
    assert_eq!(exit, handoff::cli::Exit::Done, "{out}\n{err}");
    for noise in ["warning", "note", "information"] {
        assert!(!out.contains(noise), "{out}");
    }
}

#[test]
fn a_demo_that_starts_again_has_no_second_clients() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let list = |data: &Path| handoff(data, &["client", "list"]).1;
    demo(&["--once", "--data", data.to_str().unwrap()]);
    let first = list(&data);
    assert!(first.lines().count() > 5);
    let told = demo(&["--once", "--data", data.to_str().unwrap()]);
    assert!(told.contains("stored here already"), "{told}");
    assert_eq!(list(&data), first);
}

/// The lines of the README that the demo is said to print, without what is never the same.
#[test]
fn the_readme_shows_what_the_demo_prints() {
    let readme = include_str!("../../README.md");
    let (_, shown) = readme.split_once("<!-- made from handoff demo --once -->\n```text\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    let told = demo(&["--once"]);
    let id = regex::Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let told = id.replace_all(&told, "ID");
    let mut lines = told.lines();
    let wanted: Vec<&str> = shown.lines().filter(|line| !line.trim().is_empty() && line.trim() != "...").collect();
    assert!(wanted.len() > 15, "{shown}");
    for line in wanted {
        assert!(lines.any(|told| told == line), "the demo does not print this, or not here: {line}\n{told}");
    }
}
