//! Our own profiles, value sets and code systems (`profiles/handoff/`): complete in themselves, in step with what the
//! program does, and open to everything that SDOH Clinical Care allows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use handoff::definitions::own::{OWN_URL, own_resources};
use handoff::definitions::{CORE_URL, Definitions, Membership};
use handoff::fhir::{Document, Issue, Node, Severity};
use handoff::fhirpath::{Context, Expression};
use handoff::mapping::ProgramTypes;
use handoff::profile::Checker;
use handoff::referral::Party;
use handoff::referral::reason::Reason;
use handoff::referral::state::{Actor, Event, Position, State, TaskStatus, step};
use handoff::shipped;
use serde_json::{Value, json};

static DEFINITIONS: LazyLock<Arc<Definitions>> = LazyLock::new(|| Arc::new(Definitions::shipped().unwrap()));

/// Every resource of ours, with its file.
fn ours() -> Vec<(&'static str, Value)> {
    let files = own_resources(shipped::files().iter().copied());
    files.map(|(path, bytes)| (path, serde_json::from_slice(bytes).unwrap())).collect()
}

fn ours_of(kind: &str) -> Vec<Value> {
    ours().into_iter().map(|(_, resource)| resource).filter(|resource| resource["resourceType"] == kind).collect()
}

fn one(kind: &str, id: &str) -> Value {
    ours_of(kind).into_iter().find(|resource| resource["id"] == id).unwrap_or_else(|| panic!("no {kind} {id}"))
}

fn codes(system: &Value) -> Vec<&str> {
    let concepts = system["concept"].as_array().into_iter().flatten();
    concepts.map(|concept| concept["code"].as_str().unwrap()).collect()
}

fn elements(structure: &Value) -> &Vec<Value> {
    structure["differential"]["element"].as_array().unwrap()
}

// === each in itself ===

