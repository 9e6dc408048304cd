//! FHIRPath against the public suite of HL7 (where it lies beside this repository) and against our own cases.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use handoff::fhir::Document;
use handoff::fhirpath::{Context, Expression, Item, Temporal};
use serde_json::Value;

#[test]
fn public_suite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/fhirpath-r4");
    let Ok(text) = std::fs::read_to_string(folder.join("tests.json")) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let tests: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut passed = 0;
    for test in &tests {
        match run(&folder, test) {
            Ok(()) => passed += 1,
            Err(why) => println!("{}: {}\n    {why}", test["name"].as_str().unwrap(), test["expr"].as_str().unwrap()),
        }
    }
    println!("{passed} of {}", tests.len());
}

fn run(folder: &Path, test: &Value) -> Result<(), String> {
    let input = test["input"].as_str().map(|name| name.replace(".xml", ".json"));
    let document = match input {
        Some(name) => Document::parse(
            std::fs::read_to_string(folder.join("input").join(&name)).map_err(|e| format!("{name} {e}"))?,
        )
        .unwrap(),
        None => Document::parse("{}").unwrap(),
    };
    let outcome = evaluate(&document, test["expr"].as_str().unwrap());
    if !test["invalid"].is_null() {
        return match outcome {
            Err(_) => Ok(()),
            Ok(found) => Err(format!("should be refused, gave {found:?}")),
        };
    }
    let found = outcome?;
    let wanted: Vec<String> = test["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o[1].as_str().unwrap().trim_start_matches('@').trim_start_matches('T').to_owned())
        .collect();
    if test["predicate"].as_str() == Some("true") {
        return if found.is_empty() { Err("empty".into()) } else { Ok(()) };
    }
    if found == wanted { Ok(()) } else { Err(format!("expected {wanted:?}, found {found:?}")) }
}

fn evaluate(document: &Document, text: &str) -> Result<Vec<String>, String> {
    let expression = Expression::parse(text).map_err(|issue| issue.to_string())?;
    let context =
        Context::new(document.root()).strict().now(Temporal::parse_date_time("2026-11-21T10:00:00.000Z").unwrap());
    let result = expression.evaluate(&context, document.root()).map_err(|issue| issue.to_string())?;
    Ok(result
        .iter()
        .map(|item| item.to_text().map_or_else(|| item.to_json().to_string(), |t| t.into_owned()))
        .collect())
}
