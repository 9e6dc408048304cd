//! Crosswalks: what the tables that come with the program say, what becomes of a code without a counterpart, and what is
//! found in a table that is wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use handoff::definitions::own::OWN_URL;
use handoff::definitions::{CodeSystem, Definitions};
use handoff::error::Error;
use handoff::fhir::{Document, Key, SourcePosition};
use handoff::mapping::{Crosswalk, Equivalence, ProgramTypes};
use handoff::referral::reason::Reason;
use handoff::referral::source_status::{StatusMatch, judge};
use handoff::referral::state::{Event, Position, State, TaskStatus};
use handoff::referral::{Graph, Party, Referral};
use handoff::shipped;
use serde_json::{Value, json};

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::shipped().unwrap());
static PROGRAMS: LazyLock<ProgramTypes> =
    LazyLock::new(|| ProgramTypes::shipped(&DEFINITIONS).unwrap_or_else(|error| panic!("{error}")));

const SDOHCC: &str = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes";
const SRV: &str = "urn:handoff:fhir:CodeSystem:csbg-srv";
const FNPI: &str = "urn:handoff:fhir:CodeSystem:csbg-fnpi";

fn tables() -> BTreeMap<&'static str, &'static Crosswalk> {
    PROGRAMS.crosswalks().map(|table| (table.name.as_str(), table.as_ref())).collect()
}

fn table(name: &str) -> &'static Crosswalk {
    PROGRAMS.crosswalk(name).unwrap_or_else(|| panic!("no crosswalk {name}"))
}

fn code_system(canonical: &str) -> Arc<CodeSystem> {
    DEFINITIONS.code_system(canonical).unwrap_or_else(|| panic!("no CodeSystem {canonical}"))
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn cases(name: &str) -> Vec<Value> {
    serde_json::from_str(&file(&format!("fixtures/cases/crosswalk/{name}"))).unwrap()
}

/// Loads these files beside the tables and the program type that come with the program.
fn load(own: &[(&str, &str)]) -> Result<ProgramTypes, Error> {
    let shipped = shipped::files().iter().copied();
    let shipped = shipped.filter(|(path, _)| path.contains("/generic/") || path.contains("/crosswalks/"));
    ProgramTypes::load(&DEFINITIONS, shipped.chain(own.iter().map(|(path, text)| (*path, text.as_bytes()))))
}

// === laws of every table ===

#[test]
fn forth_and_back_is_where_it_began_where_a_row_says_so() {
    let mut leading = 0;
    for (name, table) in tables() {
        for row in &table.rows {
            let Some(target) = row.target.as_deref() else {
                assert_eq!(table.target_of(&row.source), None, "{name}: {}", row.source);
                continue;
            };
            if row.written {
                assert!(table.rows_of(&row.source).any(|found| found == row), "{name}: {} {target}", row.source);
            }
            assert!(table.rows_with_target(target).any(|found| found == row), "{name}: {} {target}", row.source);
            if row.equivalence.is_reversible() {
                leading += 1;
                assert_eq!(table.source_of(target), Some(row.source.as_str()), "{name}: {target}");
            } else {
                assert_ne!(table.source_of(target), Some(row.source.as_str()), "{name}: {target} adds something");
            }
        }
    }
    assert!(leading > 100, "{leading}");
}

#[test]
fn what_is_read_only_is_never_written() {
    let read_only: Vec<(&str, &str)> = tables()
        .values()
        .flat_map(|table| table.rows.iter().filter(|row| !row.written))
        .map(|row| (row.source.as_str(), row.target.as_deref().unwrap()))
        .collect();
    for (source, target) in [("food-insecurity", "Z59.4"), ("homelessness", "Z59.0"), ("inadequate-housing", "Z59.1")] {
        assert!(read_only.contains(&(source, target)), "{target} has subdivisions, and is not billable");
    }
    for table in tables().values() {
        for row in table.rows.iter().filter(|row| !row.written) {
            assert!(table.rows_of(&row.source).all(|found| found.target != row.target), "{}: {row:?}", table.name);
        }
    }
}

/// A table names codes of ours by their CodeSystem, which is checked against the rows when the table is loaded.
#[test]
fn every_system_of_ours_has_a_code_system() {
    for (name, table) in tables() {
        for system in [&table.source, &table.target] {
            if !system.url.starts_with(OWN_URL) {
                continue;
            }
            let found = code_system(&system.to_string());
            assert_eq!(found.url, system.url, "{name}");
            assert!(!found.concepts().is_empty(), "{name}: {system}");
            let rows = table.rows.iter();
            let codes: BTreeSet<&str> = if system == &table.source {
                rows.map(|row| row.source.as_str()).collect()
            } else {
                rows.filter_map(|row| row.target.as_deref()).collect()
            };
            let unknown: Vec<&&str> = codes.iter().filter(|code| !found.has(code)).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?} of {system}");
        }
    }
}

