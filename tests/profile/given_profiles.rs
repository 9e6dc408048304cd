//! Profiles of one's own, case by case (`fixtures/cases/profiles/`): how often elements may be there, and slices.

use std::fs;
use std::path::Path;

use handoff::definitions::{Definitions, Package};
use handoff::fhir::{Document, Severity};
use handoff::profile::{Checker, Request};
use serde_json::{Value, json};

const URL: &str = "https://example.org/StructureDefinition/given";

fn checker(r4: &Definitions, file: &Value) -> Checker {
    let base = file["base"].as_str().unwrap();
    let profile = json!({
        "resourceType": "StructureDefinition", "url": URL, "name": "Given", "status": "active", "abstract": false,
        "kind": "resource", "type": base, "derivation": "constraint",
        "baseDefinition": format!("http://hl7.org/fhir/StructureDefinition/{base}"),
        "differential": { "element": file["elements"] },
    });
    let mut package = Package::named("example", "1");
    package.add_file("given.json", profile.to_string().as_bytes());
    assert_eq!(package.issues, []);
    Checker::new(r4.with(package).into())
}

#[test]
fn what_is_found_is_what_the_profile_says() {
    let r4 = Definitions::r4().unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/profiles");
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let checker = checker(&r4, &file);
        for case in file["cases"].as_array().unwrap() {
            let mut resource = json!({ "resourceType": file["base"], "status": "requested", "intent": "order" });
            for (name, value) in case["resource"].as_object().unwrap() {
                resource[name] = value.clone();
            }
            let document = Document::parse(resource.to_string()).unwrap();
            let report = checker.report(document.root(), &Request { profiles: &[URL], ..Request::default() });
            let found: Vec<String> = report
                .issues
                .iter()
                .filter(|issue| issue.severity != Severity::Information)
                .map(|issue| format!("{} {} {}", issue.severity.code(), issue.key.name(), issue.path))
                .collect();
            let expected: Vec<&str> = case["expect"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            if found != expected {
                wrong.push(format!("{}: {}: expected {expected:?}, found {found:?}", path.display(), case["is"]));
            }
            count += 1;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 10, "{count}");
}
