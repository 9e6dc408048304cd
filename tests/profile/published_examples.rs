//! No false alarms: the examples that the guides publish are valid against the profiles that they claim, with the packages
//! in `../shared/packages`; so is our own demo. An example that is really wrong is listed with the reason.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use handoff::definitions::{Definitions, Package};
use handoff::fhir::{Document, Issue, Limits, Resources};
use handoff::profile::{Checker, Request};

/// Examples of US Core 6.1.0 that break a rule, each with the reason.
const REALLY_WRONG: &[(&str, &str)] = &[
    (
        "Bundle-docref-example-2.json",
        "its third entry has the fullUrl .../discharge-summary789, and the resource in it the id discharge",
    ),
    (
        "Bundle-66c8856b-ba11-4876-8aa8-467aad8c11a2.json",
        "its third entry has the fullUrl .../Endpoint/Endpoint-71, and the resource in it the id 71; its narrative links to \
         places of the page that it was cut from",
    ),
    (
        "Bundle-c887e62f-6166-419f-8268-b5ecd6c7b901.json",
        "the narrative of its second entry links to a place of the page that it was cut from",
    ),
];

const LIMITS: Limits = Limits { bytes: 64 * 1024 * 1024, depth: 100 };

fn package(name: &str) -> Option<PathBuf> {
    let path = Path::new("../shared/packages").join(format!("{name}.tgz"));
    if path.is_file() {
        return Some(path);
    }
    println!("skipped: {} is not here", path.display());
    None
}

/// R4 with these packages.
fn definitions(packages: &[&Path]) -> Definitions {
    let read = |path: &&Path| Package::from_tgz(File::open(path).unwrap()).unwrap();
    packages.iter().fold(Definitions::r4().unwrap(), |definitions, path| definitions.with(read(path)))
}

/// The examples in a package: name and text.
fn examples(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let is_json = Path::new(&name).extension().is_some_and(|it| it == "json");
        if name.contains("example/") && is_json && !name.ends_with(".index.json") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            found.push((name.rsplit('/').next().unwrap().to_owned(), bytes));
        }
    }
    found
}

fn folder(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(folder(&path));
        } else if path.extension().is_some_and(|it| it == "json") {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// Checks every file, with all of them beside it; those that are listed have errors, and no others.
fn check_package(definitions: Definitions, files: &[(String, Vec<u8>)], really_wrong: &[(&str, &str)]) {
    assert!(!files.is_empty());
    let checker = Checker::new(Arc::new(definitions));
    let mut with = Resources::default();
    for (_, bytes) in files {
        with.add(Document::parse_bytes(bytes, LIMITS).unwrap());
    }
    let mut wrong = Vec::new();
    for (name, bytes) in files {
        let document = Document::parse_bytes(bytes, LIMITS).unwrap();
        let request = Request { with: Some(&with), ..Request::default() };
        let issues = checker.report(document.root(), &request).settle(|_| None);
        let errors: Vec<&Issue> = issues.iter().filter(|issue| issue.is_error()).collect();
        let is_listed = really_wrong.iter().any(|(listed, _)| listed == name);
        if errors.is_empty() == is_listed {
            wrong.push(format!("{name}: {} errors", errors.len()));
            wrong.extend(errors.iter().map(|issue| {
                let origin =
                    issue.origin.as_ref().map_or_else(String::new, |it| format!("{} {}", it.profile, it.element));
                format!("    {issue}  <{origin}> {}", issue.fix())
            }));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_examples_of_sdohcc_are_valid() {
    let (Some(core), Some(sdohcc)) =
        (package("hl7.fhir.us.core-7.0.0"), package("hl7.fhir.us.sdoh-clinicalcare-3.0.0"))
    else {
        return;
    };
    check_package(definitions(&[&core, &sdohcc]), &folder(Path::new("../shared/examples/sdohcc")), &[]);
}

#[test]
fn the_examples_of_us_core_7_are_valid() {
    let Some(core) = package("hl7.fhir.us.core-7.0.0") else { return };
    check_package(definitions(&[&core]), &examples(&core), &[]);
}

#[test]
fn the_examples_of_us_core_6_are_valid() {
    let Some(core) = package("hl7.fhir.us.core-6.1.0") else { return };
    check_package(definitions(&[&core]), &examples(&core), REALLY_WRONG);
}

#[test]
fn our_own_demo_is_valid() {
    check_package(Definitions::r4().unwrap(), &folder(Path::new("fixtures/demo/ehr")), &[]);
}
