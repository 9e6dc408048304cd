//! Runs a script against a demo of its own.

use std::path::Path;
use std::process::Command;

use crate::demo::Demo;

/// Runs the script, which finds the gateway and its tokens in the environment.
///
/// # Panics
/// If it fails; with all that it and the gateway said.
pub async fn run(command: &mut Command) {
    let demo = Demo::start().await;
    let token = |name: &str| {
        let client = demo.clients.iter().find(|client| client["name"] == name).unwrap();
        client["token"].as_str().unwrap().to_owned()
    };
    command
        .env("HANDOFF_BASE", &demo.base)
        .env("HANDOFF_EHR_TOKEN", token("fernhollow-ehr"))
        .env("HANDOFF_AGENCY_TOKEN", token("lantern-desk"));
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    println!("{}", text(&output.stdout));
    assert!(output.status.success(), "{}\n--- the gateway:\n{}", text(&output.stderr), log(demo.folder.path()));
}

/// The last lines of the gateway's log.
fn log(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
