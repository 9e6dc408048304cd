//! Snapshots made of differentials say what the published ones say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use handoff::definitions::{Definitions, Element, Package, Structure};
use serde_json::Value;

const FOLDER: &str = "../shared/packages";
const PACKAGES: [&str; 6] = [
    "hl7.fhir.r4.core-4.0.1",
    "hl7.fhir.us.core-3.1.1",
    "hl7.fhir.us.core-6.1.0",
    "hl7.fhir.us.core-7.0.0",
    "hl7.fhir.us.sdoh-clinicalcare-2.0.0-update",
    "hl7.fhir.us.sdoh-clinicalcare-3.0.0",
];

/// Differences that are none of ours: package, structure, how the element's id begins, and why.
#[rustfmt::skip]
const KNOWN: &[(&str, &str, &str, &str)] = &[
    ("r4.core", "AuditEvent", "AuditEvent.source.observer", FOREIGN),
    ("r4.core", "Bundle", "Bundle.entry.response.outcome", FOREIGN),
    ("r4.core", "DetectedIssue", "DetectedIssue.status", FOREIGN),
    ("r4.core", "MeasureReport", "MeasureReport.subject", FOREIGN),
    ("r4.core", "ehrsrle-auditevent", "AuditEvent.", FOREIGN),
    ("sdoh-clinicalcare-3.0.0", "SDOHCC-Condition", "Condition.meta.", FOREIGN),
    ("sdoh-clinicalcare-3.0.0", "", "HealthcareService.offeredIn", FOREIGN),
    ("r4.core", "ResearchStudy", "ResearchStudy.", "this copy has the differential of a later release"),
    ("r4.core", "MetadataResource", "MetadataResource", "a leftover of R4's making: no type of R4 is based on it"),
    ("r4.core", "canonical", "canonical.value", PRIMITIVE),
    ("r4.core", "code", "code.value", PRIMITIVE),
    ("r4.core", "id", "id.value", PRIMITIVE),
    ("r4.core", "markdown", "markdown.value", PRIMITIVE),
    ("r4.core", "oid", "oid.value", PRIMITIVE),
    ("r4.core", "positiveInt", "positiveInt.value", PRIMITIVE),
    ("r4.core", "unsignedInt", "unsignedInt.value", PRIMITIVE),
    ("r4.core", "url", "url.value", PRIMITIVE),
    ("r4.core", "uuid", "uuid.value", PRIMITIVE),
    ("r4.core", "bmi", "Observation.value[x]", "the snapshot unfolds the slice, and ours is one with the choice"),
    ("r4.core", "devicemetricobservation", "Observation.effective[x]", "the snapshot leaves it to the slice that there has to be one"),
    ("r4.core", "catalog", "Composition.date", "the snapshot has the slice without the element that it slices"),
    ("r4.core", "familymemberhistory-genetic", "FamilyMemberHistory.", "the snapshot has slices without the elements that they slice"),
    ("r4.core", "cholesterol", "Observation.referenceRange.high", QUANTITY),
    ("r4.core", "hdlcholesterol", "Observation.referenceRange.low", QUANTITY),
    ("r4.core", "ldlcholesterol", "Observation.referenceRange.high", QUANTITY),
    ("r4.core", "codesystem-history", "Extension.extension:revision.extension:", "the differential forbids the extensions that it slices"),
    ("r4.core", "clinicaldocument", "Composition.extension:versionNumber", SEALED),
    ("sdoh-clinicalcare-2.0.0", "SDOHCC-HealthcareService", "HealthcareService.telecom:AppointmentContact.extension:ForAppointment", SEALED),
    ("r4.core", "provenance-relevant-history", "Provenance.entity.agent", CONTENT),
    ("us.core-3.1.1", "us-core-provenance", "Provenance.entity.agent", CONTENT),
    ("sdoh-clinicalcare-2.0.0", "SDOHCC-ObservationPersonalCharacteristic", "Observation.extension:OtherSubject.", "the extension of R5 that it unfolds is not at hand"),
    ("sdoh-clinicalcare-3.0.0", "SDOHCC-Group", "Group.characteristic:HasPayer.value[x]", "the snapshot keeps a binding for a Reference"),
];

const FOREIGN: &str = "the snapshot has what came with a later release, or is made of one in which that was slipped in";
const PRIMITIVE: &str = "the value of a primitive is a string whichever type it is called";
const QUANTITY: &str = "the snapshot repeats a rule that the profile on the type, SimpleQuantity, brings along";
const SEALED: &str = "the definition of the extension allows one, and the differential cannot widen that";
const CONTENT: &str = "the snapshot shares the content of one slice, where the base shares that of them all";

