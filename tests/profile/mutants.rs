//! Valid Tasks and ServiceRequests of SDOH Clinical Care 3.0.0, and what is found when one thing about them is wrong:
//! `fixtures/cases/validate/sdohcc/`, each a pair of `NAME.json` and `NAME.expect` (see `tests/profile/validate.rs`). Each fault
//! is reported once, where it stands, and nothing else is. That something is not at hand is left out of the comparison.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use handoff::definitions::{Definitions, Package};
use handoff::fhir::{Document, Issue, Limits, Node, Severity};
use handoff::profile::{Amendments, Checker};

const CASES: &str = "fixtures/cases/validate/sdohcc";
/// The guide and what it builds on, by version.
const GUIDE_3: &[&str] =
    &["../shared/packages/hl7.fhir.us.core-7.0.0.tgz", "../shared/packages/hl7.fhir.us.sdoh-clinicalcare-3.0.0.tgz"];
const GUIDE_2: &[&str] = &[
    "../shared/packages/hl7.fhir.us.core-3.1.1.tgz",
    "../shared/packages/hl7.fhir.us.sdoh-clinicalcare-2.0.0-update.tgz",
];

/// A checker with a guide; nothing where it is not here.
fn checker(packages: &[&str]) -> Option<Checker> {
    let mut definitions = Definitions::shipped().unwrap();
    for path in packages.iter().map(Path::new) {
        if !path.is_file() {
            println!("skipped: {} is not here", path.display());
            return None;
        }
        definitions = definitions.with(Package::from_tgz(File::open(path).unwrap()).unwrap());
    }
    Some(Checker::new(Arc::new(definitions)).amended(Amendments::shipped().unwrap()))
}

fn cases() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(CASES).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort_unstable();
    paths
}

/// The line of an `.expect` file that describes this issue.
fn line(issue: &Issue) -> String {
    let place = issue.position.map_or_else(|| "-".to_owned(), |place| place.to_string());
    format!("{} {place} {} {}", issue.severity.code(), issue.key.name(), issue.path)
}

fn is_fine(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("fine-"))
}

#[test]
fn each_fault_is_reported_once_where_it_stands() {
    let Some(checker) = checker(GUIDE_3) else { return };
    let mut failures = Vec::new();
    for path in cases() {
        let document = Document::parse_bytes(&fs::read(&path).unwrap(), Limits::default()).unwrap();
        let issues = checker.check(document.root());
        let found: Vec<&Issue> = issues.iter().filter(|issue| issue.severity > Severity::Information).collect();
        let lines: Vec<String> = found.iter().map(|issue| line(issue)).collect();
        let expected = fs::read_to_string(path.with_extension("expect")).unwrap();
        let expected: Vec<&str> = expected.lines().collect();
        if lines != expected {
            let message: Vec<String> =
                found.iter().map(|issue| format!("  found    {}: {}", line(issue), issue.text)).collect();
            failures.push(format!("{}\n  expected {}\n{}", path.display(), expected.join("; "), message.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{} cases:\n{}", failures.len(), failures.join("\n"));
}

/// The cases are what they claim to be: one line for each mutant, none for what is fine, each of a kind of its own.
#[test]
fn there_are_enough_mutants_and_each_has_one_fault() {
    let (fine, mutants): (Vec<PathBuf>, Vec<PathBuf>) = cases().into_iter().partition(|path| is_fine(path));
    assert!(fine.len() >= 5 && mutants.len() >= 60, "{} and {}", fine.len(), mutants.len());
    let mut texts = BTreeSet::new();
    for path in fine.iter().chain(&mutants) {
        let expected = fs::read_to_string(path.with_extension("expect")).unwrap();
        assert_eq!(expected.lines().count(), usize::from(!is_fine(path)), "{}", path.display());
        let text = fs::read_to_string(path).unwrap();
        assert!(text.contains("/SDOHCC-") && text.contains("|3.0.0"), "{} claims no profile", path.display());
        assert!(texts.insert(text), "{} stands twice", path.display());
    }
}

/// What the guide allows, our own profiles and so the door of the gateway allow.
#[test]
fn our_profiles_allow_what_the_guide_allows() {
    for packages in [GUIDE_3, GUIDE_2] {
        if let Some(checker) = checker(packages) {
            allows_what_it_allows(&checker);
        }
    }
}

fn allows_what_it_allows(checker: &Checker) {
    let ours = |resource: Node<'_>| -> Vec<String> {
        let text = resource.text();
        let counterparts = [
            ("/SDOHCC-TaskForReferralManagement", "referral-task"),
            ("/SDOHCC-TaskForPatient", "patient-task"),
            ("/SDOHCC-ServiceRequest", "referral-request"),
        ];
        let same = counterparts.iter().filter(|(theirs, _)| text.contains(theirs)).map(|(_, id)| *id);
        let is_task = resource.get("resourceType").is_some_and(|kind| kind.is_str("Task"));
        same.chain(is_task.then_some("task")).map(|id| format!("urn:handoff:fhir:StructureDefinition:{id}")).collect()
    };
    let mut allowed = 0;
    for path in cases() {
        // Of whatever version the guide at hand is.
        let text = fs::read_to_string(&path).unwrap().replace("|3.0.0", "");
        let document = Document::parse(text).unwrap();
        let root = document.root();
        if !matches!(root.str("resourceType").as_deref(), Some("Task" | "ServiceRequest")) {
            continue;
        }
        let errors = |profiles: &[String]| -> Vec<String> {
            let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
            let issues = checker.check_against(root, &profiles);
            issues.iter().filter(|issue| issue.is_error()).map(ToString::to_string).collect()
        };
        if errors(&[]).is_empty() {
            assert_eq!(errors(&ours(root)), [""; 0], "{}", path.display());
            allowed += 1;
        }
    }
    assert!(allowed >= 8, "{allowed}");
}
