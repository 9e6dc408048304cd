//! What `tests/clients/install` has put below the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the scripts.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Python with the packages of `python/requirements.txt`, about to run this script.
pub fn python(script: &str) -> Option<Command> {
    let place = place("python", "requirements.txt")?;
    let mut command = Command::new(place.join("bin/python"));
    // Some packages call others by their commands.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", place.join("bin").display()));
    // What is written stays away from the scripts.
    command.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(&place).arg(folder().join("python").join(script));
    Some(command)
}

/// Node, about to run this script, which finds the packages of `node/package-lock.json` by `HANDOFF_NODE_PACKAGES`.
pub fn node(script: &str) -> Option<Command> {
    let place = place("node", "package-lock.json")?;
    let mut command = Command::new("node");
    command.env("HANDOFF_NODE_PACKAGES", place).arg(folder().join("node").join(script));
    Some(command)
}

/// Java with the libraries of `java/pom.xml`, about to run this source file.
pub fn java(source: &str) -> Option<Command> {
    let place = place("java", "pom.xml")?;
    let mut command = Command::new("java");
    command.arg("--class-path").arg(place.join("jars/*")).arg(folder().join("java").join(source));
    Some(command)
}

/// The place of what this list of packages asks for, as it asks for it today. Nothing, and a word about it, where it is
/// not installed.
///
/// # Panics
/// If it has to be installed, and is not.
fn place(kind: &str, list: &str) -> Option<PathBuf> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients").join(kind);
    let wanted = fs::read(folder().join(kind).join(list)).unwrap();
    // The list is copied once all of it is there.
    if fs::read(place.join("installed")).is_ok_and(|installed| installed == wanted) {
        return Some(place);
    }
    let message = format!("the packages of tests/clients/{kind}/{list} are not installed: run tests/clients/install");
    assert!(std::env::var("HANDOFF_TEST_CLIENTS").as_deref() != Ok("required"), "{message}");
    println!("skipped: {message}");
    None
}
