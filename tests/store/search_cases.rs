//! Searches, by the cases of `fixtures/cases/search/`: what they find among given resources, and what is refused. They
//! run in memory, by `Query::matches`; the suite of the stores holds each store to the same.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;

use handoff::definitions::Definitions;
use handoff::fhir::{Document, Key};
use handoff::fhirpath::Temporal;
use handoff::store::index::{IndexEntry, IndexValue, ParameterKind, SearchParameters};
use handoff::store::query::{DEFAULT_COUNT, Include, Query, Sort, SortKey, Total};
use serde_json::{Value, json};

struct Resource {
    kind: String,
    id: String,
    updated: i64,
    entries: Vec<IndexEntry>,
}

fn served() -> SearchParameters {
    SearchParameters::shipped(&Definitions::r4().unwrap()).unwrap()
}

fn parameters(query: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    query.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn query(served: &SearchParameters, search: &str) -> Result<Query, String> {
    let (kind, rest) = search.split_once('?').unwrap_or((search, ""));
    Query::parse(served, kind, &parameters(rest)).map_err(|issues| issues[0].to_string())
}

fn resource(served: &SearchParameters, value: &Value) -> Resource {
    let document = Document::from_value(value).unwrap();
    let root = document.root();
    let updated = root.get("meta").and_then(|meta| meta.str("lastUpdated")).unwrap();
    Resource {
        kind: root.str("resourceType").unwrap().into_owned(),
        id: root.str("id").unwrap().into_owned(),
        updated: Temporal::parse_date_time(&updated).unwrap().interval_micros().0,
        entries: served.entries(root).unwrap(),
    }
}

#[test]
fn finds_what_the_cases_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/search/referrals.json");
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let served = served().with_base(file["base"].as_str().unwrap());
    let resources: Vec<Resource> =
        file["given"].as_array().unwrap().iter().map(|value| resource(&served, value)).collect();
    let mut wrong = Vec::new();
    for case in file["expect"].as_array().unwrap() {
        if let Err(why) = check(&served, &resources, case) {
            wrong.push(format!("{}: {why}", case["search"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn check(served: &SearchParameters, resources: &[Resource], case: &Value) -> Result<(), String> {
    let search = case["search"].as_str().unwrap();
    if case["finds"].is_null() {
        return check_refusal(served, search, case);
    }
    let query = query(served, search)?;
    let found: Vec<&str> = resources
        .iter()
        .filter(|resource| resource.kind == query.kind)
        .filter(|resource| query.matches(&resource.id, resource.updated, &resource.entries))
        .map(|resource| resource.id.as_str())
        .collect();
    if json!(found) == case["finds"] { Ok(()) } else { Err(format!("found {found:?}, expected {}", case["finds"])) }
}

/// `unknown` is what lenient handling passes over; `error` is refused either way.
fn check_refusal(served: &SearchParameters, search: &str, case: &Value) -> Result<(), String> {
    let (kind, rest) = search.split_once('?').unwrap();
    let parsed = Query::read(served, kind, &parameters(rest));
    let (found, none, says) = match case["unknown"].as_str() {
        Some(says) => (&parsed.unknown, &parsed.errors, says),
        None => (&parsed.errors, &parsed.unknown, case["error"].as_str().unwrap()),
    };
    let right = matches!(&found[..], [issue] if issue.key == Key::Parameter && issue.text.contains(says));
    let lenient = parsed.clone().ignoring_unknown().is_ok() == case["error"].is_null();
    if right && none.is_empty() && lenient { Ok(()) } else { Err(format!("{parsed:?}")) }
}

#[test]
fn reads_what_is_not_a_condition() {
    let served = served();
    let number = |kind, code| served.find(kind, code).unwrap().0;
    let read = query(
        &served,
        "Task?_include=Task:patient:Patient&_revinclude=Provenance:target&_sort=-_lastUpdated,_id&_count=7\
         &_total=accurate&_elements=status,Task.owner&_cursor=abc&_format=json",
    )
    .unwrap();
    let expected = Query {
        include: vec![Include {
            kind: "Task".into(),
            parameter: number("Task", "patient"),
            target: Some("Patient".into()),
        }],
        revinclude: vec![Include {
            kind: "Provenance".into(),
            parameter: number("Provenance", "target"),
            target: None,
        }],
        sort: vec![Sort { by: SortKey::LastUpdated, descending: true }, Sort { by: SortKey::Id, descending: false }],
        count: 7,
        page: Some("abc".into()),
        total: Total::Accurate,
        elements: vec!["status".into(), "owner".into()],
        ..Query::all("Task")
    };
    assert_eq!(read, expected);
    assert_eq!(query(&served, "Task").unwrap().count, DEFAULT_COUNT);
    assert!(query(&served, "Task?_summary=count").unwrap().count_only);
    assert!(query(&served, "Task?_count=0").unwrap().count_only);
}

#[test]
fn entries_are_narrow_and_stand_once() {
    let served = served();
    let task = json!({
        "resourceType": "Task", "id": "t", "meta": {"lastUpdated": "2026-11-20T10:00:00Z"},
        "status": "requested",
        "code": {"coding": [{"system": "urn:s", "code": "a"}, {"system": "urn:s", "code": "a", "display": "A"}, {"display": "only"}]},
        "for": {"reference": "Patient/p"},
        "focus": {"reference": "#inside"},
        "partOf": [{"display": "nothing to find"}, {"reference": "not a reference"}],
        "authoredOn": "not a date"
    });
    let found: Vec<(String, IndexValue)> = resource(&served, &task)
        .entries
        .into_iter()
        .map(|entry| (served.parameter(entry.parameter).unwrap().code.clone(), entry.value))
        .collect();
    let token = |system: &str, code: &str| IndexValue::Token { system: Some(system.into()), code: code.into() };
    let patient = IndexValue::Reference(handoff::fhir::ResourceKey::new("Patient", "p"));
    assert_eq!(
        found,
        [
            ("code".to_owned(), token("urn:s", "a")),
            ("patient".to_owned(), patient.clone()),
            ("status".to_owned(), token("http://hl7.org/fhir/task-status", "requested")),
            ("subject".to_owned(), patient),
        ]
    );
    let unknown = json!({"resourceType": "Unheard", "id": "u", "meta": {"lastUpdated": "2026"}});
    assert_eq!(resource(&served, &unknown).entries, []);
}

#[test]
fn the_shipped_list_is_what_r4_defines() {
    let served = served();
    for (kind, code, expected) in [
        ("Task", "owner", ParameterKind::Reference),
        ("Task", "identifier", ParameterKind::Token),
        ("Patient", "name", ParameterKind::String),
        ("Observation", "date", ParameterKind::Date),
        ("Consent", "patient", ParameterKind::Reference),
        ("Bundle", "identifier", ParameterKind::Token),
    ] {
        assert_eq!(served.find(kind, code).unwrap().1.kind, expected, "{kind}.{code}");
    }
    assert!(served.find("Task", "performer").is_none() && served.find("Binary", "identifier").is_none());
    assert_eq!(served.find("Task", "patient").unwrap().1.targets, ["Patient"]);
    assert_eq!(served.fingerprint(), self::served().fingerprint());
    // Under which URL it is served changes nothing of the index.
    assert_eq!(served.fingerprint(), self::served().with_base("https://x.example").fingerprint());
}

#[test]
fn a_wrong_list_names_file_line_and_column() {
    let definitions = Definitions::r4().unwrap();
    let list = "every: [identifier]\ntypes:\n  - type: Task\n    parameters: [owner, ownr]\n  - type: Tusk\n    parameters: []\n  - type: Observation\n    parameters:\n      - value-quantity\n";
    let error = SearchParameters::compile(&definitions, "served.yaml", list).unwrap_err();
    let message: Vec<String> = error.issues.iter().map(ToString::to_string).collect();
    assert!(
        message[0].starts_with("error served.yaml (4:25): Task has no search parameter ownr; it has "),
        "{}",
        message[0]
    );
    assert!(message[1].starts_with("error served.yaml (5:11): Tusk is no resource type"), "{}", message[1]);
    assert!(
        message[2].contains("(9:9)") && message[2].contains("of kind quantity, which is not served"),
        "{}",
        message[2]
    );
    let error = SearchParameters::compile(&definitions, "served.yaml", "types: 7").unwrap_err();
    assert!(error.issues[0].position.is_some(), "{error}");
}
