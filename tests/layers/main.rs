//! The layers of the house: imports go down, never up and never sideways. `src/lib.rs` draws the map; this test holds it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod circles;
mod imports;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use imports::{Sources, sources};

/// Folder or file of `src/` and its layer. Modules of one layer do not import each other, but for the one exception
/// that the map names: definitions may use fhirpath.
const LAYERS: &[(&str, u8)] = &[
    ("error", 0),
    ("fhir", 0),
    ("limits", 0),
    ("shipped", 0),
    ("yaml", 0),
    ("yielding", 0),
    ("referral", 1),
    ("record", 1),
    ("fhirpath", 1),
    ("definitions", 1),
    ("profile", 2),
    ("mapping", 2),
    ("routing", 2),
    ("sheet", 2),
    ("hmis", 2),
    ("store", 3),
    ("security", 3),
    ("terminology", 3),
    ("exchange", 4),
    ("server", 5),
    ("fhir_api", 6),
    ("agency_api", 6),
    ("web", 6),
    ("app", 7),
    ("cli", 7),
    ("main", 7),
];

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// May `from` import `to`?
fn allowed(from: &str, to: &str) -> bool {
    let (Some(above), Some(below)) = (layer(from), layer(to)) else { return false };
    from == to
        || above > below
        // Layer 0 is one set of words, and layer 7 is the wiring.
        || (above == below && (above == 0 || above == 7))
        || (from, to) == ("definitions", "fhirpath")
}

#[test]
fn imports_go_down_only() {
    let read = Sources::read(&src());
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (module, imports) in read.imports() {
        let Some(top) = module.first().filter(|top| *top != "lib") else { continue };
        assert!(layer(top).is_some(), "src/{} belongs to no layer; give {top} a place in the map", module.join("/"));
        for import in imports.iter().filter(|import| !allowed(top, &import[0])) {
            wrong.entry(module.join("::")).or_default().push(import.join("::"));
        }
    }
    assert!(wrong.is_empty(), "imports that go up or sideways: {wrong:#?}");
}

#[test]
fn pure_layers_have_no_clock_socket_or_sql() {
    let src = src();
    for path in sources(&src) {
        let module = path.strip_prefix(&src).unwrap().iter().next().unwrap().to_string_lossy().into_owned();
        if layer(module.trim_end_matches(".rs")).is_none_or(|layer| layer > 2) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for forbidden in [
            "tokio::",
            "rusqlite",
            "axum::",
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "std::net",
            "async fn",
            "Uuid::",
        ] {
            assert!(!text.contains(forbidden), "{} is in a pure layer and uses {forbidden}", path.display());
        }
    }
}

#[test]
fn a_sideways_import_is_refused() {
    assert!(!allowed("store", "security") && !allowed("fhir", "referral") && allowed("definitions", "fhirpath"));
}

fn src() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}