#[test]
fn codes_on_either_side() {
    for case in cases("codes.json") {
        let (given, says) = (&case["given"], case["says"].as_str().unwrap());
        let text = |name: &str| given[name].as_str();
        let table = table(text("table").unwrap());
        let (system, version, code) = (text("system").unwrap(), text("version"), text("code").unwrap());
        let found = match case["expect"].get("becomes") {
            Some(_) => json!({ "becomes": table.targets_of(system, version, code) }),
            None => json!({ "about": table.sources_of(system, version, code) }),
        };
        assert_eq!(found, case["expect"], "{says}");
    }
}

// === what the tables have to cover ===

#[test]
fn every_need_has_its_rows_or_none_is_said() {
    let set = shipped::files().iter().find(|(path, _)| path.ends_with("ValueSet-need-category.json")).unwrap();
    let set: Value = serde_json::from_slice(set.1).unwrap();
    let needs: Vec<&str> = set
        .pointer("/compose/include/0/concept")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .map(|concept| concept["code"].as_str().unwrap())
        .collect();
    assert_eq!(needs.len(), 24);
    let of_needs: Vec<&Crosswalk> =
        tables().into_iter().filter(|(name, _)| name.starts_with("need-category-")).map(|(_, table)| table).collect();
    assert!(of_needs.len() >= 12, "{}", of_needs.len());
    for table in of_needs {
        assert_eq!(table.source.url, SDOHCC, "{}", table.name);
        for need in &needs {
            assert!(table.preferred_row(need).is_some(), "{} says nothing of {need}", table.name);
        }
        let others: Vec<&str> =
            table.rows.iter().map(|row| row.source.as_str()).filter(|need| !needs.contains(need)).collect();
        assert!(others.is_empty(), "{}: {others:?} are no needs", table.name);
    }
    // What a need becomes somewhere, it becomes in the tables that have most of them.
    for need in needs.iter().filter(|need| !matches!(**need, "protective-factor" | "sdoh-category-unspecified")) {
        let somewhere = ["need-category-icd-10-cm", "need-category-pathway", "need-category-csbg-srv"];
        assert!(somewhere.iter().any(|name| table(name).target_of(need).is_some()), "{need}");
    }
}

#[test]
fn the_pathways_are_all_there() {
    let (today, then) = (
        code_system(&format!("{OWN_URL}CodeSystem:pathway")),
        code_system(&format!("{OWN_URL}CodeSystem:pathway-2016")),
    );
    assert_eq!((today.concepts().len(), then.concepts().len()), (21, 20));
    let between = table("pathway-2016-pathway");
    for pathway in then.concepts() {
        assert!(between.preferred_row(&pathway.code).is_some(), "{} of 2016", pathway.code);
    }
    let new: Vec<&str> = today
        .concepts()
        .iter()
        .map(|pathway| pathway.code.as_str())
        .filter(|code| between.rows_with_target(code).next().is_none())
        .collect();
    assert_eq!(new, ["food-security", "medication-reconciliation", "oral-health", "substance-use", "transportation"]);
}

