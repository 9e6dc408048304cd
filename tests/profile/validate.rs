//! What the check finds, case by case. A case is a pair in `fixtures/cases/validate/`: `NAME.json`, as somebody might send
//! it, and `NAME.expect`, one line for each finding: severity, line:column, key, path, and behind ` -- ` how to mend it,
//! where that is more than the table says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, LazyLock};

use crate::{cases, scale};
use cases::{differences, files, line};
use handoff::definitions::Definitions;
use handoff::fhir::{Document, Issue, Limits, Severity};
use handoff::profile::Checker;

const CASES: &str = "fixtures/cases/validate";

static CHECKER: LazyLock<Checker> = LazyLock::new(|| Checker::new(Arc::new(Definitions::r4().unwrap())));

fn check(bytes: &[u8]) -> Vec<Issue> {
    match Document::parse_bytes(bytes, Limits::default()) {
        Ok(document) => CHECKER.check(document.root()),
        Err(issue) => vec![*issue],
    }
}

fn check_text(text: &str) -> Vec<Issue> {
    check(text.as_bytes())
}

/// The cases of the folder and of those in it, in their order.
fn cases_below() -> Vec<PathBuf> {
    let mut cases = files(CASES, "json");
    cases.extend(files(&format!("{CASES}/sdohcc"), "json"));
    cases.sort_unstable();
    cases
}

#[test]
fn finds_what_each_case_expects_and_nothing_else() {
    let mut failures = Vec::new();
    let cases = files(CASES, "json");
    for path in &cases {
        let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
        let differences = differences(&expected, &check(&std::fs::read(path).unwrap()));
        if !differences.is_empty() {
            failures.push(format!("{}\n{}", path.display(), differences.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), failures.join("\n"));
    assert_eq!(files(CASES, "expect").len(), cases.len(), "a case has lost its other half");
}

#[test]
fn what_cannot_be_checked_is_said_once_and_is_no_error() {
    let profile = r#""meta":{"profile":["https://example.org/p"]}"#;
    let bundle = format!(
        r#"{{"resourceType":"Bundle","type":"batch-response","entry":[
            {{"resource":{{"resourceType":"Patient",{profile}}},"response":{{"status":"200"}}}},
            {{"resource":{{"resourceType":"Patient",{profile}}},"response":{{"status":"200"}}}}]}}"#
    );
    let issues = check_text(&bundle);
    assert_eq!(issues.len(), 1, "{issues:?}");
    assert_eq!(line(&issues[0]), "information 2:70 not-checked Bundle.entry[0].resource.meta.profile[0]");

    let document = Document::parse(r#"{"resourceType":"Patient"}"#).unwrap();
    let core = "http://hl7.org/fhir/StructureDefinition/Patient|4.0.1";
    let issues = CHECKER.check_against(document.root(), &["https://example.org/p|1.0", core]);
    assert_eq!(issues.iter().map(line).collect::<Vec<_>>(), ["information 1:1 not-checked Patient"]);
}

#[test]
fn a_resource_inside_a_document_is_checked_from_there() {
    let text = r#"{"resourceType":"Parameters","parameter":[{"name":"resource","resource":
        {"resourceType":"Patient","gender":"x"}}]}"#;
    let document = Document::parse(text).unwrap();
    let inner = document.root().list("parameter").next().unwrap().get("resource").unwrap();
    let issues = CHECKER.check(inner);
    assert_eq!(issues.iter().map(line).collect::<Vec<_>>(), ["error 2:44 binding Patient.gender"]);
}

