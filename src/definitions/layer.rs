//! One package as it is kept: a sorted index of its definitions, and their JSON in blocks that are inflated when first
//! needed. A pack and a package read whole differ only in whether the blocks are inflated already.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use flate2::read::DeflateDecoder;

use super::code_system::CodeSystem;
use super::index::{Entry, LIMITS, RESOURCE};
use super::package::Package;
use super::search_parameter::SearchParameter;
use super::structure::Structure;
use crate::fhir::{Document, Issue, Node};

/// One package. See the module head.
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) version: String,
    /// The packages that it builds on: name and version
    pub(super) dependencies: Vec<(String, String)>,
    /// `name#version`
    label: Arc<str>,
    index: String,
    lines: Vec<Range<u32>>,
    bytes: Cow<'static, [u8]>,
    blocks: Vec<Block>,
    decoded: Vec<OnceLock<Decoded>>,
}

/// What a package says of itself.
pub(super) struct PackageHeader {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) dependencies: Vec<(String, String)>,
}

/// JSON of some definitions, one behind the other: where it stands deflated, and the text once it was needed.
pub(super) struct Block {
    pub(super) packed: Range<usize>,
    pub(super) length: usize,
    pub(super) text: OnceLock<Box<str>>,
}

/// What was made of a definition.
enum Decoded {
    Structure(Arc<Structure>),
    CodeSystem(Arc<CodeSystem>),
    Unusable,
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layer({}#{}, {} definitions)", self.name, self.version, self.len())
    }
}

// === making ===

impl Layer {
    /// A package that was read whole; each resource is a block of its own, inflated already.
    pub(super) fn of(package: Package) -> Self {
        let mut lines: Vec<String> = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        for resource in package.definitions {
            let entry =
                Entry { block: blocks.len() as u32, start: 0, end: resource.text.len() as u32, ..resource.entry() };
            lines.push(entry.to_string());
            blocks.push(Block { packed: 0..0, length: resource.text.len(), text: OnceLock::from(resource.text) });
        }
        lines.sort_unstable();
        let header = PackageHeader { name: package.name, version: package.version, dependencies: package.dependencies };
        Self::new(header, lines.join("\n"), Cow::Borrowed(&[]), blocks)
    }

    /// `index` holds one sorted line for each definition.
    pub(super) fn new(header: PackageHeader, index: String, bytes: Cow<'static, [u8]>, blocks: Vec<Block>) -> Self {
        let mut lines = Vec::with_capacity(index.len() / 80);
        let mut start = 0;
        for line in index.split_inclusive('\n') {
            let end = start + line.len() as u32;
            if !line.trim_end().is_empty() {
                lines.push(start..end - u32::from(line.ends_with('\n')));
            }
            start = end;
        }
        let decoded = lines.iter().map(|_| OnceLock::new()).collect();
        let PackageHeader { name, version, dependencies } = header;
        let label = format!("{name}#{version}").into();
        Self { name, version, dependencies, label, index, lines, bytes, blocks, decoded }
    }
}

// === asking ===

impl Layer {
    /// How many definitions it brings.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// The resource types that it defines and that can be instantiated.
    pub(super) fn resource_types(&self) -> Vec<String> {
        // Asked at every start: most lines are told apart without being read.
        let lines = self.of_kind("StructureDefinition").filter(|line| line.contains(RESOURCE));
        let found = lines.filter_map(Entry::parse).filter(|entry| entry.flavour == RESOURCE);
        found.map(|entry| entry.type_name.to_owned()).collect()
    }

    /// What the structures of this package say that they are of: `name#version`.
    pub(super) fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// The definitions of this kind with this URL: position of their lines, and the lines.
    pub(super) fn versions(&self, kind: &str, url: &str) -> impl Iterator<Item = (usize, Entry<'_>)> {
        let key = format!("{kind}\t{url}\t");
        let first = self.lines.partition_point(|line| self.line(line) < key.as_str());
        let same =
            self.lines[first..].iter().map(|line| self.line(line)).take_while(move |line| line.starts_with(&key));
        same.enumerate().filter_map(move |(offset, line)| Some((first + offset, Entry::parse(line)?)))
    }