/// `SRV 4c` is rent in one version of the report and rapid re-housing in the other.
#[test]
fn no_code_of_csbg_crosses_over_to_the_other_version() {
    for (system, of_3, of_2) in [
        (SRV, "need-category-csbg-srv", "need-category-csbg-srv-2"),
        (FNPI, "need-category-csbg-fnpi", "need-category-csbg-fnpi-2"),
    ] {
        for (own, name, other) in [("3.0", of_3, "2"), ("2", of_2, "3.0")] {
            let table = table(name);
            assert!(table.target.version_needed && table.target.version == own, "{name}");
            for concept in code_system(&format!("{system}|{other}")).concepts() {
                let code = concept.code.as_str();
                assert!(table.sources_of(system, Some(other), code).is_empty(), "{name}: {other} {code}");
                assert!(table.sources_of(system, None, code).is_empty(), "{name}: {code} without a version");
            }
            let understood = table.rows.iter().filter_map(|row| row.target.as_deref());
            assert!(understood.clone().all(|code| !table.sources_of(system, Some(own), code).is_empty()), "{name}");
            assert!(understood.count() > 10, "{name}");
        }
    }
}

/// Whatever data of ours names a code system of ours, it is one that everybody can look up.
#[test]
fn every_code_system_that_is_named_is_defined() {
    let mut found = BTreeSet::new();
    for (path, bytes) in shipped::files() {
        // Prose may speak of one in general.
        if path.ends_with("/README.md") {
            continue;
        }
        let text = std::str::from_utf8(bytes).unwrap();
        for (at, _) in text.match_indices("urn:handoff:fhir:CodeSystem:") {
            let name = text[at..].split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':').next().unwrap();
            assert!(DEFINITIONS.code_system(name).is_some(), "{path} names {name}");
            found.insert(name);
        }
    }
    assert!(found.len() > 40, "{}", found.len());
}

/// What maps write into resources beside the guide's own codes is defined.
#[test]
fn parts_and_outputs_that_maps_write_are_codes() {
    for (system, written) in [("record-part", "[system=PART].code"), ("task-output", "system=OUTPUT,type.coding.code")]
    {
        let system = code_system(&format!("{OWN_URL}CodeSystem:{system}"));
        let mut found = 0;
        for (path, bytes) in shipped::files().iter().filter(|(path, _)| path.ends_with("/map.yaml")) {
            let text = std::str::from_utf8(bytes).unwrap();
            for (at, _) in text.match_indices(written) {
                let rest = text[at + written.len()..].trim_start_matches(['"', ':', ' ', '=']);
                let code = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap();
                assert!(system.has(code), "{path}: {code} is no code of {}", system.url);
                found += 1;
            }
        }
        assert!(found > 5, "{written}: {found}");
    }
}

// === statuses ===

#[test]
fn every_vocabulary_says_something_of_every_state() {
    let names: Vec<&str> = PROGRAMS.vocabularies().iter().map(|vocabulary| vocabulary.name.as_str()).collect();
    let expected = [
        "caredove",
        "clarity",
        "findhelp",
        "gethelpoc",
        "hmis-ce",
        "iris",
        "path",
        "pathway",
        "refernet",
        "unite-us",
        "v2-0283",
        "wellsky",
    ];
    assert_eq!(names, expected);
    for vocabulary in PROGRAMS.vocabularies().iter() {
        let table = table(&format!("referral-state-{}", vocabulary.name));
        for state in State::ALL {
            assert!(table.preferred_row(state.code()).is_some(), "{}: {}", vocabulary.name, state.code());
            let message = vocabulary.word_for(*state).map(|word| word.code.as_str());
            assert_eq!(message, table.target_of(state.code()), "{}: {}", vocabulary.name, state.code());
        }
        for word in vocabulary.words() {
            assert!(word.own.is_none_or(|own| word.states.contains(&own)), "{}: {}", vocabulary.name, word.code);
        }
    }
    let unverified = PROGRAMS.vocabularies().named("unite-us").unwrap();
    assert!(!unverified.unverified.is_empty(), "nobody has seen the statuses of Unite Us");
}

