//! Writes a package as a pack.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

use super::format::{BLOCK, MAGIC, checksum};
use crate::definitions::index::{Entry, LIMITS};
use crate::definitions::loaded::Definitions;
use crate::definitions::package::{Definition, Package};
use crate::definitions::structure::{Strength, Structure};
use crate::definitions::value_set::{Codes, Membership, Part, ValueSet};
use crate::definitions::view::View;
use crate::error::{Error, Result};
use crate::fhir::Document;

/// Writes a package as a pack. Value sets that a required binding needs are written with their codes listed;
/// `dependencies` are the definitions that it may build on.
///
/// # Errors
/// A fault, if the compressor fails.
pub fn write(package: &Package, dependencies: Option<&Definitions>) -> Result<Vec<u8>> {
    let mut definitions = package.definitions.clone();
    precompute(&mut definitions, package, dependencies);
    definitions.sort_by(|left, right| left.entry().sort_key().cmp(&right.entry().sort_key()));
    definitions.dedup_by(|left, right| left.entry().sort_key() == right.entry().sort_key());

    let (mut index, mut lengths, mut packed) = (String::new(), String::new(), Vec::new());
    let blocks = into_blocks(&definitions);
    for (number, block) in blocks.iter().enumerate() {
        let mut text = String::new();
        for definition in *block {
            let start = text.len() as u32;
            text.push_str(&definition.text);
            let entry = Entry { block: number as u32, start, end: text.len() as u32, ..definition.entry() };
            let _ = writeln!(index, "{entry}");
        }
        let deflated = deflate(text.as_bytes())?;
        let _ = writeln!(lengths, "{} {}", deflated.len(), text.len());
        packed.extend(deflated);
    }
    let license = &package.license.clone().unwrap_or_default();
    let dependencies: Vec<String> =
        package.dependencies.iter().map(|(name, version)| format!("{name}#{version}")).collect();
    let [name, version, license] =
        [&package.name, &package.version, license].map(|text| text.replace(['\n', '\r'], " "));
    let about = format!("{name}\n{version}\n{license}\n{}", dependencies.join(" "));
    let head = format!("{about}\n{}\n{lengths}{index}", blocks.len());
    let deflated = deflate(head.as_bytes())?;
    let mut body = Vec::with_capacity(packed.len() + deflated.len() + 8);
    body.extend((deflated.len() as u32).to_le_bytes());
    body.extend((head.len() as u32).to_le_bytes());
    body.extend(deflated);
    body.extend(packed);
    Ok([MAGIC, &checksum(&body).to_le_bytes(), &body].concat())
}

/// Runs of small definitions, and large ones alone.
fn into_blocks(definitions: &[Definition]) -> Vec<&[Definition]> {
    let mut blocks = Vec::new();
    let (mut first, mut length) = (0, 0);
    for (position, definition) in definitions.iter().enumerate() {
        if position > first && length + definition.text.len() > BLOCK {
            blocks.push(&definitions[first..position]);
            (first, length) = (position, 0);
        }
        length += definition.text.len();
    }
    blocks.push(&definitions[first..]);
    blocks
}

/// Writes what can be made ready: the codes of the value sets that a check cannot do without, so that it needs no code
/// system for them, and the snapshots of structures that have none.
fn precompute(definitions: &mut [Definition], package: &Package, dependencies: Option<&Definitions>) {
    let all = match dependencies {
        Some(dependencies) => dependencies.with(package.clone()),
        None => Definitions::of_package(package.clone()),
    };
    let all = View::for_package(&all, &format!("{}#{}", package.name, package.version));
    let required = required_value_sets(definitions);
    for definition in definitions {
        let version = if definition.version.is_empty() { &package.version } else { &definition.version };
        let canonical = format!("{}|{version}", definition.url);
        if definition.kind == "ValueSet" && required.contains(&definition.url) {
            if let Some(set) = all.value_set(&canonical).filter(|set| set.parts.iter().all(is_listed)) {
                definition.text = value_set_json(&set).into_boxed_str();
            }
        } else if definition.kind == "StructureDefinition" && !has_snapshot(definition) {
            // One whose base is not at hand stays as it is, until it is.
            if let Some(structure) = all.structure(&canonical) {
                definition.text = crate::definitions::write::structure_json(&structure).into_boxed_str();
            }
        }
    }
}

fn has_snapshot(definition: &Definition) -> bool {
    let document = Document::parse_within(definition.text.clone(), LIMITS);
    document.is_ok_and(|document| document.root().get("snapshot").is_some())
}

fn is_listed(part: &Part) -> bool {
    matches!(part.codes, Codes::Listed(_))
}

/// The value sets that a required binding names.
fn required_value_sets(definitions: &[Definition]) -> BTreeSet<String> {
    let structures = definitions.iter().filter(|definition| definition.kind == "StructureDefinition");
    let mut found = BTreeSet::new();
    for definition in structures {
        let Ok(document) = Document::parse(definition.text.clone()) else { continue };
        let Ok(structure) = Structure::read(document.root()) else { continue };
        for binding in structure.elements.into_iter().filter_map(|element| element.binding) {
            let set = binding.value_set.filter(|_| binding.strength == Strength::Required);
            found.extend(
                set.into_iter().chain(binding.max_value_set).filter_map(|url| Some(url.split('|').next()?.to_owned())),
            );
        }
    }
    found
}

/// A ValueSet resource that lists its codes.
fn value_set_json(set: &ValueSet) -> String {
    let concepts =
        |codes: &[Box<str>]| -> Vec<_> { codes.iter().map(|code| serde_json::json!({ "code": code })).collect() };
    let excluded = |code: &str, system: &str| set.contains(system, code) != Membership::In;
    let include: Vec<_> = set
        .parts
        .iter()
        .filter_map(|part| match &part.codes {
            Codes::Listed(codes) => {
                let left: Vec<_> = codes.iter().filter(|code| !excluded(code, &part.system)).cloned().collect();
                Some(serde_json::json!({ "system": part.system, "concept": concepts(&left) }))
            }
            _ => None,
        })
        .collect();
    let mut value = serde_json::json!({ "resourceType": "ValueSet", "url": set.url });
    if let Some(version) = &set.version {
        value["version"] = version.as_str().into();
    }
    value["compose"] = serde_json::json!({ "include": include });
    value.to_string()
}

fn deflate(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).map_err(Error::fault)
}
