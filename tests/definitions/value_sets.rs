//! What is in a value set, case by case: given these resources, these codes are in, out, or cannot be told.

use handoff::definitions::{Definitions, Membership, Package, pack};
use serde_json::{Value, json};

#[test]
fn value_sets_hold_what_they_say() {
    let r4 = Definitions::r4().unwrap();
    let mut count = 0;
    for file in std::fs::read_dir("fixtures/cases/value-set").unwrap() {
        let path = file.unwrap().path();
        let name = path.display().to_string();
        let case: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let mut package = Package::named("example", "1");
        for given in case["given"].as_array().unwrap() {
            package.add_file("given.json", given.to_string().as_bytes());
        }
        assert_eq!(package.issues, [], "{name}");
        let packed = r4.with_pack(pack::write(&package, Some(&r4)).unwrap()).unwrap();
        check(&packed, &name, &case);
        check(&r4.with(package), &name, &case);
        count += 1;
    }
    assert!(count > 30, "{count}");
}

fn check(definitions: &Definitions, name: &str, case: &Value) {
    let set = definitions.value_set(case["of"].as_str().unwrap()).unwrap_or_else(|| panic!("{name}"));
    for (member, expected) in [("in", Membership::In), ("out", Membership::Out), ("unknown", Membership::Unknown)] {
        for code in case[member].as_array().into_iter().flatten() {
            let (system, code) = (code[0].as_str().unwrap(), code[1].as_str().unwrap());
            assert_eq!(set.contains(system, code), expected, "{name}: {system} {code}");
        }
    }
}

/// Sets that import each other many times over, and in a circle, are made once each.
#[test]
fn imports_of_imports_of_imports_come_to_an_end() {
    let mut package = Package::named("example", "1");
    let layers = 30;
    for layer in 0..=layers {
        let below = if layer == 0 { layers } else { layer - 1 };
        let import = json!({ "valueSet": [format!("urn:example:{below}"), format!("urn:example:{below}")] });
        let own = json!({ "system": "urn:example:codes", "concept": [{ "code": format!("c{layer}") }] });
        let set = json!({
            "resourceType": "ValueSet", "url": format!("urn:example:{layer}"),
            "compose": { "include": [import, import, import, own] },
        });
        package.add_file("set.json", set.to_string().as_bytes());
    }
    let definitions = Definitions::r4().unwrap().with(package);
    let top = definitions.value_set(&format!("urn:example:{layers}")).unwrap();
    assert_eq!(top.contains("urn:example:codes", "c0"), Membership::In);
    assert_eq!(top.contains("urn:example:codes", "other"), Membership::Unknown);
}