/// Acceptance is no service, and a service is no need met (rule 2 of the crosswalk of statuses).
#[test]
fn no_word_completes_what_was_not_accepted() {
    let completed = [State::ServicesRendered, State::NeedMet, State::NeedPartiallyMet];
    for vocabulary in PROGRAMS.vocabularies().iter() {
        for word in vocabulary.words() {
            let accepts = word.states.contains(&State::Accepted);
            let completes = word.own.is_some_and(|own| completed.contains(&own));
            assert!(!(accepts && completes), "{}: {}", vocabulary.name, word.code);
            let sent = Position { status: TaskStatus::Requested, state: State::Sent };
            let moved = judge(Some(word), sent, Party::Owner, None);
            assert!(
                !matches!(moved, StatusMatch::Moves { event: Event::Complete, .. }),
                "{}: {}",
                vocabulary.name,
                word.code
            );
        }
    }
    let findhelp = PROGRAMS.vocabularies().named("findhelp").unwrap();
    let words = findhelp.words().iter().filter(|word| word.states.iter().any(|state| completed.contains(state)));
    assert_eq!(words.map(|word| word.code.as_str()).collect::<Vec<_>>(), ["Got help"]);
}

#[test]
fn a_word_agrees_with_whatever_it_is_used_for() {
    for vocabulary in PROGRAMS.vocabularies().iter() {
        for state in State::ALL {
            let Some(word) = vocabulary.word_for(*state) else { continue };
            let status = if state.may_end() { TaskStatus::Completed } else { TaskStatus::Accepted };
            let judged = judge(Some(word), Position { status, state: *state }, Party::Owner, None);
            assert_eq!(judged, StatusMatch::Agrees, "{}: {}", vocabulary.name, state.code());
        }
    }
}

#[test]
fn what_a_status_means_where_a_referral_stands() {
    for case in cases("statuses.json") {
        let (given, says) = (&case["given"], case["says"].as_str().unwrap());
        let text = |name: &str| given[name].as_str().unwrap();
        let vocabulary = PROGRAMS.vocabularies().named(text("vocabulary")).unwrap();
        let status = TaskStatus::from_code(text("status")).unwrap();
        let from = Position { status, state: State::from_code(text("state")).unwrap() };
        let reason = given["reason"].as_str().map(|reason| Reason::from_code(reason).unwrap());
        let verdict = judge(vocabulary.word(text("code")), from, Party::Owner, reason);
        let mut found = json!({ "result": verdict.code() });
        match verdict {
            StatusMatch::Moves { event, reason, state } => {
                found["event"] = event.code().into();
                found["state"] = state.code().into();
                if let Some(reason) = reason {
                    found["reason"] = reason.code().into();
                }
            }
            StatusMatch::Unreachable(state) => found["state"] = state.code().into(),
            _ => {}
        }
        assert_eq!(found, case["expect"], "{says}");
    }
}

// === codes without a counterpart ===

const PROGRAM: &str = "program: services\ntitle: Services\n";
const SCHEMA: &str = r#"{
  "type": "object",
  "properties": {
    "type": { "type": "string" },
    "about": { "type": "array", "items": { "type": "string" } },
    "use": { "type": "string" }
  }
}"#;
const MAP: &str = "map: services
nodes:
  task: { root: Task, new: { status: requested, intent: order } }
  request: { at: task.focus, type: ServiceRequest }
fields:
  - { record: type, value: '@type' }
  - { record: about, of: request, get: category.coding, via: translate(srv-need) }
  - { record: use, fhir: task.description, via: crosswalk(name-use) }
