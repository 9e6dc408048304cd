//! How commands exit: 0 done; 1 understood, but not there or not reachable; 2 asked for in a way that is not understood; 3
//! judged and not valid.

use std::net::TcpListener;
use std::process::Command;

use serde_json::{Value, json};

/// Runs the binary in this folder; exit code and standard error.
fn exit(folder: &std::path::Path, arguments: &[&str]) -> (i32, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_handoff")).args(arguments).current_dir(folder).output().unwrap();
    (ran.status.code().unwrap(), String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn what_is_named_and_not_there_is_no_fault_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    std::fs::write(folder.path().join("patient.json"), r#"{"resourceType":"Patient","active":true}"#).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no database, but long enough for one".repeat(200)).unwrap();
    for (arguments, names) in [
        (&["validate", "none.json"][..], "none.json"),
        (&["validate", "empty"], "empty"),
        (&["validate", "--with", "none", "patient.json"], "none"),
        (&["validate", "--profile", "http://example.org/none", "patient.json"], "http://example.org/none"),
        (&["route", "none.json"], "none.json"),
        (&["route", "--directory", "none", "patient.json"], "none"),
        (&["route", "--programs", "none", "patient.json"], "none"),
        (&["translate", "--to", "record", "none.json"], "none.json"),
        (&["translate", "--from", "hmis", "--to", "record", "none.zip"], "none.zip"),
        (&["translate", "--from", "csv", "--to", "record", "none.csv"], "none.csv"),
        (&["fhirpath", "1", "none.json"], "none.json"),
        (&["package", "add", "none.tgz"], "none.tgz"),
        (&["package", "pack", "none.tgz", "-o", "x.pack"], "none.tgz"),
        (&["serve", "--config", "none.toml"], "none.toml"),
        (&["serve", "--listen", &address], &address),
        (&["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:none/handoff.db"], "none/handoff.db"),
        (&["serve", "--listen", "127.0.0.1:0", "--store", "sqlite:notes.txt"], "notes.txt"),
        (&["demo", "--listen", &address], &address),
        (&["demo", "--cases", "none.yaml"], "none.yaml"),
        (&["client", "list", "--store", "sqlite:none.db"], "none.db"),
        (&["client", "list", "--config", "none.toml"], "none.toml"),
        (&["audit", "verify", "--store", "sqlite:none.db"], "none.db"),
        (&["store", "backup", "x.db", "--store", "sqlite:none.db"], "none.db"),
    ] {
        let (code, err) = exit(folder.path(), arguments);
        assert_eq!(code, 1, "{arguments:?}: {err}");
        assert!(err.contains(names), "{arguments:?}: {err}");
        assert!(!err.contains("[fault]"), "{arguments:?} is no fault of ours: {err}");
    }
}

#[test]
fn what_is_not_understood_is_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("patient.json"), r#"{"resourceType":"Patient","active":true}"#).unwrap();
    let settings = |text: &str| std::fs::write(folder.path().join("s.toml"), text).unwrap();
    for (arguments, names) in [
        (&["serv"][..], "serve"),
        (&["validate", "--fromat", "json", "patient.json"], "--format"),
        (&["explain", "mising"], "did you mean missing?"),
        (&["explain", "nonsense-of-all-kinds"], "lists all"),
        (&["route", "--program", "suportive-housing", "patient.json"], "did you mean supportive-housing?"),
        (
            &["translate", "--to", "record", "--program", "suportive-housing", "patient.json"],
            "did you mean supportive-housing?",
        ),
        (&["translate", "--from", "hmis", "--to", "fhir", "patient.json"], "go by way of the record"),
        (&["fhirpath", "1 +", "patient.json"], "1"),
        (&["serve", "--listen", "here"], "here"),
        (&["serve", "--store", "mysql:x"], "store"),
        (&["serve", "--traces", "collector"], "traces"),
        (&["serve", "--base", "gateway"], "base"),
        (&["serve", "--log-level", "handoff=lout"], "log-level"),
        (&["client", "add", "--name", "N", "--role", "boss", "--organization", "Organization/a"], "boss"),
    ] {
        let (code, err) = exit(folder.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {err}");
        assert!(err.contains(names), "{arguments:?}: {err}");
    }
    for (text, names) in [
        ("lisen = 1", "s.toml (1:1)"),
        ("\nconsent = \"maybe\"", "s.toml (2:11)"),
        ("store = \"mysql:x\"", "store"),
        ("[limits]\ncount = 0", "count"),
        ("[profiles]\nDog = [\"urn:x\"]", "Dog"),
    ] {
        settings(text);
        let (code, err) = exit(folder.path(), &["serve", "--config", "s.toml", "--listen", "127.0.0.1:0"]);
        assert_eq!(code, 2, "{text}: {err}");
        assert!(err.contains(names), "{text}: {err}");
    }
}

#[test]
fn what_is_judged_and_not_valid_is_told_from_both() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.json"), r#"{"resourceType":"Patient","gender":"x"}"#).unwrap();
    std::fs::write(folder.path().join("half.json"), "{").unwrap();
    for arguments in [
        &["validate", "bad.json"][..],
        &["validate", "half.json"],
        &["route", "half.json"],
        &["translate", "--to", "record", "half.json"],
        &["fhirpath", "1", "half.json"],
    ] {
        let (code, err) = exit(folder.path(), arguments);
        assert_eq!(code, 3, "{arguments:?}: {err}");
    }
}

/// Whoever gathers logs as JSON gets nothing else, from the first line to the last.
#[test]
fn a_log_as_json_is_json_to_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::write(folder.path().join("s.toml"), "log = \"json\"\nlisten = \"127.0.0.1:0\"").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no database, but long enough for one".repeat(200)).unwrap();
    for (arguments, code, names) in [
        (&["serve", "--log", "json", "--listen", &address][..], 1, address.as_str()),
        (&["serve", "--log", "json", "--listen", "127.0.0.1:0", "--store", "sqlite:notes.txt"], 1, "notes.txt"),
        (&["serve", "--log", "json", "--config", "none.toml"], 1, "none.toml"),
        (&["serve", "--log", "json", "--log-level", "handoff=lout"], 2, "log-level"),
        (&["serve", "--config", "s.toml", "--base", "gateway"], 2, "base"),
    ] {
        let (found, err) = exit(folder.path(), arguments);
        assert_eq!(found, code, "{arguments:?}: {err}");
        let lines: Vec<Value> = err.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        let last = lines.last().unwrap();
        assert_eq!((&last["level"], &last["message"]), (&json!("ERROR"), &json!("the gateway has ended")), "{err}");
        assert!(last["error"].as_str().unwrap().contains(names), "{arguments:?}: {err}");
    }
}
