//! What is wrong with a map is found when it is loaded, with file, line and column, and how to mend it.
//!
//! Each case is a map with `⟦` before what is wrong.

use handoff::error::Error;
use handoff::fhir::{Key, SourcePosition};
use handoff::mapping::{ProgramTypeFiles, ProgramTypes};

use super::world;

const PROGRAM: &str = "program: generic\ntitle: Any program\n";

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "properties": {
    "type": { "type": "string" },
    "id": { "type": "string" },
    "note": { "type": "string" },
    "other": { "type": "string" },
    "count": { "type": "integer" },
    "born": { "type": "object", "properties": { "value": { "type": "string" }, "precision": { "type": "string" } } },
    "episode": { "type": "object", "properties": { "status": { "type": "string", "enum": ["open", "closed", "lost"] } } },
    "services": {
      "type": "array",
      "items": {
        "type": "object",
        "properties": { "id": { "type": "string" }, "at": { "type": "string" }, "text": { "type": "string" } }
      }
    }
  }
}"#;

const CROSSWALK: &str = "crosswalk: episodes
source: { system: urn:example:episodes, version: '1' }
target: { system: http://hl7.org/fhir/episode-of-care-status, version: 4.0.1 }
codes:
  - { source: open, target: active, equivalence: equivalent }
  - { source: closed, target: finished, equivalence: equivalent }
";

/// A map that is right, for what comes behind it.
const NODES: &str = "map: generic
nodes:
  task: { root: Task, new: { status: requested, intent: order } }
  request: { at: task.focus, type: ServiceRequest }
  person: { at: task.for, type: Patient }
  services:
    type: Procedure
    where: { basedOn: '@request' }
    each: services
    key: id
    new: { status: completed, subject: '@person' }
fields:
  - { record: 'services[].id', fhir: services.id }
";

/// Loads a map, and where `⟦` stood in it.
fn load(map: &str) -> (Result<ProgramTypes, Error>, Option<SourcePosition>) {
    let marked = map.find('⟦').map(|at| {
        let before = &map[..at];
        let line = before.matches('\n').count() as u32 + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() as u32 + 1;
        SourcePosition { line, column }
    });
    let map = map.replace('⟦', "");
    let files = [
        ("x/generic/program.yaml", PROGRAM.as_bytes()),
        ("x/generic/record.schema.json", SCHEMA.as_bytes()),
        ("x/generic/map.yaml", map.as_bytes()),
        ("x/crosswalks/episodes.yaml", CROSSWALK.as_bytes()),
    ];
    (ProgramTypes::load(world::definitions(), files), marked)
}

/// The map has exactly this finding, where `⟦` stands.
fn finds(map: &str, expected: &str) {
    let (loaded, place) = load(map);
    let error = loaded.expect_err(map);
    let message: Vec<String> = error.issues.iter().map(ToString::to_string).collect();
    assert_eq!(error.issues.len(), 1, "{map}\n{message:#?}");
    let issue = &error.issues[0];
    assert!(issue.text.contains(expected), "{map}\nexpected {expected}\nfound    {}", issue.text);
    assert_eq!((issue.key, issue.path.as_str()), (Key::MapInvalid, "x/generic/map.yaml"));
    assert_eq!(issue.position, place, "{map}\n{issue}");
    assert!(!issue.fix().is_empty());
}

#[test]
fn a_map_that_is_right_loads() {
    let (loaded, _) = load(NODES);
    assert_eq!(loaded.unwrap_or_else(|error| panic!("{error}")).iter().count(), 1);
}

#[test]
fn paths_of_the_graph() {
    for (line, expected) in [
        ("{ record: note, fhir: ⟦tusk.description }", "there is no node tusk"),
        ("{ record: note, fhir: ⟦task.descripton }", "Task has no element descripton"),
        ("{ record: note, fhir: ⟦task.code.codings.code }", "CodeableConcept has no element codings"),
        (
            "{ record: 'services[].at', fhir: ⟦services.performed }",
            "is a choice of types; name one of them, such as performedDateTime",
        ),
        ("{ record: note, fhir: ⟦'task.description[a=b]' }", "is no list, so there is nothing to choose from"),
        ("{ record: note, fhir: ⟦'task.identifier[value].value' }", "expected element=value"),
        ("{ record: note, fhir: ⟦'task.identifier[valu=x].value' }", "Identifier has no element valu"),
        ("{ record: note, fhir: ⟦task.code }", "it ends at a CodeableConcept, which is not a single value"),
        ("{ record: note, fhir: ⟦task }", "expected task. and an element"),
        ("{ record: note, get: ⟦descripton }", "there is no element descripton in Task"),
        ("{ record: note, get: ⟦focus.identifer.value.first() }", "identifer"),
        ("{ record: note, get: ⟦'identifier[sistem=x].value' }", "Identifier has no element sistem"),
        ("{ record: note, fhir: ⟦task.status, via: says(final) }", "nothing can be read from it"),
        (
            "{ record: note, fhir: task.description, also: ⟦{ fhir: task.status, via: says(final) } }",
            "nothing can be read from it",
        ),
        ("{ record: note, fhir: ⟦task.id | task.description }", "a resource has one id; it is no alternative"),
    ] {
        finds(&format!("{NODES}  - {line}\n"), expected);
    }
}

#[test]
fn what_is_left_out_is_asked_of_what_there_is() {
    let rule = "withhold:\n  - { rule: x, of: task, when: ⟦restricton.exists(), record: note, fhir: Task.note }\n";
    finds(&format!("{NODES}{rule}"), "restricton");
}

#[test]
fn paths_of_the_record() {
    for (line, expected) in [
        ("{ record: ⟦nothing, fhir: task.description }", "the record's schema knows no nothing"),
        ("{ record: ⟦'services[].nothing', fhir: services.status }", "the record's schema knows no services[].nothing"),
        ("{ record: ⟦'visits[].at', fhir: services.status }", "no node makes the list visits"),
        ("{ record: ⟦a b, fhir: task.description }", "is no place of a record"),
        ("{ record: ⟦[born.value, note], fhir: person.birthDate, via: partial-date }", "are members of one object"),
        ("{ record: note, fhir: ⟦services.outcome.text }", "services is found in the items of services"),
        (
            "{ record: 'services[].text', fhir: ⟦task.description }",
            "task is found once, and the field stands in every item",
        ),
    ] {
        finds(&format!("{NODES}  - {line}\n"), expected);
    }
}

#[test]
fn converters_and_both_their_ends() {
    for (line, expected) in [
        ("{ record: note, fhir: task.description, via: ⟦upside-down }", "there is no converter upside-down"),
        ("{ record: note, fhir: task.status, via: ⟦crosswalk(nothing) }", "there is no crosswalk nothing"),
        (
            "{ record: note, fhir: ⟦person.birthDate, via: partial-date }",
            "partial-date ties 2 of the record to 1 of FHIR",
        ),
        (
            "{ record: [born.value, born.precision], fhir: ⟦person.gender, via: partial-date }",
            "partial-date is for date or dateTime",
        ),
        (
            "{ record: note, fhir: ⟦request.quantityQuantity, via: minutes }",
            "FHIR has a integer there, and the record's schema expects string",
        ),
        (
            "{ record: count, fhir: ⟦task.description }",
            "FHIR has a string there, and the record's schema expects integer",
        ),
        ("{ record: note, fhir: ⟦person.active }", "FHIR has a boolean there"),
        ("{ record: note, get: ⟦'status.where(' }", "expected"),
        ("{ record: note, of: ⟦nobody, get: status }", "there is no node nobody"),
        ("{ record: note, get: status, via: ⟦minutes }", "minutes is no converter of a computed value"),
        ("⟦{ record: note, fhir: task.description, get: status }", "a field has one source"),
        ("⟦{ record: note }", "a field has one source"),
        ("{ record: note, fhir: task.description, owner: ⟦everybody }", "everybody owns nothing"),
        ("{ record: note, fhir: task.description, when: ⟦'a and' }", "expected"),
    ] {
        finds(&format!("{NODES}  - {line}\n"), expected);
    }
}

#[test]
fn one_writer_for_every_place() {
    let second = |line: &str| format!("{NODES}  - {{ record: note, fhir: task.description }}\n  - {line}\n");
    finds(&second("{ record: other, fhir: ⟦task.description }"), "other and note can write the same place");
    finds(&second("{ record: other, fhir: ⟦request.note.text | task.description }"), "can write the same place");
    let third = second("{ record: other, fhir: 'task.identifier[system=urn:a].value' }");
    finds(
        &format!("{third}  - {{ record: count, fhir: ⟦'task.identifier[use=usual].value' }}\n")
            .replace("count", "type"),
        "can write the same place",
    );
    for right in [
        "{ record: other, get: description }".to_owned(),
        "{ record: other, fhir: 'task.identifier[system=urn:a].value' }\n  - { record: type, fhir: 'task.identifier[system=urn:b].value' }".to_owned(),
        "{ record: other, fhir: request.patientInstruction, when: \"type = 'a'\" }\n  - { record: type, fhir: request.patientInstruction, when: \"type = 'b'\" }".to_owned(),
    ] {
        let (loaded, _) = load(&second(&right));
        assert!(loaded.is_ok(), "{right}: {}", loaded.unwrap_err());
    }
}

#[test]
fn a_system_is_a_url_or_a_name() {
    let fields = format!("{NODES}  - {{ record: other, fhir: ⟦'task.identifier[system=TYPO].value' }}\n");
    finds(&fields, "TYPO is no URL, and no name of this map");
}

#[test]
fn a_source_for_every_required_element() {
    let without = NODES.replace("services:\n    type", "⟦services:\n    type").replace(", subject: '@person'", "");
    finds(&without, "a created Procedure needs subject, and nothing gives it");
    let inside = NODES
        .replace("services:\n    type", "⟦services:\n    type")
        .replace("subject: '@person'", "subject: '@person', performer.onBehalfOf: '@task.owner'");
    finds(&inside, "a created Procedure needs performer.actor, and nothing gives it");
}

#[test]
fn nodes_are_found_in_one_way() {
    let with = |node: &str| NODES.replace("fields:", &format!("  {node}\nfields:"));
    for (node, expected) in [
        ("more: { at: ⟦task.descriptionn, type: Patient }", "Task has no element descriptionn"),
        ("more: { at: ⟦task.description, type: Patient }", "description is a string, not a Reference"),
        ("more: { at: task.owner, type: ⟦Organisation }", "Organisation is no resource type of FHIR R4"),
        ("⟦more: { at: task.owner }", "a node is found in one way"),
        ("more: { type: ⟦Goal }", "which Goal is meant is not said"),
        ("more: { type: Goal, where: { subject: ⟦'@nobody' } }", "there is no node nobody"),
        ("more: { type: Goal, where: { ⟦subjct: '@person' } }", "Goal has no element subjct"),
        ("more: { root: ⟦Goal }", "a referral is read from its Task"),
        ("more: { items: ⟦task.description, each: notes, key: text }", "description is no list"),
        ("⟦more: { items: task.note }", "items make a list of the record"),
        ("more: { items: task.note, each: ⟦notes }", "what tells the items of the list apart is not said"),
        ("more: { versions: ⟦request, each: history, key: at }", "only the Task's versions are known"),
        (
            "more: { type: Goal, where: { subject: '@person' }, listed: ⟦task.status }",
            "status is a code, not a Reference",
        ),
        ("more: { type: Goal, where: { subject: '@person' }, create: ⟦'services[].at' }", "more is found once"),
        ("⟦more: { items: task.note, each: notes, key: text }", "no field stands in notes"),
    ] {
        finds(&with(node), expected);
    }
    finds(
        &NODES.replace("services:\n    type", "⟦services:\n    type").replace("key: id", "key: name"),
        "no field is services[].name",
    );
}

#[test]
fn crosswalks_cover_what_the_record_may_hold() {
    let episode = "  episode:
    type: EpisodeOfCare
    where: { referralRequest: '@request' }
    create: episode
    new: { patient: '@person' }
fields:";
    let map = NODES.replace("fields:", episode);
    let line = "  - { record: episode.status, fhir: ⟦episode.status, via: crosswalk(episodes) }\n";
    finds(&format!("{map}{line}"), "crosswalk episodes has no row for lost");
}

#[test]
fn files_and_folders() {
    let check = |files: &[(&str, &str)], path: &str, place: Option<(u32, u32)>, expected: &str| {
        let files = files.iter().map(|(path, text)| (*path, text.as_bytes()));
        let error = ProgramTypes::load(world::definitions(), files).expect_err(expected);
        let found = error.issues.iter().find(|issue| issue.text.contains(expected));
        let issue = found.unwrap_or_else(|| panic!("expected {expected}, found {error}"));
        assert_eq!(issue.path, path);
        assert_eq!(issue.position.map(|place| (place.line, place.column)), place, "{issue}");
    };
    let generic =
        [("generic/program.yaml", PROGRAM), ("generic/record.schema.json", SCHEMA), ("generic/map.yaml", NODES)];
    let with = |more: &[(&'static str, &'static str)]| [&generic[..], more].concat();
    check(&generic[..2], "generic/map.yaml", None, "the program type generic has no map.yaml");
    check(&[], "generic", None, "there is no folder generic");
    check(
        &with(&[("generic/map.yaml", "map: other\n")]),
        "generic/map.yaml",
        Some((1, 6)),
        "other stands in the folder generic",
    );
    check(&with(&[("generic/map.yaml", "map: generic\nfeilds: []\n")]), "generic/map.yaml", Some((2, 1)), "feilds");
    check(&with(&[("generic/map.yaml", "map: generic\nnodes: [\n")]), "generic/map.yaml", Some((2, 8)), "");
    check(
        &with(&[("generic/record.schema.json", "{\"type\": }")]),
        "generic/record.schema.json",
        Some((1, 10)),
        "expected a value",
    );
    check(
        &with(&[("generic/record.schema.json", "{\"type\": 3}")]),
        "generic/record.schema.json",
        None,
        "no usable JSON Schema",
    );
    check(
        &with(&[("crosswalks/a.yaml", CROSSWALK)]),
        "crosswalks/a.yaml",
        Some((1, 12)),
        "episodes stands in the file a.yaml",
    );
    let wrong: &'static str = "crosswalk: a\nsource: { system: s, version: '1' }\ntarget: { system: t, version: '1' }\ncodes:\n  - { source: x, target: y, equivalence: same }\n";
    check(&with(&[("crosswalks/a.yaml", wrong)]), "crosswalks/a.yaml", Some((5, 42)), "same is no equivalence");
    let extending = [
        ("more/program.yaml", "program: more\ntitle: More\n"),
        ("more/record.schema.json", SCHEMA),
        ("more/map.yaml", "map: more\nextends: nobody\n"),
    ];
    check(&with(&extending), "more/map.yaml", Some((2, 10)), "there is no program type nobody");
    let itself = [extending[0], extending[1], ("more/map.yaml", "map: more\nextends: more\n")];
    check(&with(&itself), "more/map.yaml", Some((2, 10)), "more extends itself");
}

/// The files that come with the program, and so many more types that extend one of them.
fn with_more_types(count: usize) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<(String, Vec<u8>)> =
        handoff::shipped::files().iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect();
    let text = |path: &str| {
        let (_, bytes) = handoff::shipped::files().iter().find(|(known, _)| known.ends_with(path)).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    for number in 0..count {
        let name = format!("more-{number}");
        for file in ["program.yaml", "map.yaml"] {
            let own = text(&format!("/pace/{file}"));
            let own =
                own.replace("program: pace", &format!("program: {name}")).replace("map: pace", &format!("map: {name}"));
            files.push((format!("more/{name}/{file}"), own.into_bytes()));
        }
        let schema = text("/pace/record.schema.json").replace("record:pace", &format!("record:{name}"));
        let schema = schema.replace(r#""const": "pace""#, &format!(r#""const": "{name}""#));
        files.push((format!("more/{name}/record.schema.json"), schema.into_bytes()));
    }
    files
}

#[test]
fn one_type_is_compiled_without_the_others() {
    let definitions = world::definitions();
    let mut counted = Vec::new();
    for count in [0, 10, 20] {
        let files = with_more_types(count);
        let files = || files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        let types = ProgramTypeFiles::new(definitions, files());
        assert_eq!(types.kinds().count(), 10 + count);
        let alone = types.compile("pace").unwrap();
        counted.push(types.work());
        let all = ProgramTypes::load(definitions, files()).unwrap();
        assert_eq!(alone.schema_json(), all.get("pace").schema_json());
        assert_eq!(alone.map.fields(), all.get("pace").map.fields());
        // A type without a folder is the generic one.
        assert_eq!(types.compile("nobody-has-this").unwrap().kind, "generic");
    }
    let (programs, tables) = counted[0];
    assert!(programs == 1 && tables > 0 && tables < 40, "{counted:?}");
    assert!(counted.iter().all(|work| *work == counted[0]), "{counted:?}");
}

#[test]
fn what_is_wrong_with_one_type_is_no_fault_of_another() {
    let broken = [("more/other/program.yaml", "program: [\n"), ("more/crosswalks/other.yaml", "nothing: here\n")];
    let files = handoff::shipped::files().iter().copied().chain(broken.map(|(path, text)| (path, text.as_bytes())));
    let types = ProgramTypeFiles::new(world::definitions(), files.clone());
    assert_eq!(types.compile("chw").unwrap().kind, "chw");
    let error = types.compile("other").unwrap_err();
    assert!(error.issues.iter().all(|issue| issue.path.contains("other/")), "{error}");
    let all = ProgramTypes::load(world::definitions(), files).unwrap_err();
    assert!(all.issues.iter().any(|issue| issue.path == "more/crosswalks/other.yaml"), "{all}");
}

#[test]
fn what_was_asked_before_does_not_count() {
    let broken = [
        ("more/other/program.yaml", "program: [\n"),
        ("more/other/record.schema.json", "{"),
        ("more/unasked/record.schema.json", "{"),
    ];
    let files = handoff::shipped::files().iter().copied().chain(broken.map(|(path, text)| (path, text.as_bytes())));
    let types = ProgramTypeFiles::new(world::definitions(), files);
    assert!(types.compile("other").is_err() && types.compile("unasked").is_err());
    // Its record shares definitions with other schemas, which are looked for in every folder.
    assert_eq!(types.compile("pace").unwrap().kind, "pace");
    assert_eq!(types.compile("generic").unwrap().kind, "generic");
    let again = types.compile("other").unwrap_err();
    assert!(again.issues.iter().all(|issue| issue.path.contains("other/")), "{again}");
}

#[test]
fn a_schema_that_is_not_found_may_be_one_that_cannot_be_read() {
    let own =
        r#"{ "$id": "urn:own:van", "properties": { "type": { "const": "van" }, "seat": { "$ref": "urn:own:seat" } } }"#;
    let text = |file: &str| {
        let (_, bytes) = handoff::shipped::files().iter().find(|(path, _)| path.ends_with(file)).unwrap();
        String::from_utf8_lossy(bytes).replace("generic", "van")
    };
    let files = [
        ("more/van/program.yaml", text("/generic/program.yaml")),
        ("more/van/map.yaml", text("/generic/map.yaml")),
        ("more/van/record.schema.json", own.to_owned()),
        ("more/seat/record.schema.json", "{".to_owned()),
    ];
    let files = files.iter().map(|(path, text)| (*path, text.as_bytes()));
    let types = ProgramTypeFiles::new(world::definitions(), handoff::shipped::files().iter().copied().chain(files));
    let error = types.compile("van").unwrap_err();
    let paths: Vec<&str> = error.issues.iter().map(|issue| issue.path.as_str()).collect();
    assert_eq!(paths, ["more/seat/record.schema.json", "more/van/record.schema.json"], "{error}");
}
