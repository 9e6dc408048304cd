//! The pack: a package in one compact file that opens at once and is decoded piece by piece.
//!
//! ```text
//! handoff-pack 2 LF
//! u32 CRC-32 of everything behind it | u32 length of the head, deflated | u32 length of the head
//! head, deflated: name LF version LF licence LF
//!                 the packages that it builds on, as name#version, a SPACE between LF
//!                 number of blocks LF, then for each: deflated length SPACE length LF
//!                 the index, one sorted line for each definition (see `layer`)
//! blocks, each a deflate stream of the JSON of some definitions
//! ```
//! Numbers are little-endian. The same package gives the same bytes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::layer::{About, Block, Entry, LIMITS, Layer};
use super::package::{Definition, Package};
use super::structure::{Strength, Structure};
use super::value_set::{Codes, Part, ValueSet};
use super::{Definitions, View};
use crate::error::{Error, Result};
use crate::fhir::{Document, Key};

/// First line of a pack; the number is the version of the format.
pub const MAGIC: &[u8] = b"handoff-pack 2\n";

/// Small definitions share a block of about this size: they compress better together, and few are read alone.
const BLOCK: usize = 24 * 1024;

/// A head, inflated, is no longer than this; that of R4 core has half a megabyte.
const MAX_HEAD: u32 = 64 << 20;
/// A block, inflated, is no longer than this: one definition, however large, or some small ones.
const MAX_BLOCK: usize = LIMITS.bytes + BLOCK;

// === writing ===

/// Writes a package as a pack. Value sets that a required binding needs are written with their codes listed;
/// `beside` are the definitions that it may build on.
///
/// # Errors
/// A fault, if the compressor fails.
pub fn write(package: &Package, beside: Option<&Definitions>) -> Result<Vec<u8>> {
    let mut definitions = package.definitions.clone();
    settle(&mut definitions, package, beside);
    definitions.sort_by(|left, right| left.entry().order().cmp(&right.entry().order()));
    definitions.dedup_by(|left, right| left.entry().order() == right.entry().order());

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
fn settle(definitions: &mut [Definition], package: &Package, beside: Option<&Definitions>) {
    let all = match beside {
        Some(beside) => beside.with(package.clone()),
        None => Definitions::of(vec![std::sync::Arc::new(Layer::of(package.clone()))]),
    };
    let all = View::of_package(&all, &format!("{}#{}", package.name, package.version));
    let needed = required(definitions);
    for definition in definitions {
        let version = if definition.version.is_empty() { &package.version } else { &definition.version };
        let canonical = format!("{}|{version}", definition.url);
        if definition.kind == "ValueSet" && needed.contains(&definition.url) {
            if let Some(set) = all.value_set(&canonical).filter(|set| set.parts.iter().all(is_listed)) {
                definition.text = as_json(&set).into_boxed_str();
            }
        } else if definition.kind == "StructureDefinition" && !has_snapshot(definition) {
            // One whose base is not at hand stays as it is, until it is.
            if let Some(structure) = all.structure(&canonical) {
                definition.text = super::write::structure(&structure).into_boxed_str();
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
fn required(definitions: &[Definition]) -> BTreeSet<String> {
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
fn as_json(set: &ValueSet) -> String {
    let concepts =
        |codes: &[Box<str>]| -> Vec<_> { codes.iter().map(|code| serde_json::json!({ "code": code })).collect() };
    let excluded = |code: &str, system: &str| set.contains(system, code) != super::Membership::In;
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

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

// === reading ===

/// Is this a pack?
pub fn is_pack(bytes: &[u8]) -> bool {
    bytes.starts_with(b"handoff-pack ")
}

/// Opens a pack.
///
/// # Errors
/// Where it is none, of another format, or damaged.
pub(super) fn open(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Layer> {
    let bytes = bytes.into();
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(refuse(if is_pack(&bytes) { "it is of another version; make it again" } else { "it is no pack" }));
    };
    let damaged = || refuse("it is damaged; make it again");
    let (expected, body) = number(rest).ok_or_else(damaged)?;
    if checksum(body) != expected {
        return Err(damaged());
    }
    let (packed, body) = number(body).ok_or_else(damaged)?;
    let (length, body) = number(body).ok_or_else(damaged)?;
    if length > MAX_HEAD {
        return Err(damaged());
    }
    let head = inflate(body.get(..packed as usize).ok_or_else(damaged)?, length).ok_or_else(damaged)?;
    let offset = bytes.len() - body.len() + packed as usize;
    read_head(&head, offset, bytes).ok_or_else(damaged)
}

fn read_head(head: &str, mut offset: usize, bytes: Cow<'static, [u8]>) -> Option<Layer> {
    let mut lines = head.splitn(6, '\n');
    let (name, version, _license) = (lines.next()?, lines.next()?, lines.next()?);
    let dependencies = lines.next()?.split(' ').filter_map(|one| one.split_once('#'));
    let about = About {
        name: name.to_owned(),
        version: version.to_owned(),
        dependencies: dependencies.map(|(name, version)| (name.to_owned(), version.to_owned())).collect(),
    };
    let count: usize = lines.next()?.parse().ok()?;
    let mut rest = lines.next()?;
    let mut blocks = Vec::with_capacity(count.min(bytes.len()));
    for _ in 0..count {
        let (line, behind) = rest.split_once('\n')?;
        let (packed, length) = line.split_once(' ')?;
        let (packed, length): (usize, usize) = (packed.parse().ok()?, length.parse().ok()?);
        let end = offset.checked_add(packed).filter(|end| *end <= bytes.len() && length <= MAX_BLOCK)?;
        blocks.push(Block { packed: offset..end, length, text: OnceLock::new() });
        (offset, rest) = (end, behind);
    }
    Some(Layer::new(about, rest.to_owned(), bytes, blocks))
}

fn inflate(packed: &[u8], length: u32) -> Option<String> {
    let mut text = String::new();
    DeflateDecoder::new(packed).take(u64::from(length)).read_to_string(&mut text).ok()?;
    Some(text)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn refuse(why: &str) -> Error {
    Error::incorrect(Key::DefinitionInvalid, format!("the pack cannot be used: {why}"))
}