";
const SRV_NEED: &str = "crosswalk: srv-need
source: { system: 'urn:handoff:fhir:CodeSystem:csbg-srv', version: '3.0', versionNeeded: true }
target: { system: 'http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes', version: 3.0.0 }
codes:
  - { source: 4c, target: homelessness, equivalence: relatedto }
  - { source: 4a, target: housing-instability, equivalence: relatedto }
  - { source: 6a, target: null, equivalence: unmatched }
";

#[test]
fn a_code_without_a_counterpart_is_reported_with_its_system_and_version() {
    let own = [
        ("x/services/program.yaml", PROGRAM),
        ("x/services/record.schema.json", SCHEMA),
        ("x/services/map.yaml", MAP),
        ("x/crosswalks/srv-need.yaml", SRV_NEED),
    ];
    let programs = load(&own).unwrap_or_else(|error| panic!("{error}"));
    let coding = |version: &str, code: &str| json!({ "system": SRV, "version": version, "code": code });
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000001", "resource": { "resourceType": "Task",
            "status": "requested", "intent": "order", "description": "sobriquet",
            "focus": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000002" },
            "for": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000003" } } },
        { "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000002", "resource": { "resourceType": "ServiceRequest",
            "status": "active", "intent": "order", "subject": { "reference": "urn:uuid:00000000-0000-4000-8000-000000000003" },
            "category": [{ "coding": [
                { "system": "http://snomed.info/sct", "code": "410606002" },
                coding("3.0", "4a"), coding("2", "4c"), coding("3.0", "9z"), coding("3.0", "6a")
            ] }] } },
        { "fullUrl": "urn:uuid:00000000-0000-4000-8000-000000000003", "resource": { "resourceType": "Patient" } },
    ] });
    let graph = Graph::from_bundle(&Arc::new(Document::from_value(&bundle).unwrap())).unwrap();
    let referral = Referral::read(&graph, graph.only_task().unwrap()).unwrap();
    let made = programs.get("services").map.explain(&referral, &Value::Null);
    assert_eq!(made.record().unwrap()["about"], json!(["housing-instability"]), "{}", made.json);
    let message: Vec<(Key, &str)> = made.issues.iter().map(|issue| (issue.key, issue.text.as_str())).collect();
    assert_eq!(
        message,
        [
            (
                Key::NotTranslated,
                "crosswalk srv-need has no counterpart for 4c of urn:handoff:fhir:CodeSystem:csbg-srv|2; it is for urn:handoff:fhir:CodeSystem:csbg-srv|3.0"
            ),
            (
                Key::NotTranslated,
                "crosswalk srv-need has no counterpart for 9z of urn:handoff:fhir:CodeSystem:csbg-srv|3.0"
            ),
            (
                Key::NotTranslated,
                "crosswalk name-use has no counterpart for sobriquet of http://hl7.org/fhir/name-use|4.0.1; the code passed as it is"
            ),
        ]
    );
    assert_eq!(made.fidelity.untranslated, 3, "what is known to have no counterpart is not counted");
    assert!(made.fidelity.to_string().ends_with("untranslated 3"), "{}", made.fidelity);
    assert_eq!(made.fidelity.to_value()["totals"]["untranslated"], 3);
}

// === what is found in a table ===

/// A table with these rows has exactly this finding, where `⟦` stands.
fn finds(text: &str, expected: &str) {
    let at = text.find('⟦').unwrap();
    let line = u32::try_from(text[..at].matches('\n').count()).unwrap() + 1;
    let column = u32::try_from(text[..at].rsplit('\n').next().unwrap().chars().count()).unwrap() + 1;
    let text = text.replace('⟦', "");
    let error = load(&[("x/crosswalks/episodes.yaml", &text)]).expect_err(&text);
    let message: Vec<String> = error.issues.iter().map(ToString::to_string).collect();
    assert_eq!(error.issues.len(), 1, "{text}\n{message:#?}");
    let issue = &error.issues[0];
    assert!(issue.text.contains(expected), "{text}\nexpected {expected}\nfound    {}", issue.text);
    assert_eq!((issue.key, issue.path.as_str()), (Key::MapInvalid, "x/crosswalks/episodes.yaml"));
    assert_eq!(issue.position, Some(SourcePosition { line, column }), "{text}\n{issue}");
    assert!(!issue.fix().is_empty());
}

