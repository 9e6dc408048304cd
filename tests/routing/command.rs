//! `handoff route`: what it prints and how it exits.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

use crate::shared::route;
use clap::Parser;
use handoff::cli::{Cli, Exit};
use serde_json::{Value, json};

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).display().to_string()
}

#[test]
fn tells_people_where_a_referral_goes_and_why() {
    let (exit, out, err) = route(&[&fixture("demo/ehr/food-insecurity.json")], "");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "goes to Three Counties Community Action (Organization/three-counties-action)");
    assert!(out.contains("because the best of the programs that fit [best-of-fitting]"), "{out}");
    assert!(out.contains("x the current address is outside the service area [out-of-area]"), "{out}");
}

#[test]
fn tells_why_nobody_gets_it() {
    let (exit, out, _) = route(&[&fixture("demo/ehr/utility-insecurity.json")], "");
    assert_eq!(exit, Exit::Done);
    assert!(out.starts_with("stays open"), "{out}");
    for why in ["below the program's minimum of 60", "has no capacity", "outside the service area"] {
        assert!(out.contains(why), "{why} in {out}");
    }
}

#[test]
fn tells_programs_in_json() {
    let bundle = fs::read_to_string(fixture("demo/ehr/homelessness.json")).unwrap();
    let (exit, out, _) = route(&["--format", "json", "-"], &bundle);
    assert_eq!(exit, Exit::Done);
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(told["owner"], "Organization/lantern-housing");
    assert_eq!(told["program"], "HealthcareService/lantern-apartments");
    assert_eq!(told["programType"], "supportive-housing");
    assert_eq!(told["reasons"][0]["code"], "owner-named");
    assert_eq!((&told["candidates"][1]["kept"], &told["candidates"][1]["score"]), (&json!(false), &Value::Null));
}

#[test]
fn reads_a_directory_from_a_file_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let referral = fixture("demo/ehr/food-insecurity.json");
    let organization = json!({ "resourceType": "Organization", "id": "solo", "name": "Solo" });
    let service = json!({
        "resourceType": "HealthcareService", "id": "kitchen", "name": "Kitchen", "providedBy": { "reference": "Organization/solo" },
        "category": [{ "coding": [{
            "system": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes", "code": "food-insecurity" }] }]
    });
    fs::write(folder.path().join("organization.json"), organization.to_string()).unwrap();
    fs::write(folder.path().join("service.json"), service.to_string()).unwrap();
    let (exit, out, err) = route(&["--directory", folder.path().to_str().unwrap(), &referral], "");
    assert_eq!((exit, err.as_str()), (Exit::Done, ""));
    assert!(out.starts_with("goes to Solo (Organization/solo)"), "{out}");
    for demo in ["demo/directory.json", "demo"] {
        let (exit, out, _) = route(&["--directory", &fixture(demo), &referral], "");
        assert_eq!(exit, Exit::Done);
        assert!(out.starts_with("goes to Three Counties"), "{out}");
    }
}

#[test]
fn warns_of_what_makes_a_directory_less_useful() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": [
        { "resource": { "resourceType": "Organization", "id": "o" } },
        { "resource": { "resourceType": "HealthcareService", "id": "s", "providedBy": { "reference": "Organization/o" } } },
    ] });
    let file = folder.path().join("directory.json");
    fs::write(&file, bundle.to_string()).unwrap();
    let (exit, out, err) =
        route(&["--directory", file.to_str().unwrap(), &fixture("demo/ehr/food-insecurity.json")], "");
    assert_eq!(exit, Exit::Done);
    assert!(err.contains("warning Bundle.entry[1].resource") && err.contains("names no SDOHCC category"), "{err}");
    assert!(out.contains("[nothing-offered]"), "{out}");
}

#[test]
fn says_what_could_not_be_done_and_what_is_not_valid() {
    let referral = fixture("demo/ehr/food-insecurity.json");
    let mut owned: Value = serde_json::from_str(&fs::read_to_string(&referral).unwrap()).unwrap();
    owned["entry"][7]["resource"]["owner"] = json!({ "reference": "Organization/nobody" });
    for (arguments, input, exit, says) in [
        (&["/nowhere/referral.json"][..], "", Exit::Failed, "cannot read /nowhere/referral.json"),
        (&["--directory", "https://example.org/fhir", "-"], "", Exit::Usage, "not read from a URL yet"),
        (&["--directory", "/nowhere", "-"], "", Exit::Failed, "cannot read /nowhere"),
        (&["-"], "{", Exit::Invalid, "(1:2)"),
        (&["-"], r#"{"resourceType":"Patient"}"#, Exit::Invalid, "expected a Bundle"),
        (&["-"], r#"{"resourceType":"Bundle"}"#, Exit::Invalid, "no referral Task"),
        (&["-"], &owned.to_string(), Exit::Invalid, "[unknown-owner]"),
        (
            &["--directory", &referral, &referral],
            "",
            Exit::Invalid,
            "(103:19): an Organization of the directory needs an id",
        ),
    ] {
        let (found, _, err) = route(arguments, input);
        assert!(found == exit && err.contains(says), "{arguments:?}: {found:?} {err}");
    }
    let usage = Cli::try_parse_from(["handoff", "route"]).unwrap_err();
    assert_eq!(usage.exit_code(), 2);
}