#[test]
fn says_no_more_than_anybody_reads() {
    let entries: Vec<String> = (0..50_000).map(|number| format!(r#""x{number}":null"#)).collect();
    let text = format!(r#"{{"resourceType":"Patient",{}}}"#, entries.join(","));
    let issues = check_text(&text);
    assert_eq!(issues.len(), 2_001);
    assert_eq!((issues[2_000].key.name(), issues[2_000].severity), ("more-findings", Severity::Error));
}

/// Hostile documents take time in proportion to their length, not to its square.
#[test]
fn bears_documents_made_to_be_slow() {
    let nulls = vec!["null"; 100_000].join(",");
    let contained: Vec<String> = (0..20_000)
        .map(|number| format!(r#"{{"resourceType":"Basic","id":"{number}","code":{{"text":"x"}}}}"#))
        .collect();
    let references: Vec<String> = (0..20_000).map(|number| format!(r##"{{"reference":"#{number}"}}"##)).collect();
    for text in [
        format!(r#"{{"resourceType":"Patient","name":[{{"given":[{nulls}],"_given":[{nulls}]}}]}}"#),
        format!(
            r#"{{"resourceType":"List","status":"current","mode":"working","contained":[{}],"entry":[{}]}}"#,
            contained.join(","),
            references.iter().map(|reference| format!(r#"{{"item":{reference}}}"#)).collect::<Vec<_>>().join(",")
        ),
        format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, vec!["{}"; 100_000].join(",")),
    ] {
        let started = std::time::Instant::now();
        check_text(&text);
        assert!(started.elapsed().as_secs() < 10, "{} bytes took {:?}", text.len(), started.elapsed());
    }
}

#[test]
fn one_checker_serves_many_threads() {
    let checker = Checker::new(Arc::new(Definitions::r4().unwrap()));
    let good = std::fs::read_to_string(format!("{CASES}/fine-transaction.json")).unwrap();
    let bad = std::fs::read_to_string(format!("{CASES}/several-at-once.json")).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let check = |text: &str| checker.check(Document::parse(text).unwrap().root()).len();
                assert_eq!((check(&good), check(&bad)), (0, 7));
            });
        }
    });
}

/// Whatever is cut out of a message or put into it: the check ends, says the same twice, and points into the text.
#[test]
fn bears_damaged_messages() {
    use proptest::prelude::*;

    let whole = ["fine-transaction", "fine-siblings", "fine-contained", "several-at-once"];
    let whole = whole.map(|name| std::fs::read_to_string(format!("{CASES}/{name}.json")).unwrap());
    let pieces =
        ["null", "[]", "{}", "[null]", "\"\"", "\"#\"", "1e9", "true", "\"extension\":[{}],", "\"_status\":[null],"];
    let damage = (0..whole.len(), 0..4_000_usize, 0..40_usize, prop::sample::select(pieces.to_vec()));
    let config = ProptestConfig { cases: scale::scaled(3_000), failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((which, at, length, piece) in damage)| {
        let text = &whole[which];
        // At the beginning and end of a value, so that what comes out is often JSON still.
        let starts: Vec<usize> = text.char_indices().filter(|(_, one)| "\"[{".contains(*one)).map(|(at, _)| at).collect();
        let start = starts[at % starts.len()];
        let rest = &text[start..];
        let end = rest.char_indices().filter(|(_, one)| ",]}:".contains(*one)).map(|(at, _)| at).nth(length % 8).unwrap_or(rest.len());
        let damaged = format!("{}{piece}{}", &text[..start], &rest[end..]);
        let issues = check_text(&damaged);
        prop_assert_eq!(&issues, &check_text(&damaged));
        let lines = damaged.matches('\n').count() as u32 + 1;
        for issue in issues {
            let place = issue.position.unwrap();
            prop_assert!((1..=lines).contains(&place.line) && place.column >= 1, "{} in {}", issue, damaged);
        }
    });
}

// === the command line ===

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_handoff")).args(arguments).output().unwrap()
}

fn handoff(arguments: &[&str]) -> Output {
    run(&[&["validate"], arguments].concat())
}

/// With this on standard input.
fn piped(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .arg("validate")
        .args(arguments)
        .arg("-")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_exit_code_says_whether_it_is_valid() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["fixtures/cases/validate/fine-task.json"][..], 0),
        (&["fixtures/cases/validate/bundle-dangling-in-collection.json"], 0),
        (&["--profile", "https://example.org/p", "fixtures/cases/validate/fine-task.json"], 1),
        (&["fixtures/cases/validate/binding-code.json"], 3),
        (&["--severity", "warning", "--summary", "fixtures/cases/validate/binding-code.json"], 3),
        (&["fixtures/cases/validate/json-words.json"], 3),
        (&["fixtures/cases/validate/fine-task.json", "no/such/file.json"], 1),
        (&["no/such/file.ndjson"], 1),
        (&[empty.path().to_str().unwrap()], 1),
        (&["--with", "no/such/package.tgz", "fixtures/cases/validate/fine-task.json"], 1),
        (&["--format", "xml", "fixtures/cases/validate/fine-task.json"], 2),
        (&[], 2),
    ] {
        assert_eq!(handoff(arguments).status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn people_see_the_place_in_the_source() {
    let message = out(&handoff(&["fixtures/cases/validate/binding-code.json"]));
    let expected = "\
error[binding]: the code is not in the value set http://hl7.org/fhir/ValueSet/task-status
 --> fixtures/cases/validate/binding-code.json:4:13  Task.status
  |
4 |   \"status\": \"requsted\",
  |             ^^^^^^^^^^
  = rule: Task|4.0.1, Task.status: required binding to http://hl7.org/fhir/ValueSet/task-status|4.0.1
  = mend: did you mean \"requested\"?

fixtures/cases/validate/binding-code.json: not valid, 1 error

handoff explain KEY says more about a finding
";
    assert_eq!(message, expected);
}

#[test]
fn programs_get_operation_outcomes() {
    let bad = "fixtures/cases/validate/several-at-once.json";
    let one = json(&handoff(&["--format", "json", bad]));
    assert_eq!(one["resourceType"], "OperationOutcome");
    assert_eq!(one["issue"].as_array().unwrap().len(), 7);
    assert_eq!(one["issue"][0]["expression"][0], "Task.status");
    assert_eq!(one["extension"][0]["valueString"], bad);
    // What we say is valid itself.
    let worse: Vec<Issue> =
        check_text(&one.to_string()).into_iter().filter(|issue| issue.severity > Severity::Information).collect();
    assert_eq!(worse, []);

    let all = json(&handoff(&["--format", "json", CASES]));
    assert_eq!(all.as_array().unwrap().len(), cases_below().len());
    let lines = out(&handoff(&["--format", "ndjson", CASES]));
    assert_eq!(lines.lines().count(), cases_below().len());
    let fine = out(&handoff(&["--format", "ndjson", "fixtures/cases/validate/fine-task.json"]));
    assert!(fine.contains("all ok"), "{fine}");
}

#[test]
fn a_folder_is_told_in_its_order_whoever_is_faster() {
    let cases: Vec<String> = cases_below().iter().map(|path| path.display().to_string()).collect();
    let outcomes = json(&handoff(&["--format", "json", CASES]));
    let names =
        outcomes.as_array().unwrap().iter().map(|outcome| outcome["extension"][0]["valueString"].as_str().unwrap());
    assert!(names.eq(cases.iter().map(String::as_str)));

    let message = out(&handoff(&[CASES]));
    let verdicts: Vec<&str> = message
        .lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(_, verdict)| is_verdict(verdict))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(verdicts, cases);
    assert_eq!(message, out(&handoff(&[CASES])));
}

fn is_verdict(text: &str) -> bool {
    ["valid", "not valid"].iter().any(|verdict| text == *verdict || text.starts_with(&format!("{verdict},")))
}

#[test]
fn a_line_is_a_resource_in_ndjson() {
    let fine = r#"{"resourceType":"Patient","id":"a"}"#;
    let lines = format!("{fine}\n\n{{\"resourceType\":\"Patient\",\"gender\":\"x\"}}\r\n{{\n{fine}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bulk.ndjson");
    std::fs::write(&path, &lines).unwrap();
    let name = path.to_str().unwrap();

    let told = handoff(&[name]);
    let message = out(&told);
    assert_eq!(told.status.code(), Some(3));
    assert!(message.contains(&format!("--> {name}:3:36  Patient.gender\n")), "{message}");
    assert!(message.contains(&format!("{name}: not valid, 2 of 4 resources, 2 errors\n")), "{message}");
    assert!(message.contains("4 resources in 1 file: 2 valid, 2 not\n"), "{message}");

    for told in [handoff(&["--format", "json", name]), piped(&["--format", "json"], &lines)] {
        let outcomes = json(&told);
        let lines: Vec<&serde_json::Value> =
            outcomes.as_array().unwrap().iter().map(|one| &one["issue"][0]["extension"][0]["valueInteger"]).collect();
        assert_eq!((lines[1], lines[2]), (&3.into(), &4.into()), "{outcomes}");
        assert_eq!(lines.len(), 4);
    }
}

#[test]
fn standard_input_may_be_one_resource() {
    for text in [r#"{"resourceType":"Patient","name":1}"#, "{\n\"resourceType\": \"Patient\",\n\"name\": 1}\n"] {
        let told = piped(&["--format", "json"], text);
        assert_eq!(told.status.code(), Some(3));
        assert_eq!(json(&told)["issue"][0]["expression"][0], "Patient.name", "{}", out(&told));
    }
    assert_eq!(piped(&[], "").status.code(), Some(3));
}

#[test]
fn the_same_finding_at_many_places_is_said_once() {
    let patient = r#"{"resourceType":"Patient","gender":"x"}"#;
    let entries: Vec<String> =
        (10..50).map(|id| format!(r#"{{"fullUrl":"http://example.org/Patient/{id}","resource":{patient}}}"#)).collect();
    let bundle = format!(r#"{{"resourceType":"Bundle","type":"collection","entry":[{}]}}"#, entries.join(",\n"));
    let message = out(&piped(&[], &bundle));
    assert_eq!(message.matches("error[binding]").count(), 1, "{message}");
    assert!(message.contains("  = also: 2:90  Bundle.entry[1].resource.gender\n"), "{message}");
    assert!(message.contains("  = also: 34 more places\n") && message.contains("not valid, 40 errors"), "{message}");
    let outcome = json(&piped(&["--format", "json"], &bundle));
    assert_eq!(outcome["issue"].as_array().unwrap().len(), 1);
    assert_eq!(outcome["issue"][0]["expression"].as_array().unwrap().len(), 40);
}

#[test]
fn what_was_said_is_not_said_again() {
    let claims = r#"{"resourceType":"Patient","meta":{"profile":["https://example.org/p"]}}"#;
    let message = out(&piped(&[], &format!("{claims}\n{claims}\n")));
    assert_eq!(message.matches("information[not-checked]").count(), 1, "{message}");
    assert!(message.contains("-: valid, 2 resources, 2 notes (1 as above)\n"), "{message}");
    // Errors are shown more than once, but not without end.
    let wrong = "{\"resourceType\":\"Patient\",\"gender\":\"x\"}\n".repeat(30);
    let message = out(&piped(&[], &wrong));
    assert_eq!(message.matches("error[binding]").count(), 5, "{message}");
    assert!(message.contains("-: not valid, 30 of 30 resources, 30 errors (25 as above)\n"), "{message}");
    let hidden = out(&piped(&["--severity", "warning"], claims));
    assert_eq!(hidden, "-: valid, 1 note\n");
}

#[test]
fn a_summary_counts_by_name() {
    let message = out(&handoff(&["--summary", CASES]));
    let all = cases_below().len();
    assert!(message.starts_with(&format!("{all} files: ")) && !message.contains("-->"), "{message}");
    let counted = json(&handoff(&["--summary", "--format", "json", CASES]));
    assert_eq!(counted["files"], all);
    assert_eq!(counted["valid"].as_u64().unwrap() + counted["invalid"].as_u64().unwrap(), all as u64);
    let keys = counted["keys"].as_object().unwrap();
    let errors: u64 = keys.values().map(|counts| counts["errors"].as_u64().unwrap()).sum();
    assert_eq!(counted["errors"], errors);
    assert!(message.contains(&format!("  {} errors", keys["bundle-rule"]["errors"])), "{message}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_handoff"))
        .args(["validate", CASES])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_ne!(output.status.code(), Some(1));
}

#[test]
fn every_finding_is_explained() {
    let list = out(&run(&["explain"]));
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_once("  ")).map(|(name, _)| name).collect();
    assert_eq!(names.len(), handoff::fhir::Key::ALL.len());
    let explained = out(&run(&["explain", "error[missing]:"]));
    for message in ["missing: ", "why: ", "see:   https://hl7.org/fhir/R4/", "mend: ", "issue.code required"] {
        assert!(explained.contains(message), "{explained}");
    }
    let unknown = run(&["explain", "mising"]);
    assert_eq!((unknown.status.code(), out(&unknown).as_str()), (Some(2), ""));
}

/// A profile of Task that wants a note, and a code out of a set that nobody here knows.
const WARM: &str = r#"{"resourceType":"StructureDefinition","url":"https://example.org/StructureDefinition/warm","version":"1.0",
    "name":"Warm","status":"active","abstract":false,"kind":"resource","type":"Task","derivation":"constraint",
    "baseDefinition":"http://hl7.org/fhir/StructureDefinition/Task","differential":{"element":[{"id":"Task","path":"Task"},
    {"id":"Task.code","path":"Task.code","binding":{"strength":"required","valueSet":"https://example.org/ValueSet/deeds"}},
    {"id":"Task.note","path":"Task.note","min":1,"mustSupport":true},
    {"id":"Task.description","path":"Task.description","mustSupport":true}]}}"#;

/// A file of this text in a folder that goes away.
fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn more_definitions_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let profile = file(&folder, "profile.json", WARM);
    let url = "https://example.org/StructureDefinition/warm|1.0";
    let task = "fixtures/cases/validate/fine-task.json";
    for arguments in [&["--profile", &profile, task][..], &["--with", &profile, "--profile", url, task]] {
        let message = out(&handoff(arguments));
        assert!(message.contains("  = rule: warm|1.0, Task.note: cardinality 1..*\n"), "{message}");
        assert!(!message.contains("must-support"), "{message}");
        let outcome = json(&handoff(&[&["--format", "json", "--severity", "error"], arguments].concat()));
        let source = &outcome["issue"][0]["extension"][3]["valueString"];
        assert_eq!(source, "https://example.org/StructureDefinition/warm|1.0#Task.note", "{outcome}");
    }
    let message = out(&handoff(&["--must-support", "--profile", &profile, task]));
    assert!(message.contains("information[must-support]") && message.contains("Task.description"), "{message}");
}

#[test]
fn resources_beside_it_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let form = r#"{"resourceType":"Questionnaire","url":"https://example.org/q","status":"active",
        "item":[{"linkId":"1","type":"string","text":"What helps?"}]}"#;
    let form = file(&folder, "form.json", form);
    let answers = r#"{"resourceType":"QuestionnaireResponse","questionnaire":"https://example.org/q","status":"completed",
        "item":[{"linkId":"2","answer":[{"valueString":"x"}]}]}"#;
    let answers = file(&folder, "answers.json", answers);
    assert!(out(&handoff(&[&answers])).contains("[questionnaire-missing]"));
    for with in [form.as_str(), folder.path().to_str().unwrap()] {
        let message = out(&handoff(&["--with", with, &answers]));
        assert!(message.contains("error[questionnaire-item]"), "{message}");
    }
}

#[test]
fn a_terminology_server_is_asked_where_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let profile = file(&folder, "profile.json", WARM);
    let set = r#"{"resourceType":"ValueSet","url":"https://example.org/ValueSet/deeds","status":"active","compose":{"include":[
        {"valueSet":["https://example.org/ValueSet/elsewhere"]}]}}"#;
    let set = file(&folder, "set.json", set);
    let arguments = ["--profile", &profile, "--with", &set, "fixtures/cases/validate/fine-task.json"];
    let alone = out(&handoff(&arguments));
    assert!(alone.contains("information[not-checked]") && !alone.contains("error[binding]"), "{alone}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/r4", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{Read, Write};
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4_096];
        let length = stream.read(&mut request).unwrap();
        assert!(String::from_utf8_lossy(&request[..length]).contains("code=fulfill"));
        let body = r#"{"resourceType":"Parameters","parameter":[{"name":"result","valueBoolean":false}]}"#;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/fhir+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
    });
    let asked = out(&handoff(&[&["--terminology", &url][..], &arguments].concat()));
    assert!(asked.contains("error[binding]") && !asked.contains("not-checked"), "{asked}");
}
