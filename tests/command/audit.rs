//! `handoff audit`, as people call it.

use clap::Parser;
use handoff::cli::{Cli, Exit};
use handoff::referral::plan::{AuditEntry, AuditOutcome};
use handoff::store::AuditLog;
use handoff::store::sqlite::SqliteStore;
use serde_json::Value;
use tempfile::TempDir;

use super::handoff;

/// A store in which a client was added and revoked, and two reads were remembered.
fn store() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let add = ["client", "add", "--name", "Zora Quill", "--role", "agency", "--organization", "Organization/a"];
    let (_, token, _) = handoff(folder.path(), &add);
    let id = token.split('_').nth(1).unwrap().to_owned();
    handoff(folder.path(), &["client", "revoke", &id]);
    let store = SqliteStore::open_for_clients(&folder.path().join("handoff.db")).unwrap();
    let entry = |at: &str, action: &'static str, outcome| AuditEntry {
        at: at.parse().unwrap(),
        action: action.into(),
        outcome,
        client: "c1".to_owned(),
        organization: "a".to_owned(),
        request: "r1".to_owned(),
        correlation: Some("theirs".to_owned()),
        subject: handoff::fhir::ResourceKey::parse("Patient/7"),
        entities: Vec::new(),
        detail: String::new(),
    };
    let entries = vec![
        entry("2020-01-01T10:00:00Z", "read", AuditOutcome::Done),
        entry("2020-01-02T10:00:00Z", "read", AuditOutcome::Refused),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.audit(entries)).unwrap();
    (folder, id)
}

#[test]
fn the_log_is_listed() {
    let (folder, id) = store();
    let (exit, out, _) = handoff(folder.path(), &["audit", "list"]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!((exit, lines.len()), (Exit::Done, 4), "{out}");
    assert!(
        lines[0].contains("client-added") && lines[0].contains(&format!("({id} agency for Organization/a)")),
        "{out}"
    );
    assert!(lines[1].contains("client-revoked") && lines[1].contains("by command-line"), "{out}");
    assert!(!out.contains("Zora"), "a client's name may be a person's: {out}");
    let read = "2020-01-02T10:00:00.000Z  read  refused  Patient/7  by c1 of Organization/a  request r1, called theirs";
    assert_eq!(lines[3], read);
    for (arguments, expected) in [
        (&["--since", "2020-01-02", "--until", "2020-01-02"][..], 1),
        (&["--until", "2020-01-01"], 1),
        (&["--until", "2020-01-01T09:59:59Z"], 0),
        (&["--client", "c1"], 2),
        (&["--organization", "Organization/a"], 2),
        (&["--subject", "Patient/7"], 2),
        (&["--subject", "Organization/a"], 2),
        (&["--action", "read", "--action", "client-added"], 3),
    ] {
        let all = [&["audit", "list", "--format", "ndjson"], arguments].concat();
        let (exit, out, _) = handoff(folder.path(), &all);
        assert_eq!((exit, out.lines().count()), (Exit::Done, expected), "{arguments:?} {out}");
        let json = [&["audit", "list", "--format", "json"], arguments].concat();
        let (_, array, _) = handoff(folder.path(), &json);
        let array: Value = serde_json::from_str(&array).unwrap();
        let objects: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(array.as_array().unwrap(), &objects);
    }
    let (exit, out, err) = handoff(folder.path(), &["audit", "list", "--client", "none"]);
    assert_eq!((exit, out.as_str(), err.as_str()), (Exit::Done, "", "nothing in the audit log matches\n"));
}

#[test]
fn a_log_that_was_changed_is_told_and_not_pruned() {
    let (folder, _) = store();
    let (exit, out, _) = handoff(folder.path(), &["audit", "verify"]);
    assert_eq!((exit, out.lines().next()), (Exit::Done, Some("4 rows, as they were written")), "{out}");
    let noted = out.lines().nth(1).unwrap().strip_prefix("--noted ").unwrap().to_owned();
    assert_eq!(handoff(folder.path(), &["audit", "verify", "--noted", &noted]).0, Exit::Done);

    let file = rusqlite::Connection::open(folder.path().join("handoff.db")).unwrap();
    file.execute_batch("UPDATE audit SET client = 'c2' WHERE number = 3").unwrap();
    let (exit, out, _) = handoff(folder.path(), &["audit", "verify"]);
    assert_eq!(exit, Exit::Invalid);
    assert!(out.starts_with("row 3 was changed (chain "), "{out}");
    let (exit, _, err) = handoff(folder.path(), &["audit", "prune", "--before", "2030-01-01"]);
    assert_eq!(exit, Exit::Invalid);
    assert!(err.contains("nothing is removed") && err.contains("row 3 was changed"), "{err}");
    assert_eq!(handoff(folder.path(), &["audit", "list"]).1.lines().count(), 4);
}

#[test]
fn old_rows_are_pruned() {
    let (folder, _) = store();
    // The oldest rows of this log are not the first that were written, so nothing is old enough.
    let (exit, out, _) = handoff(folder.path(), &["audit", "prune", "--before", "2020-01-02"]);
    assert_eq!((exit, out.as_str()), (Exit::Done, "0 rows are removed\n"));
    let (exit, out, _) = handoff(folder.path(), &["audit", "prune", "--before", "2999-01-01"]);
    assert_eq!((exit, out.as_str()), (Exit::Done, "4 rows are removed\n"));
    let (_, out, _) = handoff(folder.path(), &["audit", "list"]);
    assert!(out.lines().count() == 1 && out.contains("pruned  by command-line"), "{out}");
    assert_eq!(handoff(folder.path(), &["audit", "verify"]).0, Exit::Done);
}

#[test]
fn what_cannot_be_understood_or_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for command in [&["audit", "list"][..], &["audit", "verify"], &["audit", "prune", "--before", "2020"]] {
        let (exit, _, err) = handoff(folder.path(), command);
        assert!(exit == Exit::Failed && err.contains("is not known here"), "{err}");
    }
    assert!(!folder.path().join("handoff.db").exists(), "reading a log makes none");
    for bad in [
        &["audit", "list", "--since", "yesterday"][..],
        &["audit", "list", "--organization", "Patient/1"],
        &["audit", "list", "--subject", "somebody"],
        &["audit", "list", "--format", "xml"],
        &["audit", "prune"],
        &["audit", "verify", "--noted", "a/b/c"],
    ] {
        let refused = Cli::try_parse_from(["handoff"].iter().chain(bad)).unwrap_err();
        assert_eq!(refused.exit_code(), 2, "{bad:?}");
    }
}
