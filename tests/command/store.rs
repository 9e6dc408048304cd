//! `handoff store`, as people call it.

use std::path::Path;

use handoff::cli::Exit;
use rusqlite::Connection;
use tempfile::TempDir;

use super::handoff;

/// A store with a client.
fn store() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    add_client(folder.path());
    folder
}

fn add_client(folder: &Path) {
    let add = ["client", "add", "--name", "N", "--role", "engineer", "--organization", "Organization/a"];
    assert_eq!(handoff(folder, &add).0, Exit::Done);
}

fn clients(folder: &Path) -> usize {
    handoff(folder, &["client", "list"]).1.lines().count() - 1
}

#[test]
fn a_store_is_copied_put_back_and_checked() {
    let folder = store();
    let copy = folder.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    let (exit, out, err) = handoff(folder.path(), &["store", "backup", copy]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert!(out.starts_with(copy) && out.contains("as of commit 0: 0 resources, 0.") && out.contains(" MB"), "{out}");
    add_client(folder.path());
    assert_eq!(clients(folder.path()), 2);

    let (exit, out, err) = handoff(folder.path(), &["store", "restore", copy]);
    assert!(
        exit == Exit::Failed && out.is_empty() && err.contains("there already") && err.contains("--replace"),
        "{err}"
    );
    let (exit, out, _) = handoff(folder.path(), &["store", "restore", copy, "--replace"]);
    assert!(exit == Exit::Done && out.contains("at commit 0") && out.contains("is gone"), "{out}");
    assert_eq!(clients(folder.path()), 1);

    let (exit, out, err) = handoff(folder.path(), &["store", "check"]);
    assert_eq!((exit, err.as_str()), (Exit::Done, ""), "{out}");
    assert_eq!(out.lines().last(), Some("whole"));
    for part in ["file", "references", "counts", "documents", "index", "audit log"] {
        assert!(out.lines().any(|line| line.trim_start().starts_with(part)), "{part}: {out}");
    }
    assert!(out.contains("2 rows, as they were written"), "the client and the restoring are remembered: {out}");
}

#[test]
fn a_store_that_is_not_whole_is_said_to_be_so() {
    let folder = store();
    let copy = folder.path().join("copy.db");
    handoff(folder.path(), &["store", "backup", copy.to_str().unwrap()]);
    for file in [&copy, &folder.path().join("handoff.db")] {
        Connection::open(file).unwrap().execute_batch("UPDATE audit SET client = 'other'").unwrap();
    }
    let (exit, out, err) = handoff(folder.path(), &["store", "check"]);
    assert_eq!((exit, err.as_str()), (Exit::Invalid, ""));
    assert!(out.contains("row 1 was changed") && out.ends_with("not whole\n"), "{out}");
    let (exit, out, err) = handoff(folder.path(), &["store", "restore", copy.to_str().unwrap(), "--replace"]);
    assert!(
        exit == Exit::Invalid && out.contains("row 1 was changed") && err.contains("nothing is restored"),
        "{out} {err}"
    );
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["store", "backup", "copy.db"][..],
        &["store", "check"],
        &["store", "restore", "none.db"],
        &["client", "list"],
        &["client", "revoke", "nobody"],
        &["audit", "list"],
        &["audit", "verify"],
    ] {
        let (exit, out, err) = handoff(folder.path(), arguments);
        assert!(exit == Exit::Failed && out.is_empty() && err.contains("is not known here"), "{arguments:?}: {err}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
fn the_store_is_that_of_the_settings() {
    let folder = store();
    let settings = folder.path().join("settings.toml");
    let file = folder.path().join("handoff.db");
    std::fs::write(&settings, format!("store = \"sqlite:{}\"\n", file.display())).unwrap();
    let arguments = ["client", "list", "--config", settings.to_str().unwrap()];
    let (exit, out, err) = super::run(&arguments);
    assert_eq!((exit, out.lines().count()), (Exit::Done, 2), "{err}");
    std::fs::write(&settings, "store = \"mysql:x\"\n").unwrap();
    let (exit, _, err) = super::run(&arguments);
    assert!(exit == Exit::Usage && err.contains("store"), "{err}");
}
