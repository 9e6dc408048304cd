//! `handoff fhirpath`: what it prints and how it exits, through the binary.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const TASK: &str = r##"{
  "resourceType": "Task",
  "id": "t1",
  "contained": [{ "resourceType": "Organization", "id": "pantry", "name": "Mill Pantry" }],
  "status": "ready",
  "code": { "coding": [{ "system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill" }] },
  "focus": { "reference": "ServiceRequest/r1" },
  "owner": { "reference": "#pantry" },
  "authoredOn": "2026-11-20T10:00:00Z"
}"##;

/// Exit code, standard output and standard error of `handoff fhirpath ARGUMENTS` with `input` on standard input.
fn fhirpath(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .arg("fhirpath")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A process that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn shows_items_with_type_and_place() {
    let (exit, out, err) = fhirpath(&["status | code.coding.code | 1.50 | id.length()", "-"], TASK);
    assert_eq!((exit, err.as_str()), (0, ""));
    assert_eq!(
        out,
        "Task.status (5:13): code \"ready\"\nTask.code.coding[0].code (6:88): code \"fulfill\"\nDecimal 1.50\nInteger 2\n"
    );
    assert_eq!(fhirpath(&["Task.output", "-"], TASK), (0, "{}\n".to_owned(), String::new()));
    assert_eq!(fhirpath(&["1 + 1"], ""), (0, "Integer 2\n".to_owned(), String::new()));
    assert_eq!(fhirpath(&["-1.abs()"], ""), (0, "Integer -1\n".to_owned(), String::new()));
}

#[test]
fn shows_items_in_json() {
    let (exit, out, _) = fhirpath(&["--format", "json", "focus | (today() > @2020-01-01)", "-"], TASK);
    let expected = json!([
        { "type": "Reference", "value": { "reference": "ServiceRequest/r1" }, "path": "Task.focus", "line": 7, "column": 12 },
        { "type": "Boolean", "value": true }
    ]);
    assert_eq!((exit, serde_json::from_str::<Value>(&out).unwrap()), (0, expected));
    let (_, out, _) = fhirpath(&["--format", "json", "output", "-"], TASK);
    assert_eq!(out, "[]\n");
}

#[test]
fn marks_what_is_wrong() {
    let (exit, out, err) = fhirpath(&["status.exits()", "-"], TASK);
    assert_eq!((exit, out.as_str()), (2, ""));
    assert!(err.contains("did you mean exists()?"), "{err}");
    assert!(err.ends_with("  | status.exits()\n  |        ^\n"), "{err}");

    let (exit, _, err) = fhirpath(&["status", "-"], "{\"resourceType\": \"Task\",\n \"id\": tru}");
    assert_eq!(exit, 3);
    assert!(err.contains("standard input: ") && err.ends_with("  |  \"id\": tru}\n  |        ^\n"), "{err}");

    let (exit, out, err) = fhirpath(&["code.codng", "-"], TASK);
    assert_eq!((exit, out.as_str()), (0, "{}\n"));
    assert!(err.contains("warning") && err.contains("no element codng in CodeableConcept"), "{err}");

    let (exit, _, err) = fhirpath(&["status + 1", "-"], TASK);
    assert_eq!(exit, 1);
    assert!(err.ends_with("  | status + 1\n  |        ^\n"), "{err}");

    let (exit, _, err) = fhirpath(&["status", "no-such-file.json"], "");
    assert_eq!(exit, 1);
    assert!(err.contains("cannot read no-such-file.json"), "{err}");
    assert_eq!(fhirpath(&["status", "--format", "xml"], "").0, 2);
}

#[test]
fn resolves_within_and_beside() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let request = write("request.json", r#"{"resourceType":"ServiceRequest","id":"r1","status":"active"}"#);
    let (exit, out, _) = fhirpath(&["owner.resolve().name | focus.resolve().status", "-", "--with", &request], TASK);
    assert_eq!(exit, 0);
    assert_eq!(
        out,
        "Task.contained[0].name (4:75): string \"Mill Pantry\"\nServiceRequest.status (1:53): code \"active\"\n"
    );
    let (_, out, _) = fhirpath(&["focus.resolve()", "-"], TASK);
    assert_eq!(out, "{}\n");

    let bundle = write(
        "bundle.json",
        r#"{"resourceType":"Bundle","type":"collection","entry":[
            {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Task","id":"t","focus":{"reference":"urn:uuid:2"}}},
            {"fullUrl":"urn:uuid:2","resource":{"resourceType":"ServiceRequest","id":"r","intent":"order"}}]}"#,
    );
    let (_, out, _) = fhirpath(&["entry.resource.focus.resolve().intent", &bundle], "");
    assert!(out.starts_with("Bundle.entry[1].resource.intent (3:") && out.ends_with(": code \"order\"\n"), "{out}");
}

#[test]
fn asks_the_definitions() {
    let set = "http://hl7.org/fhir/ValueSet/task-status";
    let (exit, out, _) = fhirpath(&[&format!("status.memberOf('{set}') and code.memberOf('{set}').not()"), "-"], TASK);
    assert_eq!((exit, out.as_str()), (0, "Boolean true\n"));
    let (exit, out, err) = fhirpath(&["status.memberOf('urn:example:unknown')", "-"], TASK);
    assert_eq!((exit, out.as_str()), (1, ""));
    assert!(err.contains("the value set urn:example:unknown is not at hand"), "{err}");
    let task = "http://hl7.org/fhir/StructureDefinition/Task";
    let (_, out, _) = fhirpath(&[&format!("conformsTo('{task}')"), "-"], TASK);
    // Task.intent is absent.
    assert_eq!(out, "Boolean false\n");
    let (_, out, err) = fhirpath(&["status.trace('seen').exists()", "-"], TASK);
    assert_eq!((out.as_str(), err.as_str()), ("Boolean true\n", "trace seen: \"ready\"\n"));
}

#[test]
fn reads_files_of_the_demo() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/demo/ehr/food-insecurity.json");
    let (exit, out, _) =
        fhirpath(&["entry.resource.ofType(Task).focus.resolve().count()", &file.display().to_string()], "");
    assert_eq!((exit, out.as_str()), (0, "Integer 1\n"));
}
