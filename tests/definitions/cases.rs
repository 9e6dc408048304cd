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
        let text = definitions.problem(of).unwrap().text;
        assert!(text.contains(problem), "{name}: {text}");
        return;
    }
    let structure = structure.unwrap_or_else(|| panic!("{name}: {}", definitions.problem(of).unwrap()));
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
