//! Bytes as a package: the first says whether the rest is a `.tgz` (T), a pack (P) or a file of a package (anything
//! else). Read or refused; everything that was read can be looked up, and is found again in the pack made of it.

#![no_main]

use std::sync::LazyLock;

use handoff::definitions::{Definitions, Package, pack};
use libfuzzer_sys::fuzz_target;

static R4: LazyLock<Definitions> = LazyLock::new(|| Definitions::r4().expect("the embedded pack"));

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    match first {
        b'T' => {
            if let Ok(package) = Package::from_tgz(rest) {
                look_up(&package);
            }
        }
        b'P' => {
            let _ = pack::is_pack(rest);
            if let Ok(definitions) = R4.with_pack(rest.to_vec()) {
                let _ = (definitions.packages(), definitions.resource_types().len());
            }
        }
        _ => {
            let mut package = Package::named("fuzzed", "1.0.0");
            package.add_file("package/file.json", rest);
            package.add_file("package/package.json", rest);
            look_up(&package);
        }
    }
});

fn look_up(package: &Package) {
    let definitions = R4.with(package.clone());
    ask(&definitions, package);
    if let Ok(packed) = pack::write(package, Some(&R4)) {
        assert!(pack::is_pack(&packed));
        ask(&R4.with_pack(packed).expect("what was written is a pack"), package);
    }
}

fn ask(definitions: &Definitions, package: &Package) {
    for definition in &package.definitions {
        let versioned = format!("{}|{}", definition.url, definition.version);
        for canonical in [definition.url.as_str(), versioned.as_str()] {
            if let Some(structure) = definitions.structure(canonical) {
                for (index, element) in structure.elements.iter().enumerate() {
                    let _ = (structure.child(index as u32, &element.name), structure.content_of(index as u32));
                }
            }
            let _ = definitions.code_system(canonical).map(|system| system.concepts().len());
            let _ = definitions.value_set(canonical).map(|set| set.contains("urn:x", "y"));
        }
        let _ = definitions.search_parameters(&definition.type_name);
        let _ = definitions.element_at(&definition.type_name);
    }
    let _ = definitions.packages();
}