#[test]
fn every_file_is_called_after_what_it_holds() {
    let mut urls = BTreeSet::new();
    for (path, resource) in ours() {
        let (kind, id) = (resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        assert!(path.ends_with(&format!("/{kind}-{id}.json")), "{path}");
        // One of an older version has its version in its id.
        let version = resource["version"].as_str().unwrap_or_default();
        let name = id.strip_suffix(&format!("-{version}")).unwrap_or(id);
        assert_eq!(resource["url"], format!("{OWN_URL}{kind}:{name}"), "{path}");
        assert!(urls.insert(format!("{}|{version}", resource["url"])), "{path}");
        for name in ["version", "name", "title", "description", "date"] {
            assert!(resource[name].as_str().is_some_and(|text| !text.is_empty()), "{path} has no {name}");
        }
    }
}

/// They meet the standard's own definition of such resources, its rules included.
#[test]
fn every_one_is_valid_itself() {
    let checker = Checker::new(DEFINITIONS.clone());
    for (path, resource) in ours() {
        let document = Document::from_value(&resource).unwrap();
        let worse: Vec<String> =
            checker.check(document.root()).iter().filter(is_worse).map(ToString::to_string).collect();
        assert!(worse.is_empty(), "{path}: {worse:#?}");
    }
}

#[test]
fn a_structure_needs_nothing_but_r4_and_ours() {
    let at_hand =
        |url: &str| url.starts_with(CORE_URL) || (url.starts_with(OWN_URL) && DEFINITIONS.structure(url).is_some());
    for structure in ours_of("StructureDefinition") {
        let (url, type_name) = (structure["url"].as_str().unwrap(), structure["type"].as_str().unwrap());
        assert!(at_hand(structure["baseDefinition"].as_str().unwrap()), "{url}");
        let base = DEFINITIONS.structure(type_name).unwrap();
        for element in elements(&structure) {
            let (id, path) = (element["id"].as_str().unwrap(), element["path"].as_str().unwrap());
            assert!(is_element(path), "{url}: {path} is no element");
            assert_eq!(without_slices(id), path, "{url}");
            assert!(path == base.type_name || path.starts_with(&format!("{type_name}.")), "{url}: {path}");
            for allowed in element["type"].as_array().into_iter().flatten() {
                let targets = allowed["targetProfile"].as_array().into_iter().flatten();
                for target in targets.chain(allowed["profile"].as_array().into_iter().flatten()) {
                    assert!(at_hand(target.as_str().unwrap()), "{url}: {id} needs {target}");
                }
            }
            if let Some(set) = element["binding"]["valueSet"].as_str() {
                let set = DEFINITIONS.value_set(set).unwrap_or_else(|| panic!("{url}: {id} needs {set}"));
                assert!(set.is_complete() && set.listed().next().is_some(), "{url}: {id}");
            }
        }
    }
}

/// Does a type have this element, as far down as types go?
fn is_element(path: &str) -> bool {
    use handoff::fhirpath::Model;
    let mut steps = path.split('.');
    let mut at = vec![steps.next().unwrap().to_owned()];
    for step in steps {
        let name = step.trim_end_matches("[x]");
        at = at
            .iter()
            .filter_map(|kind| DEFINITIONS.types(kind, name))
            .flatten()
            .map(std::borrow::Cow::into_owned)
            .collect();
        if at.is_empty() {
            return false;
        }
    }
    true
}

fn without_slices(id: &str) -> String {
    id.split('.').map(|step| step.split(':').next().unwrap()).collect::<Vec<_>>().join(".")
}

#[test]
fn rules_are_expressions_that_fit_their_types() {
    let mut keys = BTreeSet::new();
    for structure in ours_of("StructureDefinition") {
        for element in elements(&structure) {
            for rule in element["constraint"].as_array().into_iter().flatten() {
                let key = rule["key"].as_str().unwrap();
                assert!(keys.insert(key.to_owned()), "{key} stands twice");
                assert_eq!(rule["source"], structure["url"], "{key}");
                let human = rule["human"].as_str().unwrap();
                assert!(human.starts_with(char::is_uppercase) && !human.ends_with('.'), "{key}: {human}");
                let expression = Expression::parse(rule["expression"].as_str().unwrap()).unwrap();
                let found = expression.check(DEFINITIONS.as_ref(), element["path"].as_str().unwrap());
                assert_eq!(found, [], "{key}");
                let sets = rule["expression"].as_str().unwrap().split("memberOf('").skip(1);
                for set in sets.map(|rest| rest.split('\'').next().unwrap()) {
                    assert!(DEFINITIONS.value_set(set).is_some(), "{key} asks about {set}");
                }
            }
        }
    }
    assert!(keys.len() >= 20);
}

#[test]
fn value_sets_hold_codes_that_are_there() {
    for set in ours_of("ValueSet") {
        let url = set["url"].as_str().unwrap();
        let made = DEFINITIONS.value_set(url).unwrap();
        assert!(made.is_complete(), "{url}");
        for (system, code) in made.listed() {
            if let Some(system) = DEFINITIONS.code_system(system) {
                assert!(system.position(code).is_some(), "{url}: {code}");
            }
        }
    }
    for system in ours_of("CodeSystem") {
        let codes = codes(&system);
        match system["content"].as_str() {
            Some("complete") => assert_eq!(system["count"], codes.len(), "{}", system["url"]),
            // Of a system that is not all ours to list, the codes that we use.
            Some("fragment") => assert!(!codes.is_empty(), "{}", system["url"]),
            content => assert!(content == Some("not-present") && codes.is_empty(), "{}", system["url"]),
        }
        assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len(), "{}", system["url"]);
        if let Some(set) = system["valueSet"].as_str() {
            let set = DEFINITIONS.value_set(set).unwrap();
            assert!(codes.iter().all(|code| set.contains_code(code) == Membership::In));
        }
    }
}

// === in step with the program ===

