//! What the program is made of besides itself: under which licences, from where, and how often. What is built says
//! `cargo tree`, for the platform that the tests run on; what it is says `cargo metadata`, which lists more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Licences that let the program be given away under its own.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that are there in several versions, because crates that we use do not agree. The list only shrinks; the two drivers of
/// databases do not agree on `fallible-iterator`.
const SEVERAL: &[&str] = &["base64", "fallible-iterator", "getrandom", "rand", "rand_core", "syn", "tower-http"];

/// What cargo prints.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The packages that are built here, each with name, version, source and licence.
fn packages() -> Vec<Value> {
    let tree = cargo(&["tree", "--locked", "--all-features", "--prefix", "none", "--no-dedupe"]);
    // A line is `name v1.2.3`, and may go on.
    let built: BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?.strip_prefix('v')?))
        })
        .collect();
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--locked", "--all-features"])).unwrap();
    let packages: Vec<Value> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|package| built.contains(&(name(package), package["version"].as_str().unwrap())))
        .cloned()
        .collect();
    assert_eq!(packages.len(), built.len());
    packages
}

fn name(package: &Value) -> &str {
    package["name"].as_str().unwrap()
}

/// May it be used under this SPDX expression? `/` is the older way to write OR; AND binds closer.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (allowed, rest) = any_of(&words);
    allowed && rest.is_empty()
}

fn any_of<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    let (mut allowed, mut rest) = all_of(words);
    while let Some(("OR", more)) = rest.split_first().map(|(first, more)| (*first, more)) {
        let (next, after) = all_of(more);
        allowed |= next;
        rest = after;
    }
    (allowed, rest)
}

fn all_of<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    let (mut allowed, mut rest) = one(words);
    while let Some(("AND", more)) = rest.split_first().map(|(first, more)| (*first, more)) {
        let (next, after) = one(more);
        allowed &= next;
        rest = after;
    }
    (allowed, rest)
}

fn one<'w>(words: &'w [&'w str]) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => {
            let (allowed, rest) = any_of(inner);
            (allowed && rest.first() == Some(&")"), rest.get(1..).unwrap_or_default())
        }
        // An exception only allows more.
        [licence, "WITH", _, rest @ ..] | [licence, rest @ ..] => (LICENCES.contains(licence), rest),
        [] => (false, &[]),
    }
}

#[test]
fn every_crate_has_a_licence_that_allows_its_use() {
    let refused: Vec<String> = packages()
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{} {}: {}", name(package), package["version"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "crates whose licence is not in the list: {refused:#?}");
}

#[test]
fn every_crate_comes_from_the_one_registry() {
    let packages = packages();
    let sources: BTreeSet<&str> = packages.iter().filter_map(|package| package["source"].as_str()).collect();
    assert!(sources.len() == 1 && sources.iter().all(|source| source.starts_with("registry+")), "{sources:?}");
    let ours: Vec<&str> = packages.iter().filter(|package| package["source"].is_null()).map(name).collect();
    assert_eq!(ours, ["handoff"], "packages that come from no registry");
}

#[test]
fn crates_in_several_versions_only_become_fewer() {
    let packages = packages();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &packages {
        versions.entry(name(package)).or_default().insert(package["version"].as_str().unwrap());
    }
    println!("{} crates", packages.len());
    versions.retain(|_, versions| versions.len() > 1);
    let found: Vec<&str> = versions.keys().copied().collect();
    assert_eq!(found, SEVERAL, "the versions are {versions:#?}");
}

#[test]
fn expressions_of_licences_are_understood() {
    for expression in
        ["MIT", "GPL-3.0 OR MIT", "MIT/Apache-2.0", "(GPL-3.0 OR MIT) AND ISC", "Apache-2.0 WITH X OR GPL-3.0"]
    {
        assert!(is_allowed(expression), "{expression}");
    }
    for expression in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND GPL-3.0", "(MIT", "MIT ISC"] {
        assert!(!is_allowed(expression), "{expression}");
    }
}
