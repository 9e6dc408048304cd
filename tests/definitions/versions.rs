//! Several versions of a package side by side: who means which.

use handoff::definitions::{Definitions, Package, pack};
use serde_json::json;

const PERSON: &str = "urn:example:person";

/// A package with a profile that is based on `base` and demands `min` names.
fn package(name: &str, version: &str, dependencies: &[(&str, &str)], structures: &[(&str, &str, u32)]) -> Package {
    let mut package = Package::named(name, "");
    let wanted: serde_json::Map<_, _> =
        dependencies.iter().map(|(name, version)| ((*name).to_owned(), json!(version))).collect();
    let about = json!({ "name": name, "version": version, "dependencies": wanted });
    package.add_file("package/package.json", about.to_string().as_bytes());
    for (url, base, min) in structures {
        let structure = json!({
            "resourceType": "StructureDefinition", "url": url, "version": version, "name": "P", "kind": "resource",
            "abstract": false, "type": "Patient", "baseDefinition": base, "derivation": "constraint",
            "differential": { "element": [{ "id": "Patient.name", "path": "Patient.name", "min": min }] },
        });
        package.add_file("one.json", structure.to_string().as_bytes());
    }
    assert_eq!(package.issues, []);
    package
}

const PATIENT: &str = "http://hl7.org/fhir/StructureDefinition/Patient";

fn guides() -> Vec<Package> {
    vec![
        package("base", "1.0.0", &[], &[(PERSON, PATIENT, 1)]),
        package("base", "2.0.0", &[], &[(PERSON, PATIENT, 2)]),
        package("base", "2.1.0-draft", &[], &[(PERSON, PATIENT, 3)]),
        package("old", "1.0.0", &[("base", "1.0.0")], &[("urn:example:old", PERSON, 0)]),
        package("new", "1.0.0", &[("middle", "1.x")], &[("urn:example:new", PERSON, 0)]),
        package("middle", "1.4.0", &[("base", "2.0.0")], &[]),
        package("lost", "1.0.0", &[("base", "9.0.0")], &[("urn:example:lost", PERSON, 0)]),
    ]
}

fn names(definitions: &Definitions, canonical: &str) -> Option<u32> {
    let structure = definitions.structure(canonical)?;
    structure.element(structure.position("Patient.name")?).map(|element| element.min)
}

#[test]
fn a_reference_means_the_version_that_its_package_depends_on() {
    let read = guides().into_iter().fold(Definitions::r4().unwrap(), |all, package| all.with(package));
    let packed = guides()
        .into_iter()
        .fold(Definitions::r4().unwrap(), |all, package| all.with_pack(pack::write(&package, None).unwrap()).unwrap());
    for definitions in [read, packed] {
        // Nobody's reference means the newest.
        assert_eq!(names(&definitions, PERSON), Some(3));
        assert_eq!(names(&definitions, &format!("{PERSON}|1.0.0")), Some(1));
        assert_eq!(names(&definitions, &format!("{PERSON}|2.0")), Some(2));
        assert_eq!(names(&definitions, &format!("{PERSON}|2")), Some(3));
        assert_eq!(names(&definitions, &format!("{PERSON}|4.0.0")), None);
        assert_eq!(names(&definitions, "urn:example:old"), Some(1));
        // Through a package in between.
        assert_eq!(names(&definitions, "urn:example:new"), Some(2));
        // What it depends on is not at hand.
        assert_eq!(names(&definitions, "urn:example:lost"), Some(3));

        let old = definitions.structure("urn:example:old").unwrap();
        assert_eq!(&*old.package, "old#1.0.0");
        let seen = definitions.view_for(&old);
        assert_eq!(seen.structure(PERSON).unwrap().version.as_deref(), Some("1.0.0"));
        assert_eq!(seen.structure(&format!("{PERSON}|2.0.0")).unwrap().version.as_deref(), Some("2.0.0"));
    }
}

#[test]
fn another_version_is_found_and_said_to_be_another() {
    let definitions = guides().into_iter().fold(Definitions::r4().unwrap(), |all, package| all.with(package));
    let found = definitions.nearest_structure(&format!("{PERSON}|4.0.0")).unwrap();
    assert_eq!((found.is_exact, found.definition.version.as_deref()), (false, Some("2.1.0-draft")));
    assert!(definitions.nearest_structure(&format!("{PERSON}|1.0.0")).unwrap().is_exact);
    assert!(definitions.nearest_structure(PERSON).unwrap().is_exact);
    assert!(definitions.nearest_structure("urn:example:nothing").is_none());
}

#[test]
fn loose_files_come_before_packages_and_the_core_comes_last() {
    let r4 = Definitions::r4().unwrap();
    let mut loose = Package::named("mine", "");
    let mine = json!({ "resourceType": "CodeSystem", "url": "http://hl7.org/fhir/task-status", "content": "complete",
        "concept": [{ "code": "mine" }] });
    loose.add_file("mine.json", mine.to_string().as_bytes());
    let mut other = Package::named("other", "3.0.0");
    other.add_file("other.json", mine.to_string().replace("mine", "other").as_bytes());
    let has = |definitions: &Definitions, code: &str| {
        let set = definitions.code_system("http://hl7.org/fhir/task-status").unwrap();
        set.position(code).is_some()
    };
    assert!(has(&r4, "requested"));
    let both = r4.with(loose).with(other.clone());
    assert!(has(&both, "mine"));
    assert!(has(&r4.with(other), "other"));
}