/// Generated from its differential, every structure says what its published snapshot says.
#[test]
fn snapshots_say_what_the_published_ones_say() {
    if !Path::new(FOLDER).exists() {
        println!("skipped: {FOLDER} is not here");
        return;
    }
    let (definitions, structures) = load();
    let (mut total, mut equal, mut unknown) = (0, 0, Vec::new());
    for (package, canonical) in &structures {
        let published = definitions.structure(canonical).unwrap();
        let bare = bare(package, canonical.split('|').next().unwrap());
        let Some(made) = definitions.structure(&bare) else {
            let problem = definitions.structure_issue(&bare).unwrap();
            assert!(problem.text.ends_with("sdc-questionnaireresponse, which is not at hand"), "{problem}");
            continue;
        };
        let (published, made) = (facets(&published, &made), facets(&made, &published));
        let differences = differences(&published, &made);
        let differing: BTreeSet<&str> = differences.iter().map(|(id, _)| id.as_str()).collect();
        total += published.len();
        equal += published.keys().filter(|id| !differing.contains(id.as_str())).count();
        let name = bare.rsplit('/').next().unwrap();
        let is_known = |id: &str| {
            let matches = |(of, structure, begins, _): &(&str, &str, &str, &str)| {
                package.contains(of) && (structure.is_empty() || *structure == name) && id.starts_with(begins)
            };
            KNOWN.iter().any(matches)
        };
        let news = differences.iter().filter(|(id, _)| !is_known(id));
        unknown.extend(news.map(|(id, what)| format!("{package} {name} {id} {what}")));
    }
    println!("{equal} of {total} elements are equal");
    assert!(unknown.is_empty(), "{} differences:\n{}", unknown.len(), unknown.join("\n"));
    assert!(equal * 1000 > total * 985, "{equal} of {total}");
}

// === loading ===

