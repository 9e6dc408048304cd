//! The layers of the house: imports go down, never up and never sideways. `src/lib.rs` draws the map; this test holds it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder or file of `src/` and its layer. Modules of one layer do not import each other, but for the one exception
/// that the map names: definitions may use fhirpath.
const LAYERS: &[(&str, u8)] = &[
    ("error", 0),
    ("fhir", 0),
    ("shipped", 0),
    ("yaml", 0),
    ("referral", 1),
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
    ("http", 5),
    ("web", 5),
    ("app", 6),
    ("cli", 6),
    ("main", 6),
];

fn layer(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// May `from` import `to`?
fn allowed(from: &str, to: &str) -> bool {
    let (Some(above), Some(below)) = (layer(from), layer(to)) else { return false };
    from == to
        || above > below
        // Layer 0 is one set of words, and layer 6 is the wiring.
        || (above == below && (above == 0 || above == 6))
        || (from, to) == ("definitions", "fhirpath")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The top-level modules that a source text names behind `crate::`, also in `use crate::{a::b, c}`.
fn imports(text: &str) -> Vec<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = String::new();
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => found.push(std::mem::take(&mut item)),
                    _ if depth == 1 => item.push(character),
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            found.push(item);
        } else {
            found.push(rest.to_owned());
        }
    }
    let name = |item: &String| {
        item.trim().chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect::<String>()
    };
    found.iter().map(name).filter(|name| !name.is_empty()).collect()
}

fn module_of(path: &Path, src: &Path) -> String {
    let inside = path.strip_prefix(src).unwrap();
    inside.iter().next().unwrap().to_string_lossy().trim_end_matches(".rs").to_owned()
}

#[test]
fn imports_go_down_only() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in files {
        let module = module_of(&path, &src);
        if module == "lib" {
            continue;
        }
        assert!(layer(&module).is_some(), "{} belongs to no layer; give {module} a place in the map", path.display());
        for import in imports(&fs::read_to_string(&path).unwrap()) {
            if !allowed(&module, &import) {
                wrong.entry(path.display().to_string()).or_default().push(import);
            }
        }
    }
    assert!(wrong.is_empty(), "imports that go up or sideways: {wrong:#?}");
}

#[test]
fn pure_layers_have_no_clock_socket_or_sql() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    for path in files {
        let module = module_of(&path, &src);
        if layer(&module).is_none_or(|layer| layer > 2) {
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
fn the_reader_of_imports_sees_them() {
    let text = "use crate::{error::Error, fhir::{Node, Key},\n    store};\nuse crate::http::reply;\n// use crate::web;\nlet x = crate::app::run();";
    assert_eq!(imports(text), ["error", "fhir", "store", "http", "app"]);
    assert!(!allowed("store", "security") && !allowed("fhir", "referral") && allowed("definitions", "fhirpath"));
}