#[test]
fn a_wrong_table_is_refused_with_its_place() {
    let head = "crosswalk: episodes\n\
                source: { system: 'urn:handoff:fhir:CodeSystem:enrollment-status', version: '1' }\n\
                target: { system: http://hl7.org/fhir/episode-of-care-status, version: 4.0.1 }\n\
                codes:\n  - { source: enrolled, target: active, equivalence: equivalent }\n";
    for (rows, expected) in [
        ("  - { source: on-leave, target: onhold, equivalence: ⟦same }\n", "same is no equivalence"),
        ("  - { source: ⟦enrolled, target: active, equivalence: wider }\n", "enrolled to active stands twice"),
        ("  - { source: ⟦enroled, target: onhold, equivalence: wider }\n", "enroled is no code of"),
        ("  - { source: on-leave, target: ⟦paused, equivalence: wider }\n", "paused is no code of"),
        (
            "  - { source: ⟦on-leave, target: active, equivalence: equal }\n",
            "active leads back to enrolled and to on-leave",
        ),
        ("  - { source: ⟦on-leave, target: null, equivalence: wider }\n", "on-leave to nothing is wider"),
        ("  - { source: ⟦on-leave, target: onhold, equivalence: unmatched }\n", "on-leave to onhold is unmatched"),
        (
            "  - { source: ⟦enrolled, target: null, equivalence: unmatched }\n",
            "a counterpart in one row and none in another",
        ),
        ("  - { source: on-leave, target: onhold, equivalence: wider, ⟦displya: x }\n", "displya"),
    ] {
        finds(&format!("{head}{rows}"), expected);
    }
    let other = head.replace("version: '1'", "version: '2'").replace("source: {", "source: ⟦{");
    finds(&other, "is of version 1.0.0, not 2");
    finds(&head.replace("crosswalk: episodes", "crosswalk: ⟦episode"), "stands in the file episodes.yaml");
    let states = "crosswalk: episodes\n\
                  source: ⟦{ system: 'urn:handoff:fhir:CodeSystem:referral-state', version: '1' }\n\
                  target: { system: 'urn:example:statuses', version: '1' }\n\
                  codes:\n  - { source: sent, target: Sent, equivalence: equivalent }\n";
    finds(states, "no row says what the vocabulary calls draft, received");
}

#[test]
fn a_code_that_needs_its_version_is_not_written_without_it() {
    let map = "map: services\nnodes:\n  task: { root: Task, new: { status: requested, intent: order } }\nfields:\n  \
               - { record: use, fhir: 'task.code.coding[system=SRV].code', via: crosswalk(need-category-csbg-srv) }\nnames: { SRV: 'urn:handoff:fhir:CodeSystem:csbg-srv' }\n";
    let with = |map: &str| {
        let own = [
            ("x/services/program.yaml", PROGRAM),
            ("x/services/record.schema.json", SCHEMA),
            ("x/services/map.yaml", map),
        ];
        load(&own)
    };
    let error = with(map).unwrap_err();
    assert_eq!(error.issues.len(), 1, "{error}");
    assert!(error.issues[0].text.contains("means nothing without its version"), "{error}");
    with(&map.replace("system=SRV]", "system=SRV,version=3.0]")).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn equivalences_are_those_of_the_standard() {
    let concepts = code_system("http://hl7.org/fhir/concept-map-equivalence");
    for code in Equivalence::CODES.split(", ") {
        assert!(Equivalence::from_code(code).is_some() && concepts.has(code), "{code}");
    }
}