/// Everything as published, and beside it every structure without its snapshot, under another URL; and the canonical URLs
/// of all structures, with their versions.
fn load() -> (Definitions, Vec<(&'static str, String)>) {
    let mut definitions = Definitions::r4().unwrap();
    let mut structures = Vec::new();
    for name in PACKAGES {
        let (mut whole, mut without) = (Package::named(name, ""), Package::named(format!("{name}-bare"), "1"));
        let mut found = Vec::new();
        for (path, bytes) in files(name) {
            whole.add_file(&path, &bytes);
            let mut value: Value = serde_json::from_slice(&bytes).unwrap();
            if value["resourceType"] == "StructureDefinition" && value["differential"].is_object() {
                value.as_object_mut().unwrap().remove("snapshot");
                let url = value["url"].as_str().unwrap().to_owned();
                value["url"] = bare(name, &url).into();
                without.add_file(&path, value.to_string().as_bytes());
                found.push((url, value["version"].as_str().map(str::to_owned)));
            }
        }
        assert!(!whole.issues.iter().chain(&without.issues).any(handoff::fhir::Issue::is_error));
        without.dependencies = vec![(whole.name.clone(), whole.version.clone())];
        for (url, version) in found {
            structures.push((name, format!("{url}|{}", version.unwrap_or_else(|| whole.version.clone()))));
        }
        if name != PACKAGES[0] {
            definitions = definitions.with(whole);
        }
        definitions = definitions.with(without);
    }
    (definitions, structures)
}

fn bare(package: &str, url: &str) -> String {
    format!("urn:bare:{package}:{url}")
}

/// The JSON files in the top folder of a package.
fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let archive = std::fs::File::open(format!("{FOLDER}/{name}.tgz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        let is_json = Path::new(&path).extension().is_some_and(|it| it == "json");
        if is_json && path.matches('/').count() == 1 && !path.ends_with(".index.json") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

// === comparing ===

/// What an element says, each thing as text.
type Facets = BTreeMap<&'static str, String>;

/// Where the two differ. What is not a difference: a slice that repeats what holds for all repetitions, or leaves that to
/// the element that is sliced; a type whose inside is listed though nothing is said about it; extensions told apart by
/// their URL, said or unsaid; a choice closed by an older publisher for being spoken of by one type, which R4 leaves open;
/// types left in a choice of which another one has to be there; a rule of a profile on the type, which that profile runs.
fn differences(published: &BTreeMap<String, Facets>, made: &BTreeMap<String, Facets>) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (id, expected) in published {
        let Some(got) = made.get(id) else {
            let above = id.rsplit_once('.').map_or("", |(above, _)| above);
            let is_open = |above: &str| made.keys().any(|other| other.starts_with(&format!("{above}.")));
            if !published.contains_key(above) || is_open(above) || !outer_ids(above).any(|id| made.contains_key(id)) {
                found.push((id.clone(), "is absent".to_owned()));
            }
            continue;
        };
        let inherited = unsliced(id).and_then(|id| made.get(&id));
        for (facet, value) in expected.iter().filter(|(facet, value)| got[*facet] != **value) {
            let is_inherited = inherited.is_some_and(|all| all[facet] == got[facet]);
            let is_unsaid = *facet == "slicing" && value == "None" && got[facet] == BY_URL;
            let has_slices = published.keys().any(|other| other.starts_with(&format!("{id}:")));
            let is_closed = id.ends_with("[x]") && has_slices && matches!(*facet, "types" | "slicing");
            if !(is_inherited || is_unsaid || is_closed) {
                found.push((id.clone(), format!("{facet}: published {value}, made {}", got[facet])));
            }
        }
    }
    for id in made.keys().filter(|id| !published.contains_key(*id)) {
        if !unsliced(id).is_some_and(|id| made.contains_key(&id)) {
            found.push((id.clone(), "is new".to_owned()));
        }
    }
    found
}

const BY_URL: &str = r#"Some((false, "open", ["value url"]))"#;

/// What the elements say, by id. A choice of one type and its only slice of that type are the same, unless the other
/// side tells them apart.
fn facets(structure: &Structure, other: &Structure) -> BTreeMap<String, Facets> {
    let mut all: BTreeMap<String, Facets> =
        structure.elements.iter().map(|element| (element.id.clone(), of(element))).collect();
    for element in structure.elements.iter().filter(|element| element.is_choice()) {
        let slices = structure.elements.iter().filter(|one| one.id.starts_with(&format!("{}:", element.id)));
        let slices: Vec<&Element> = slices.filter(|one| one.path == element.path).collect();
        let [slice] = slices[..] else { continue };
        if other.elements.iter().any(|one| one.id == slice.id) || slice.types.len() != 1 {
            continue;
        }
        if slice.min == 0 && element.types.len() > 1 {
            continue;
        }
        let inside = format!("{}.", slice.id);
        let moved: Vec<String> = all.keys().filter(|id| **id == slice.id || id.starts_with(&inside)).cloned().collect();
        for id in moved {
            let mut facets = all.remove(&id).unwrap();
            if id == slice.id {
                facets.insert("slice", "None".into());
                facets.insert("min", element.min.max(slice.min).to_string());
            }
            all.insert(id.replacen(&slice.id, &element.id, 1), facets);
        }
    }
    all
}

fn of(element: &Element) -> Facets {
    let types: BTreeSet<String> =
        element.types.iter().map(|one| format!("{} {:?} {:?}", one.code, one.profiles, one.target_profiles)).collect();
    let keys: BTreeSet<&str> = element.constraints.iter().map(|one| one.key.as_str()).collect();
    let binding = element.binding.as_ref();
    let binding = binding.map(|one| (one.strength, &one.value_set, &one.max_value_set, one.additional.len()));
    let slicing = element.slicing.as_ref().map(|slicing| {
        let by = slicing.discriminators.iter().map(|one| format!("{} {}", one.kind, one.path));
        (slicing.ordered, &slicing.rules, by.collect::<Vec<_>>())
    });
    BTreeMap::from([
        ("path", element.path.clone()),
        ("slice", format!("{:?}", element.slice_name)),
        ("min", element.min.to_string()),
        ("max", format!("{:?}", element.max)),
        ("types", format!("{types:?}")),
        ("content", format!("{:?}", element.content_reference)),
        ("fixed", format!("{:?}", element.fixed.as_ref().map(|one| sorted(&one.json)))),
        ("pattern", format!("{:?}", element.pattern.as_ref().map(|one| sorted(&one.json)))),
        ("binding", format!("{binding:?}")),
        ("slicing", format!("{slicing:?}")),
        ("constraints", format!("{keys:?}")),
        ("list", element.is_list.to_string()),
        ("support", element.must_support.to_string()),
        ("modifier", element.is_modifier.to_string()),
        ("base", format!("{:?}", element.base_path)),
    ])
}

/// JSON with members in alphabetical order.
fn sorted(json: &str) -> String {
    fn of(value: &Value) -> Value {
        match value {
            Value::Object(members) => {
                let ordered: BTreeMap<&String, Value> = members.iter().map(|(name, value)| (name, of(value))).collect();
                Value::Object(ordered.into_iter().map(|(name, value)| (name.clone(), value)).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(of).collect()),
            other => other.clone(),
        }
    }
    of(&serde_json::from_str(json).unwrap()).to_string()
}

/// The element that a slice, or something in it, is a case of.
fn unsliced(id: &str) -> Option<String> {
    let steps = || id.split('.').map(|step| step.split(':').next().unwrap());
    id.contains(':').then(|| steps().collect::<Vec<_>>().join("."))
}

/// An id, and those of the elements around.
fn outer_ids(id: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(id), |id| id.rsplit_once('.').map(|(above, _)| above))
}
