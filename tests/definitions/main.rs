//! What the embedded R4 core knows, and that packs hold what packages held.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod laws;
#[path = "../scale/mod.rs"]
mod scale;
mod snapshots;
mod value_sets;
mod versions;

use std::path::Path;

use handoff::definitions::code_system::Content;
use handoff::definitions::structure::{Purpose, Usage};
use handoff::definitions::{Definitions, Membership, Package, Strength, StructureKind, pack};

const R4_TGZ: &str = "../shared/packages/hl7.fhir.r4.core-4.0.1.tgz";

fn r4() -> Definitions {
    Definitions::r4().unwrap()
}

#[test]
fn knows_every_resource_type_of_r4() {
    let r4 = r4();
    assert_eq!(r4.resource_types().len(), 146);
    assert!(r4.is_resource_type("Task"));
    for other in ["Resource", "DomainResource", "CodeableConcept", "vitalsigns", "task", ""] {
        assert!(!r4.is_resource_type(other), "{other}");
    }
    for name in r4.resource_types() {
        let structure = r4.structure(name).unwrap();
        assert_eq!((structure.kind, structure.name.as_str()), (StructureKind::Resource, name.as_str()));
    }
}

#[test]
fn describes_elements_as_the_standard_does() {
    let task = r4().structure("http://hl7.org/fhir/StructureDefinition/Task|4.0.1").unwrap();
    let element = |path: &str| task.element(task.position(path).unwrap()).unwrap();
    let status = element("Task.status");
    assert_eq!((status.min, status.max, status.is_modifier, status.is_summary), (1, Some(1), true, true));
    let binding = status.binding.as_ref().unwrap();
    assert_eq!(binding.strength, Strength::Required);
    assert_eq!(binding.value_set.as_deref(), Some("http://hl7.org/fhir/ValueSet/task-status|4.0.1"));
    assert_eq!(element("Task.input").max, None);
    assert_eq!(element("Task.id").types[0].code, "id");
    let owner = &element("Task.owner").types[0];
    assert_eq!(owner.code, "Reference");
    assert!(owner.target_profiles.contains(&"http://hl7.org/fhir/StructureDefinition/Organization".to_owned()));
    assert_eq!(task.root().unwrap().constraints.iter().filter(|rule| rule.key == "inv-1").count(), 1);
    assert!(r4().structure("http://hl7.org/fhir/StructureDefinition/Task|3.0.1").is_none());
}

#[test]
fn finds_children_by_the_names_of_instances() {
    let task = r4().structure("Task").unwrap();
    let input = task.position("Task.input").unwrap();
    let value = task.child(input, "valueCodeableConcept").unwrap();
    assert_eq!((value.element.name.as_str(), value.choice.unwrap().code.as_str()), ("value[x]", "CodeableConcept"));
    assert!(task.child(input, "value").unwrap().choice.is_none());
    assert!(task.child(input, "valueNothing").is_none());
    assert!(task.child(input, "status").is_none());
    assert_eq!(value.element.name_for("dateTime"), "valueDateTime");
}

#[test]
fn has_the_elements_of_r4_and_no_others() {
    let r4 = r4();
    for there in ["Meta.tag", "EvidenceVariable.characteristic.definition", "HealthcareService.type"] {
        assert!(r4.element_at(there).is_some(), "{there}");
    }
    for later in ["Meta.author", "Meta.project", "HealthcareService.offeredIn", "ResearchStudy.label", "Binary.url"] {
        assert!(r4.element_at(later).is_none(), "{later}");
    }
}

