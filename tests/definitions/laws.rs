//! Laws of snapshots, for whatever a differential says.

use std::collections::HashSet;
use std::sync::LazyLock;

use handoff::definitions::{Definitions, Package, Structure, pack};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().unwrap());

const PATHS: &[&str] = &[
    "",
    "identifier.type.coding",
    "code.coding.system",
    "value[x]",
    "value[x].extension",
    "valueQuantity.code",
    "valueCodeableConcept.coding",
    "component",
    "component.value[x]",
    "component.valueQuantity.unit",
    "component.referenceRange.low.value",
    "component.extension.extension.value[x]",
    "referenceRange.appliesTo",
    "subject.identifier.value",
    "contained.id",
    "nothing",
];
const SLICES: &[&str] = &["a", "b", "a/b", "a/b/c", "@default", "valueQuantity", ""];

/// An element of the differential: a path, of which any step may be a slice, and some of what can be said about it.
fn element() -> impl Strategy<Value = Value> {
    let slices = prop::collection::vec(prop::option::weighted(0.3, prop::sample::select(SLICES)), 5);
    let message = (any::<bool>(), prop::bool::weighted(0.1), any::<bool>(), 0..4_u32, 0..4_u32);
    (prop::sample::select(PATHS), slices, message).prop_map(
        |(path, slices, (has_id, has_type, has_slicing, min, max))| {
            let steps: Vec<_> = path.split('.').filter(|name| !name.is_empty()).zip(slices).collect();
            let path =
                std::iter::once("Observation").chain(steps.iter().map(|step| step.0)).collect::<Vec<_>>().join(".");
            let id = steps.iter().fold("Observation".to_owned(), |id, (name, slice)| {
                slice.map_or_else(|| format!("{id}.{name}"), |slice| format!("{id}.{name}:{slice}"))
            });
            let mut members = Map::from_iter([("path".to_owned(), json!(path)), ("min".to_owned(), json!(min))]);
            let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
            add("max", if max == 3 { json!("*") } else { json!(max.to_string()) });
            if let Some(slice) = steps.last().and_then(|step| step.1) {
                add("sliceName", json!(slice));
            }
            if has_id {
                add("id", json!(id));
            }
            if has_type {
                add("type", json!([{ "code": "Quantity" }]));
            }
            if has_slicing {
                add("slicing", json!({ "discriminator": [{ "type": "value", "path": "code" }], "rules": "open" }));
            }
            Value::Object(members)
        },
    )
}

fn definitions(elements: &[Value]) -> (Package, Definitions) {
    let structure = json!({
        "resourceType": "StructureDefinition", "url": "urn:example:x", "name": "X", "kind": "resource", "abstract": false,
        "type": "Observation", "derivation": "constraint",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation", "differential": { "element": elements },
    });
    let mut package = Package::named("example", "1.0.0");
    package.add_file("x.json", structure.to_string().as_bytes());
    let definitions = R4.with(package.clone());
    (package, definitions)
}

/// Every element stands inside its parent, and no two have one id.
fn check_laws(structure: &Structure) {
    let mut ids = HashSet::new();
    for (index, element) in structure.elements.iter().enumerate() {
        assert!(ids.insert(&element.id), "{} stands twice", element.id);
        let Some(parent) = element.parent else {
            assert_eq!(index, 0, "{} has no parent", element.id);
            continue;
        };
        assert!((parent as usize) < index && element.id.starts_with(&structure.elements[parent as usize].id));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: crate::scale::scaled(1000), ..ProptestConfig::default() })]

    /// A differential becomes a sound snapshot that holds all of the base, or is refused with a reason; the pack says the
    /// same as the package.
    #[test]
    fn differentials_become_sound_snapshots_or_are_refused(elements in prop::collection::vec(element(), 1..8)) {
        let (package, definitions) = definitions(&elements);
        let made = definitions.structure("urn:example:x");
        if package.definitions.is_empty() {
            prop_assert!(made.is_none() && !package.issues.is_empty());
        } else if let Some(made) = &made {
            check_laws(made);
            let base = R4.structure("Observation").unwrap();
            for element in &base.elements {
                prop_assert!(made.position(&element.id).is_some(), "{} is lost", element.id);
            }
            let packed = R4.with_pack(pack::write(&package, Some(&R4)).unwrap()).unwrap();
            let packed = packed.structure("urn:example:x");
            prop_assert_eq!(packed.as_ref(), Some(made));
        } else {
            prop_assert!(definitions.structure_issue("urn:example:x").is_some());
        }
    }
}
