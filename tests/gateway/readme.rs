//! The README's commands work as they are printed, against the running demo.

use std::process::Command;

use crate::demo::Demo;

/// The shell blocks of the README, in order, as one script.
fn script() -> String {
    let readme = include_str!("../../README.md");
    let mut blocks = Vec::new();
    let mut rest = readme;
    while let Some((_, after)) = rest.split_once("```sh\n") {
        let (block, next) = after.split_once("```").unwrap();
        blocks.push(block);
        rest = next;
    }
    blocks.concat()
}

#[tokio::test]
async fn the_commands_of_the_readme_work() {
    if Command::new("curl").arg("--version").output().is_err()
        || Command::new("bash").arg("--version").output().is_err()
    {
        eprintln!("skipped: curl and bash are needed to run the README's commands");
        return;
    }
    let demo = Demo::start().await;
    let data = demo.folder.path().join("data");
    let script = script()
        .replace("cargo run -q --", env!("CARGO_BIN_EXE_handoff"))
        .replace("/tmp/handoff-demo", data.to_str().unwrap())
        .replace("http://127.0.0.1:8080", &demo.base);
    assert!(script.matches("curl").count() >= 6, "the README's commands were not found");
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{message}\n{}", String::from_utf8_lossy(&ran.stderr));
    for refusal in ["\"severity\":\"error\"", "\"severity\":\"fatal\"", "urn:handoff:problem"] {
        assert!(!message.contains(refusal), "a command was refused: {message}");
    }

    let ehr = demo.client("fernhollow-ehr");
    let tasks = ehr.get("/fhir/Task?owner=Organization/lantern-housing&status=completed").await.expect(200);
    let task = &tasks["entry"][0]["resource"];
    assert!(task["output"][0]["valueReference"]["reference"].as_str().unwrap().starts_with("Procedure/"), "{tasks}");
}