#[test]
fn types_paths() {
    let r4 = r4();
    for (path, type_name, list) in [
        ("Patient", "Patient", false),
        ("Patient.name", "HumanName", true),
        ("Patient.name.family", "string", false),
        ("Patient.name[0].given", "string", true),
        ("Patient.deceasedBoolean", "boolean", false),
        ("Task.restriction.period.start", "dateTime", false),
        ("Task.input.valueReference.reference", "string", false),
        ("Questionnaire.item.item.item.linkId", "string", false),
        ("Patient.extension.url", "uri", false),
        ("Observation.value.system", "uri", false),
        ("Bundle.entry.resource", "Resource", false),
        ("CodeableConcept.coding.code", "code", false),
    ] {
        let step = r4.element_at(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((step.type_name(), step.is_list()), (Some(type_name), list), "{path}");
    }
    assert_eq!(r4.element_at("Observation.value").unwrap().types().len(), 11);
    for wrong in ["Patient.nom", "Patient.name.family.first.second", "Nobody.name", "Patient.deceasedString"] {
        assert!(r4.element_at(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn tells_codes_apart() {
    let r4 = r4();
    let status = r4.value_set("http://hl7.org/fhir/ValueSet/task-status|4.0.1").unwrap();
    assert_eq!(status.contains("http://hl7.org/fhir/task-status", "requested"), Membership::In);
    assert_eq!(status.contains("http://hl7.org/fhir/task-status", "requsted"), Membership::Out);
    assert_eq!(status.contains("http://hl7.org/fhir/request-status", "requested"), Membership::Out);
    assert_eq!(status.contains_code("accepted"), Membership::In);
    assert_eq!(
        r4.value_set("http://hl7.org/fhir/ValueSet/mimetypes").unwrap().contains_code("text/plain"),
        Membership::In
    );
    assert_eq!(r4.value_set("http://hl7.org/fhir/ValueSet/currencies").unwrap().contains_code("EUR"), Membership::In);
    // Not needed by a required binding: expanded from its code system when asked for.
    let family = r4.value_set("http://terminology.hl7.org/ValueSet/v3-FamilyMember").unwrap();
    let role = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
    assert_eq!((family.contains(role, "MTH"), family.contains(role, "AMENDER")), (Membership::In, Membership::Out));
    assert!(r4.value_set("http://example.org/nothing").is_none());
}

#[test]
fn knows_how_types_are_searched() {
    let r4 = r4();
    let codes = |name| r4.search_parameters(name).iter().map(|one| one.code.clone()).collect::<Vec<_>>();
    let task = codes("Task");
    for code in ["owner", "status", "requester", "_id", "_lastUpdated", "_text"] {
        assert_eq!(task.iter().filter(|known| *known == code).count(), 1, "{code}");
    }
    assert!(codes("Bundle").contains(&"_id".to_owned()) && !codes("Bundle").contains(&"_text".to_owned()));
    let owner = r4.search_parameters("Task").into_iter().find(|one| one.code == "owner").unwrap();
    assert_eq!((owner.kind.as_str(), owner.expression.as_deref()), ("reference", Some("Task.owner")));
    assert!(owner.targets.contains(&"Organization".to_owned()));
}

#[test]
fn a_pack_holds_what_the_package_held() {
    let mut package = Package::named("example", "1.0.0");
    package.add_file("a.json", br#"{"resourceType":"ValueSet","url":"urn:x:set","version":"2","compose":{"include":[{"system":"urn:x","concept":[{"code":"a","display":"A"}]}]}}"#);
    package.add_file("b.json", br#"{"resourceType":"Patient","id":"no definition"}"#);
    package.add_file(
        "c.json",
        br#"{"resourceType":"StructureDefinition","url":"urn:x:nothing","type":"Patient","kind":"resource"}"#,
    );
    package.add_file("d.json", b"{");
    assert_eq!((package.definitions.len(), package.issues.len()), (1, 2), "{:?}", package.issues);
    let bytes = pack::write(&package, None).unwrap();
    assert_eq!(bytes, pack::write(&package, None).unwrap());
    let more = r4().with_pack(bytes.clone()).unwrap();
    assert_eq!(more.packages()[1].name, "example");
    assert_eq!(more.value_set("urn:x:set|2").unwrap().contains("urn:x", "a"), Membership::In);
    assert!(more.is_resource_type("Task"));

    for damage in [0, 20, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[damage] ^= 1;
        assert!(r4().with_pack(damaged).is_err(), "{damage}");
    }
    assert!(r4().with_pack(bytes[..bytes.len() / 2].to_vec()).is_err());
}

/// What a check needs of bindings, rules and slices is there in a package that was read, and in the pack made of it.
#[test]
fn keeps_what_a_check_needs() {
    let mut package = Package::named("example", "1.0.0");
    package.add_file("profile.json", include_bytes!("../../fixtures/cases/definitions/need.json"));
    package.add_file("codes.json", include_bytes!("../../fixtures/cases/definitions/needs.json"));
    assert_eq!(package.issues, []);
    let packed = r4().with_pack(pack::write(&package, None).unwrap()).unwrap();
    for definitions in [r4().with(package), packed] {
        let need = definitions.structure("urn:example:need").unwrap();
        assert!(need.is_extension() && !need.is_differential);
        assert_eq!(need.context_invariants, ["status.exists()"]);
        let binding = need.element(need.position("Extension.value[x]").unwrap()).unwrap().binding.as_ref().unwrap();
        assert_eq!(binding.min_value_set.as_deref(), Some("urn:example:few"));
        let [always, sometimes] = &binding.additional[..] else { panic!("{:?}", binding.additional) };
        assert_eq!((always.purpose, always.any, always.usage.len()), (Purpose::Current, true, 0));
        assert_eq!((sometimes.purpose, sometimes.value_set.as_str()), (Purpose::Required, "urn:example:food"));
        let usage = Usage {
            system: Some("urn:example:referral".into()),
            code: "ServiceRequest.category".into(),
            values: vec![(Some("urn:example:needs".into()), "food".into())],
        };
        assert_eq!(sometimes.usage, [usage]);
        let [good, rule] = &need.root().unwrap().constraints[..] else { panic!() };
        assert_eq!((good.is_best_practice, rule.is_best_practice), (true, false));
        let slice = need.element(need.position("Extension.extension:why/now").unwrap()).unwrap();
        assert_eq!((slice.outer_slice(), slice.slice_is_constraining), (Some("why"), true));
        assert_eq!(slice.base_path.as_deref(), Some("Element.extension"));

        let needs = definitions.code_system("urn:example:needs").unwrap();
        assert_eq!((needs.content, needs.value_set.as_deref()), (Content::Fragment, Some("urn:example:all")));
        let code = |code: &str| needs.concepts().get(needs.position(code).unwrap() as usize).unwrap();
        assert!(code("OLD").is_inactive && code("basic").is_abstract && !code("food").is_abstract);
        assert!(needs.is_a(needs.position("Food").unwrap(), needs.position("basic").unwrap()));
        assert_eq!(code("food").properties, [("weight".to_owned(), "3".to_owned())]);
    }
}

#[test]
fn the_newest_version_answers_where_none_is_named() {
    let mut package = Package::named("example", "1");
    for version in ["1.9.0", "1.10.0"] {
        let text =
            format!(r#"{{"resourceType":"CodeSystem","url":"urn:x","version":"{version}","content":"complete"}}"#);
        package.add_file("a.json", text.as_bytes());
    }
    let definitions = r4().with(package);
    let version = |canonical: &str| definitions.code_system(canonical).and_then(|system| system.version.clone());
    assert_eq!(version("urn:x").as_deref(), Some("1.10.0"));
    assert_eq!(version("urn:x|1.9.0").as_deref(), Some("1.9.0"));
    assert_eq!(version("urn:x|1.9").as_deref(), Some("1.9.0"));
    assert_eq!(version("urn:x|2"), None);
}

#[test]
fn the_command_line_packs_and_lists() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("package");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("package.json"), r#"{"name":"example.warm","version":"0.1.0"}"#).unwrap();
    let set = r#"{"resourceType":"CodeSystem","url":"urn:x","content":"complete","concept":[{"code":"a"}]}"#;
    std::fs::write(package.join("codes.json"), set).unwrap();
    let pack = folder.path().join("warm.pack");
    let handoff = |arguments: &[&std::ffi::OsStr]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_handoff")).arg("package").args(arguments).output();
        let output = output.unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, message) = handoff(&["pack".as_ref(), folder.path().as_os_str(), "-o".as_ref(), pack.as_os_str()]);
    assert_eq!(code, Some(0));
    assert!(message.starts_with("example.warm 0.1.0: 1 definitions in "), "{message}");
    let (code, message) = handoff(&["list".as_ref(), pack.as_os_str()]);
    assert_eq!(code, Some(0));
    assert!(message.starts_with("hl7.fhir.r4.core 4.0.1: 4407 definitions\n"), "{message}");
    assert!(message.ends_with("\nexample.warm 0.1.0: 1 definitions\n"), "{message}");
    assert_eq!(handoff(&["pack".as_ref(), "Cargo.toml".as_ref(), "-o".as_ref(), pack.as_os_str()]).0, Some(1));
}

/// The committed pack is what `handoff package pack` makes of the published package.
#[test]
fn the_embedded_core_is_made_of_the_published_package() {
    if !Path::new(R4_TGZ).exists() {
        println!("skipped: {R4_TGZ} is not here");
        return;
    }
    let package = Package::from_tgz(std::fs::File::open(R4_TGZ).unwrap()).unwrap();
    // This copy has elements of later releases in seven snapshots; they are left out.
    assert_eq!(package.issues.len(), 7, "{:?}", package.issues);
    assert!(package.issues.iter().all(|issue| issue.text.contains("neither its differential nor its base defines")));
    let made = pack::write(&package, None).unwrap();
    assert!(made == std::fs::read("profiles/packages/hl7.fhir.r4.core-4.0.1.pack").unwrap(), "the pack is out of date");
}