    /// The structure at this line, as the package gives it: with a snapshot or without.
    pub(super) fn structure(&self, line: u32) -> Option<Arc<Structure>> {
        match self.decoded(line)? {
            Decoded::Structure(structure) => Some(Arc::clone(structure)),
            _ => None,
        }
    }

    /// The code system at this line.
    pub(super) fn code_system(&self, line: u32) -> Option<Arc<CodeSystem>> {
        match self.decoded(line)? {
            Decoded::CodeSystem(system) => Some(Arc::clone(system)),
            _ => None,
        }
    }

    /// What `read` makes of the resource at this line.
    pub(super) fn read_with<T>(&self, line: u32, read: impl FnOnce(Node<'_>) -> T) -> Option<T> {
        let entry = self.entry(line)?;
        Some(read(Document::parse_within(self.text(&entry)?, LIMITS).ok()?.root()))
    }

    fn entry(&self, line: u32) -> Option<Entry<'_>> {
        Entry::parse(self.line(self.lines.get(line as usize)?))
    }

    /// Every search parameter of the package.
    pub(super) fn search_parameters(&self) -> Vec<SearchParameter> {
        let found = self.of_kind("SearchParameter").filter_map(Entry::parse);
        found.filter_map(|entry| self.read(&entry, SearchParameter::read)).collect()
    }

    /// The profiles that the guides of the package demand of all resources of a type: type and profile.
    pub(super) fn global_profiles(&self) -> Vec<(String, String)> {
        let guides = self.of_kind("ImplementationGuide").filter_map(Entry::parse);
        let of_guide = |entry: Entry<'_>| {
            let document = Document::parse_within(self.text(&entry)?, LIMITS).ok()?;
            let pair = |global: Node<'_>| Some((global.str("type")?.into_owned(), global.str("profile")?.into_owned()));
            Some(document.root().list("global").filter_map(pair).collect::<Vec<_>>())
        };
        guides.filter_map(of_guide).flatten().collect()
    }

    /// The lines of the index about one resource type; they stand together.
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &str> {
        let is_of = move |line: &&str| line.split('\t').next() == Some(kind);
        let first = self.lines.partition_point(|line| self.line(line) < kind);
        self.lines[first..].iter().map(|line| self.line(line)).take_while(is_of)
    }

    fn line(&self, range: &Range<u32>) -> &str {
        &self.index[range.start as usize..range.end as usize]
    }

    fn decoded(&self, line: u32) -> Option<&Decoded> {
        let decoded = self.decoded.get(line as usize)?;
        if let Some(decoded) = decoded.get() {
            return Some(decoded);
        }
        let entry = self.entry(line)?;
        Some(decoded.get_or_init(|| {
            let decoded = if entry.kind == "CodeSystem" {
                self.read(&entry, CodeSystem::read).map(|system| Decoded::CodeSystem(Arc::new(system)))
            } else {
                let structure = self.read(&entry, Structure::read);
                structure.map(|one| Decoded::Structure(Arc::new(Structure { package: Arc::clone(&self.label), ..one })))
            };
            decoded.unwrap_or(Decoded::Unusable)
        }))
    }

    fn read<T>(&self, entry: &Entry<'_>, read: impl Fn(Node<'_>) -> Result<T, Box<Issue>>) -> Option<T> {
        let document = Document::parse_within(self.text(entry)?, LIMITS).ok()?;
        read(document.root()).ok()
    }

    /// The JSON of a definition.
    pub(super) fn text(&self, entry: &Entry<'_>) -> Option<&str> {
        let block = self.blocks.get(entry.block as usize)?;
        let text = block.text.get_or_init(|| self.inflate(block).unwrap_or_default());
        text.get(entry.start as usize..entry.end as usize)
    }

    fn inflate(&self, block: &Block) -> Option<Box<str>> {
        let mut text = String::with_capacity(block.length);
        let packed = self.bytes.get(block.packed.clone())?;
        DeflateDecoder::new(packed).take(block.length as u64).read_to_string(&mut text).ok()?;
        Some(text.into_boxed_str())
    }
}
