//! Snapshots made of differentials say what the published ones say.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use handoff::definitions::{Definitions, Element, Package, Structure};
use serde_json::Value;

const FOLDER: &str = "../shared/packages";

/// What stands in the top folder of a package.
fn files(name: &str) -> Vec<(String, Vec<u8>)> {
    let archive = std::fs::File::open(format!("{FOLDER}/{name}.tgz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().to_string_lossy().into_owned();
        if path.matches('/').count() == 1 && path.ends_with(".json") && !path.ends_with(".index.json") {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.push((path, bytes));
        }
    }
    files.sort();
    files
}

#[test]
fn explore() {
    if !Path::new(FOLDER).exists() {
        println!("skipped: {FOLDER} is not here");
        return;
    }
    let names = [
        "hl7.fhir.r4.core-4.0.1",
        "hl7.fhir.us.core-3.1.1",
        "hl7.fhir.us.core-6.1.0",
        "hl7.fhir.us.core-7.0.0",
        "hl7.fhir.us.sdoh-clinicalcare-2.0.0-update",
        "hl7.fhir.us.sdoh-clinicalcare-3.0.0",
    ];
    let mut definitions = Definitions::r4().unwrap();
    let mut all = Vec::new();
    for name in names {
        let mut package = Package::named(name, "");
        let mut stripped = Package::named(format!("{name}-stripped"), "1");
        let mut list = Vec::new();
        for (path, bytes) in files(name) {
            package.add_file(&path, &bytes);
            let mut value: Value = serde_json::from_slice(&bytes).unwrap();
            if value["resourceType"] == "StructureDefinition" && value["differential"].is_object() {
                value.as_object_mut().unwrap().remove("snapshot");
                let url = value["url"].as_str().unwrap().to_owned();
                value["url"] = format!("urn:stripped:{name}:{url}").into();
                list.push(url);
                stripped.add_file(&path, value.to_string().as_bytes());
            }
        }
        assert!(package.issues.is_empty() && stripped.issues.is_empty(), "{:?}", stripped.issues);
        stripped.dependencies = vec![(package.name.clone(), package.version.clone())];
        let version = package.version.clone();
        if name != names[0] {
            definitions = definitions.with(package);
        }
        definitions = definitions.with(stripped);
        all.push((name, version, list));
    }
    let (mut total, mut equal) = (0, 0);
    for (name, version, list) in &all {
        let (mut t, mut e) = (0, 0);
        for url in list {
            let Some(published) =
                definitions.structure(&format!("{url}|{version}")).or_else(|| definitions.structure(url))
            else {
                println!("NO {url}");
                continue;
            };
            let own = format!("urn:stripped:{name}:{url}");
            let Some(made) = definitions.structure(&own) else {
                println!("PROBLEM {:?}", definitions.problem(&own));
                t += published.elements.len();
                continue;
            };
            let (left, right) = (facets(&published), facets(&made));
            t += left.len();
            for (id, expected) in &left {
                match right.get(id) {
                    None => println!("{name} {} {id}: absent", url.rsplit('/').next().unwrap()),
                    Some(got)
                        if got == expected
                            || expected.iter().all(|(facet, value)| {
                                got[facet] == *value
                                    || unsliced(id).and_then(|id| Some(right.get(&id)?[facet] == got[facet]))
                                        == Some(true)
                            }) =>
                    {
                        e += 1
                    }
                    Some(got) => {
                        for (facet, value) in expected {
                            let inherited =
                                unsliced(id).and_then(|id| Some(right.get(&id)?[facet] == got[facet])) == Some(true);
                            if got[facet] != *value && !inherited {
                                println!(
                                    "{name} {} {id} {facet}: published {value} made {}",
                                    url.rsplit('/').next().unwrap(),
                                    got[facet]
                                );
                            }
                        }
                    }
                }
            }
            for id in right
                .keys()
                .filter(|id| !left.contains_key(*id) && !unsliced(id).is_some_and(|id| right.contains_key(&id)))
            {
                println!("{name} {} {id}: more", url.rsplit('/').next().unwrap());
            }
        }
        println!("TOTAL {name} {e}/{t}");
        total += t;
        equal += e;
    }
    println!("TOTAL {equal}/{total}");
}

type Facets = BTreeMap<&'static str, String>;

fn facets(structure: &Structure) -> BTreeMap<String, Facets> {
    let mut all: BTreeMap<String, Facets> =
        structure.elements.iter().map(|element| (element.id.clone(), of(element))).collect();
    for element in &structure.elements {
        // A choice of one type, and its only slice, which is of that type, are the same.
        let slices: Vec<&Element> = structure
            .elements
            .iter()
            .filter(|one| one.path == element.path && one.id.starts_with(&format!("{}:", element.id)))
            .collect();
        let ([slice], [only], true) = (&slices[..], &element.types[..], element.is_choice()) else { continue };
        if slice.types.len() != 1 || slice.types[0].code != only.code || slice.id.ends_with(&format!("/")) {
            continue;
        }
        let inside = format!("{}.", slice.id);
        let moved: Vec<String> = all.keys().filter(|id| **id == slice.id || id.starts_with(&inside)).cloned().collect();
        for id in moved {
            let mut facets = all.remove(&id).unwrap();
            if id == slice.id {
                facets.insert("slice", "None".into());
                facets.insert("slicing", "None".into());
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
    let binding =
        element.binding.as_ref().map(|one| (one.strength, &one.value_set, &one.max_value_set, one.additional.len()));
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
        (
            "slicing",
            format!(
                "{:?}",
                element.slicing.as_ref().map(|one| (
                    one.ordered,
                    &one.rules,
                    one.discriminators.iter().map(|one| format!("{} {}", one.kind, one.path)).collect::<Vec<_>>()
                ))
            ),
        ),
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
    id.contains(':').then(|| id.split('.').map(|step| step.split(':').next().unwrap()).collect::<Vec<_>>().join("."))
}