#[test]
fn states_and_reasons_are_those_of_the_program() {
    let states = one("CodeSystem", "referral-state");
    assert_eq!(codes(&states), State::ALL.iter().map(|state| state.code()).collect::<Vec<_>>());
    let reasons = one("CodeSystem", "referral-reason");
    assert_eq!(codes(&reasons), Reason::ALL.iter().map(|reason| reason.code()).collect::<Vec<_>>());
}

/// Status and state, wherever the code system says that they occur together.
fn positions() -> Vec<(TaskStatus, State)> {
    let mut positions = Vec::new();
    for concept in one("CodeSystem", "referral-state")["concept"].as_array().unwrap() {
        let state = State::from_code(concept["code"].as_str().unwrap()).unwrap();
        for property in concept["property"].as_array().unwrap() {
            positions.push((TaskStatus::from_code(property["valueCode"].as_str().unwrap()).unwrap(), state));
        }
    }
    positions
}

#[test]
fn a_state_occurs_under_the_statuses_that_it_names() {
    let positions = positions();
    for status in TaskStatus::ALL.iter().filter(|status| !matches!(status, TaskStatus::Received | TaskStatus::Ready)) {
        assert!(positions.contains(&(*status, handoff::referral::state::default_state(*status))), "{status:?}");
    }
    let reasons = || Reason::ALL.iter().copied().map(Some).chain([None]);
    for (status, state) in &positions {
        let from = Position { status: *status, state: *state };
        for event in Event::ALL {
            for by in [Party::Requester.into(), Party::Owner.into(), Actor::Gateway] {
                for reason in reasons() {
                    let Ok(step) = step(from, *event, by, reason, true) else { continue };
                    for to in step.through.iter().chain([&step.to]) {
                        assert!(positions.contains(&(to.status, to.state)), "{from:?} {event:?} {reason:?} -> {to:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_rule_about_states_agrees_with_the_code_system() {
    let positions = positions();
    let structure = one("StructureDefinition", "task");
    let rules = elements(&structure)[0]["constraint"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["key"] == "handoff-task-4").unwrap();
    let rule = Expression::parse(rule["expression"].as_str().unwrap()).unwrap();
    for status in TaskStatus::ALL {
        for state in State::ALL {
            let task = json!({ "resourceType": "Task", "status": status.code(), "businessStatus": { "coding": [
                { "system": "urn:other", "code": "on its way" },
                { "system": handoff::referral::state::SYSTEM, "code": state.code() }
            ] } });
            let document = Document::from_value(&task).unwrap();
            let context = Context::new(document.root()).model(DEFINITIONS.as_ref());
            let holds = rule.evaluate_bool(&context, document.root()).unwrap() == Some(true);
            let lenient = matches!(status, TaskStatus::Received | TaskStatus::Ready);
            assert_eq!(holds, lenient || positions.contains(&(*status, *state)), "{status:?} {state:?}");
        }
    }
}

#[test]
fn program_types_and_needs_are_those_of_the_folders() {
    let types = one("CodeSystem", "program-type");
    let types = codes(&types);
    let needs = DEFINITIONS.value_set("urn:handoff:fhir:ValueSet:need-category").unwrap();
    let programs = ProgramTypes::shipped(&DEFINITIONS).unwrap();
    let mut folders: BTreeSet<&str> = BTreeSet::new();
    for (path, bytes) in shipped::files() {
        if let Some(folder) = path.strip_prefix("profiles/programs/").and_then(|rest| rest.split_once('/')) {
            folders.insert(folder.0);
        }
        if path.starts_with("profiles/crosswalks/need-category") {
            for line in std::str::from_utf8(bytes).unwrap().lines() {
                let Some(code) = line.trim().strip_prefix("- { source: ").and_then(|rest| rest.split(',').next())
                else {
                    continue;
                };
                assert_eq!(needs.contains_code(code), Membership::In, "{path}: {code}");
            }
        }
    }
    assert!(folders.len() >= 3);
    for folder in folders {
        assert!(types.contains(&folder), "the program type {folder} has no code");
        for need in &programs.get(folder).need_categories {
            assert_eq!(needs.contains_code(need), Membership::In, "{folder}: {need}");
        }
    }
}

/// Every extension of ours that a map writes is defined, with the type of value that the map gives it.
#[test]
fn extensions_that_maps_write_are_defined() {
    let structures = ours_of("StructureDefinition");
    let parts = structures.iter().flat_map(elements).filter(|element| element["path"] == "Extension.extension.url");
    let parts: Vec<&Value> = parts.map(|element| &element["fixedUri"]).collect();
    let mut met = 0;
    for (path, bytes) in shipped::files().iter().filter(|(path, _)| path.ends_with("/map.yaml")) {
        let text = std::str::from_utf8(bytes).unwrap();
        let named = |name: &str| {
            text_of_generic().contains(&format!("  {name}: http")) || text.contains(&format!("  {name}: http"))
        };
        for (at, before) in text.match_indices(".extension[") {
            let (name, rest) = text[at + before.len()..].split_once(']').unwrap();
            // A part of a complex extension stands behind the name of the whole.
            if text[..at].ends_with(']') || named(name) || parts.iter().any(|part| *part == name) {
                continue;
            }
            let url = format!("{OWN_URL}StructureDefinition:{name}");
            let structure = DEFINITIONS.structure(&url).unwrap_or_else(|| panic!("{path}: {url} is not defined"));
            assert_eq!(structure.type_name, "Extension", "{path}: {name}");
            let choice: String = rest
                .strip_prefix(".value")
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect();
            if !choice.is_empty() {
                let allowed = one("StructureDefinition", name);
                let value = elements(&allowed).iter().find(|element| element["id"] == "Extension.value[x]").unwrap();
                let code = value["type"][0]["code"].as_str().unwrap();
                assert!(choice.eq_ignore_ascii_case(code), "{path}: {name} holds a {code}");
                met += 1;
            }
        }
    }
    assert!(met >= 20, "{met}");
}

fn text_of_generic() -> &'static str {
    let file = shipped::files().iter().find(|(path, _)| *path == "profiles/programs/generic/map.yaml").unwrap();
    std::str::from_utf8(file.1).unwrap()
}

// === open to what the guide allows ===

#[allow(clippy::trivially_copy_pass_by_ref)] // what filter gives
fn is_worse(issue: &&Issue) -> bool {
    issue.severity > Severity::Information
}

/// Does a rule of ours say it?
fn is_of_ours(issue: &Issue) -> bool {
    issue.origin.as_ref().is_some_and(|origin| origin.profile.starts_with(OWN_URL))
}

/// The profile of ours that says the same as one of the guide's.
const COUNTERPARTS: &[(&str, &str)] = &[
    ("SDOHCC-TaskForReferralManagement", "referral-task"),
    ("SDOHCC-TaskForPatient", "patient-task"),
    ("SDOHCC-ServiceRequest", "referral-request"),
    ("SDOHCC-HealthcareServiceForReferralManagement", "program-service"),
    ("SDOHCC-ObservationProgramEnrollmentStatus", "enrollment-observation"),
];

/// Our profiles that speak of a resource: those of its type that say what the profiles that it claims say, and what the
/// door demands.
fn counterparts(resource: Node<'_>) -> Vec<String> {
    let claims = resource.get("meta").into_iter().flat_map(|meta| meta.list("profile")).filter_map(Node::as_str);
    let claims: Vec<String> = claims.map(|claim| claim.split('|').next().unwrap().to_owned()).collect();
    let same =
        COUNTERPARTS.iter().filter(|(theirs, _)| claims.iter().any(|claim| claim.ends_with(&format!("/{theirs}"))));
    let mut found: Vec<String> = same.map(|(_, id)| format!("{OWN_URL}StructureDefinition:{id}")).collect();
    found.extend(claims.iter().filter(|claim| claim.starts_with(OWN_URL)).cloned());
    if resource.get("resourceType").is_some_and(|kind| kind.is_str("Task")) {
        found.push(format!("{OWN_URL}StructureDefinition:task"));
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|it| it == "json"));
    files.sort_unstable();
    files
}

#[test]
fn the_examples_of_the_guide_meet_them() {
    let folder = Path::new("../shared/examples/sdohcc");
    if !folder.is_dir() {
        println!("skipped: {} is not here", folder.display());
        return;
    }
    let checker = Checker::new(DEFINITIONS.clone());
    let mut met = 0;
    for path in files(folder) {
        let document = Document::parse_bytes(&fs::read(&path).unwrap(), handoff::fhir::Limits::default()).unwrap();
        let profiles = counterparts(document.root());
        met += profiles.len();
        let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
        let errors: Vec<String> = checker
            .check_against(document.root(), &profiles)
            .iter()
            .filter(|issue| issue.is_error())
            .map(ToString::to_string)
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
    }
    assert!(met >= 8, "{met}");
}

#[test]
fn what_the_demo_sends_meets_them() {
    let checker = Checker::new(DEFINITIONS.clone());
    let mut met = 0;
    for path in files(Path::new("fixtures/demo/ehr")).into_iter().chain([PathBuf::from("fixtures/demo/directory.json")])
    {
        let document = Document::parse_bytes(&fs::read(&path).unwrap(), handoff::fhir::Limits::default()).unwrap();
        for entry in document.root().list("entry").filter_map(|entry| entry.get("resource")) {
            // What is sent claims no profile: each is held to all of ours that speak of its type.
            let mut profiles = counterparts(entry);
            profiles.extend(match entry.str("resourceType").as_deref() {
                Some("Task") => Some(format!("{OWN_URL}StructureDefinition:referral-task")),
                Some("ServiceRequest") => Some(format!("{OWN_URL}StructureDefinition:referral-request")),
                _ => None,
            });
            met += profiles.len();
            let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
            let worse: Vec<String> = checker
                .check_against(entry, &profiles)
                .iter()
                .filter(|issue| issue.is_error() || (is_worse(issue) && is_of_ours(issue)))
                .map(ToString::to_string)
                .collect();
            assert!(worse.is_empty(), "{}: {worse:#?}", path.display());
        }
    }
    assert!(met > 20, "{met}");
}

/// The rules of ours are run: what breaks one is told by its key, where it stands.
#[test]
fn what_breaks_a_rule_of_ours_is_told() {
    let checker = Checker::new(DEFINITIONS.clone());
    let (mut cases, mut wrong) = (0, Vec::new());
    for path in files(Path::new("fixtures/cases/own-profiles")) {
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let profile = format!("{OWN_URL}StructureDefinition:{}", file["profile"].as_str().unwrap());
        let valid = &file["valid"];
        let message = |resource: &Value| -> Vec<String> {
            let document = Document::from_value(resource).unwrap();
            let issues = checker.check_against(document.root(), &[&profile]);
            let line = |issue: &Issue| {
                let origin = issue.origin.as_ref().and_then(|origin| origin.constraint.clone());
                let rule = origin.unwrap_or_else(|| issue.key.name().to_owned());
                format!("{} {} {rule}", issue.severity.code(), issue.path)
            };
            issues.iter().filter(is_worse).map(line).collect()
        };
        assert_eq!(message(valid), [""; 0], "{}", path.display());
        for case in file["cases"].as_array().unwrap() {
            let mut resource = valid.clone();
            for (name, value) in case["with"].as_object().into_iter().flatten() {
                resource[name] = value.clone();
            }
            for name in case["without"].as_array().into_iter().flatten() {
                resource.as_object_mut().unwrap().remove(name.as_str().unwrap());
            }
            let expected: Vec<&str> = case["said"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let found = message(&resource);
            if found != expected {
                wrong.push(format!(
                    "{}: {}\n  expected {expected:?}\n  found    {found:?}",
                    path.display(),
                    case["name"]
                ));
            }
            cases += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 40, "{cases}");
}
