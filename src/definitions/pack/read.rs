//! Opens a pack.

use std::borrow::Cow;
use std::io::Read;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use super::format::{BLOCK, MAGIC, checksum};
use crate::definitions::index::LIMITS;
use crate::definitions::layer::{Block, Layer, PackageHeader};
use crate::error::{Error, Result};
use crate::fhir::Key;

/// A head, inflated, is no longer than this; that of R4 core has half a megabyte.
const MAX_HEAD: u32 = 64 << 20;
/// A block, inflated, is no longer than this: one definition, however large, or some small ones.
const MAX_BLOCK: usize = LIMITS.bytes + BLOCK;

/// Is this a pack?
pub fn is_pack(bytes: &[u8]) -> bool {
    bytes.starts_with(b"handoff-pack ")
}

/// Opens a pack.
///
/// # Errors
/// Where it is none, of another format, or damaged.
pub(in crate::definitions) fn open(bytes: impl Into<Cow<'static, [u8]>>) -> Result<Layer> {
    let bytes = bytes.into();
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(refuse(if is_pack(&bytes) { "it is of another version; make it again" } else { "it is no pack" }));
    };
    let damaged = || refuse("it is damaged; make it again");
    let (expected, body) = read_u32(rest).ok_or_else(damaged)?;
    if checksum(body) != expected {
        return Err(damaged());
    }
    let (packed, body) = read_u32(body).ok_or_else(damaged)?;
    let (length, body) = read_u32(body).ok_or_else(damaged)?;
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
    let header = PackageHeader {
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
    Some(Layer::new(header, rest.to_owned(), bytes, blocks))
}

fn inflate(packed: &[u8], length: u32) -> Option<String> {
    let mut text = String::new();
    DeflateDecoder::new(packed).take(u64::from(length)).read_to_string(&mut text).ok()?;
    Some(text)
}

fn read_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_le_bytes(*number), rest))
}

fn refuse(why: &str) -> Error {
    Error::incorrect(Key::DefinitionInvalid, format!("the pack cannot be used: {why}"))
}
