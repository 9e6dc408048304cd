//! Snapshots, case by case: given these differentials, expect these elements, or this problem.

use handoff::definitions::{Definitions, Element, Package, pack};
use serde_json::{Value, json};

#[test]
fn differentials_become_snapshots() {
    let r4 = Definitions::r4().unwrap();
    let mut count = 0;
    for file in std::fs::read_dir("fixtures/cases/snapshot").unwrap() {
        let path = file.unwrap().path();
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        check(&r4, &path.display().to_string(), &case);
        count += 1;
    }
    assert!(count > 10, "{count}");
}

fn check(r4: &Definitions, name: &str, case: &Value) {
    let mut package = Package::named("example", "1");
    for given in case["given"].as_array().unwrap() {
        package.add_file("given.json", given.to_string().as_bytes());
    }
    assert_eq!(package.issues, [], "{name}");
    check_with(&r4.with_pack(pack::write(&package, Some(r4)).unwrap()).unwrap(), name, case);
    check_with(&r4.with(package), name, case);
}

fn check_with(definitions: &Definitions, name: &str, case: &Value) {
    let of = case["of"].as_str().unwrap();
    let structure = definitions.structure(of);
    if let Some(problem) = case["problem"].as_str() {
        assert!(structure.is_none(), "{name}");
        let text = definitions.structure_issue(of).unwrap().text;
        assert!(text.contains(problem), "{name}: {text}");
        return;
    }
    let structure = structure.unwrap_or_else(|| panic!("{name}: {}", definitions.structure_issue(of).unwrap()));
    assert!(!structure.is_differential, "{name}");
    let find = |id: &str| structure.elements.iter().find(|element| element.id == id);
    for (id, facets) in case["expect"].as_object().unwrap() {
        let element = find(id).unwrap_or_else(|| panic!("{name}: {id} is absent"));
        for (facet, expected) in facets.as_object().unwrap() {
            let got = if facet == "has rules" { rules(element, expected) } else { facet_of(element, facet) };
            assert_eq!(got, *expected, "{name}: {id} {facet}");
        }
    }
    for id in case["absent"].as_array().into_iter().flatten() {
        assert!(find(id.as_str().unwrap()).is_none(), "{name}: {id}");
    }
    for element in &structure.elements[1..] {
        let parent = structure.element(element.parent.unwrap()).unwrap();
        assert!(element.id.starts_with(&parent.id), "{name}: {} is inside {}", element.id, parent.id);
    }
}

/// Those of the rules wanted that are there.
fn rules(element: &Element, wanted: &Value) -> Value {
    let has = |key: &&Value| element.constraints.iter().any(|rule| rule.key == key.as_str().unwrap());
    wanted.as_array().unwrap().iter().filter(has).cloned().collect()
}

fn facet_of(element: &Element, facet: &str) -> Value {
    let literal = |one: &Option<handoff::definitions::structure::Literal>| {
        one.as_ref().map_or(Value::Null, |one| serde_json::from_str(&one.json).unwrap())
    };
    match facet {
        "min" => json!(element.min),
        "max" => json!(element.max.map_or_else(|| "*".to_owned(), |max| max.to_string())),
        "list" => json!(element.is_list),
        "support" => json!(element.must_support),
        "path" => json!(element.path),
        "base" => json!(element.base_path),
        "slice" => json!(element.slice_name),
        "types" => element.types.iter().map(|one| json!(one.code)).collect(),
        "count of types" => json!(element.types.len()),
        "targets" => element.types.iter().flat_map(|one| &one.target_profiles).map(|one| json!(one)).collect(),
        "profiles" => element.types.iter().flat_map(|one| &one.profiles).map(|one| json!(one)).collect(),
        "binding" => json!(element.binding.as_ref().and_then(|one| one.value_set.clone())),
        "slicing" => json!(element.slicing.as_ref().map(|slicing| {
            let by = slicing.discriminators.iter().map(|one| format!("{} {}", one.kind, one.path));
            by.collect::<Vec<_>>().join(", ")
        })),
        "fixed" => literal(&element.fixed),
        "pattern" => literal(&element.pattern),
        "max length" => json!(element.max_length),
        "content" => json!(element.content_reference),
        "content source" => json!(element.content_source),
        other => panic!("no facet is called {other}"),
    }
}

/// Content may be shared with an element of another structure.
#[test]
fn shared_content_is_found_where_it_is_described() {
    let case: Value =
        serde_json::from_slice(&std::fs::read("fixtures/cases/snapshot/inside-other-resources.json").unwrap()).unwrap();
    let mut package = Package::named("example", "1");
    package.add_file("given.json", case["given"][0].to_string().as_bytes());
    let definitions = Definitions::r4().unwrap().with(package);
    let message = definitions.structure("urn:example:message").unwrap();
    let view = definitions.view_for(&message);
    let inner = message.position("Bundle.entry:form.resource.item.item").unwrap();
    let (structure, index) = view.content(&message, inner);
    assert_eq!(structure.element(index).unwrap().id, "Questionnaire.item");
    let form = definitions.structure("Questionnaire").unwrap();
    let (structure, index) = view.content(&form, form.position("Questionnaire.item.item").unwrap());
    assert_eq!(
        (structure.url.as_str(), structure.element(index).unwrap().id.as_str()),
        (form.url.as_str(), "Questionnaire.item")
    );
}

/// A profile that unfolds itself again and again, one that stands too deep, and one that would fill the memory.
#[test]
fn differentials_that_never_end_are_refused() {
    let structure = |elements: Vec<Value>| {
        json!({
            "resourceType": "StructureDefinition", "url": "urn:example:x", "name": "X", "kind": "resource",
            "abstract": false, "type": "Questionnaire", "derivation": "constraint",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Questionnaire",
            "differential": { "element": elements },
        })
    };
    let r4 = Definitions::r4().unwrap();
    let problem = |elements: Vec<Value>| {
        let mut package = Package::named("example", "1");
        package.add_file("x.json", structure(elements).to_string().as_bytes());
        assert_eq!(package.issues, []);
        r4.with(package).structure_issue("urn:example:x").map(|issue| issue.text)
    };
    let deep = |depth: usize| format!("Questionnaire{}.linkId", ".item".repeat(depth));
    assert_eq!(problem(vec![json!({ "path": deep(40), "min": 1 })]), None);
    let text = problem(vec![json!({ "path": deep(70), "min": 1 })]).unwrap();
    assert!(text.contains("deeper than 64 steps"), "{text}");

    // Each slice takes along what was sliced before inside of it.
    let mut wide = Vec::new();
    for depth in 1..14 {
        let path = format!("Questionnaire{}", ".extension".repeat(depth));
        wide.push(json!({ "id": format!("{path}.id"), "path": format!("{path}.id"), "max": "0" }));
    }
    for depth in (1..14).rev() {
        let path = format!("Questionnaire{}", ".extension".repeat(depth));
        for slice in 0..9 {
            wide.push(json!({ "id": format!("{path}:s{slice}"), "path": path, "sliceName": format!("s{slice}") }));
        }
    }
    let text = problem(wide).unwrap();
    assert!(text.contains("beyond 50000 elements"), "{text}");
}
