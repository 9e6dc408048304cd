//! What is in a value set, case by case: given these resources, these codes are in, out, or cannot be told.

use handoff::definitions::{Definitions, Membership, Package, pack};
use serde_json::Value;

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
