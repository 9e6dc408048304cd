//! Reads FHIR packages: the `.tgz` of the registries, the same as a folder, or loose resource files
//! (<https://confluence.hl7.org/display/FHIR/NPM+Package+Specification>).
//!
//! Bytes come in from outside. What is no definition (examples, the package's own files) is passed over, not refused.

use std::io::Read;

use flate2::read::GzDecoder;

use super::foreign::ForeignElements;
use super::index::{Entry, LIMITS, RESOURCE};
use super::trim::trim;
use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Node};

/// An archive inflates to no more than this; all but the largest published ones stay far below.
const MAX_BYTES: u64 = 512 << 20;
/// It has no more files than this.
const MAX_FILES: usize = 100_000;
/// What is kept of it has no more bytes than this.
const MAX_KEPT: usize = 256 << 20;

/// Definitions that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// Package name (`hl7.fhir.r4.core`); a made-up one for loose files
    pub name: String,
    /// Package version
    pub version: String,
    /// Licence, where the package says it
    pub license: Option<String>,
    /// The packages that it builds on: name and version
    pub dependencies: Vec<(String, String)>,
    /// Its definitions, trimmed
    pub definitions: Vec<Definition>,
    /// Its Questionnaires as they came: responses are checked against them
    pub questionnaires: Vec<Box<str>>,
    /// What could not be used, and why
    pub issues: Vec<Issue>,
}

/// One definition: a StructureDefinition, ValueSet, CodeSystem or SearchParameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Resource type
    pub kind: String,
    /// Canonical URL
    pub url: String,
    /// Business version; "" where there is none
    pub version: String,
    /// Of a structure the type that it describes, else ""
    pub type_name: String,
    /// Of a structure: a resource type that can be instantiated
    pub is_resource_type: bool,
    /// Its trimmed JSON
    pub text: Box<str>,
}

impl Package {
    /// A package without content.
    pub fn named(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self { name: name.into(), version: version.into(), ..Self::default() }
    }

    /// Reads a `.tgz`.
    ///
    /// Nothing of the archive is written anywhere, so the names of its files lead nowhere.
    ///
    /// # Errors
    /// Where it is no gzipped tar archive, or larger than any package is: inflated, in one file, or in their number.
    pub fn from_tgz(source: impl Read) -> Result<Self> {
        let refuse = |why: &dyn std::fmt::Display| {
            Error::incorrect(Key::DefinitionInvalid, format!("the package cannot be read as a .tgz: {why}"))
        };
        let (mut package, mut kept) = (Self::named("package", ""), 0);
        let mut archive = tar::Archive::new(BoundedReader { inner: GzDecoder::new(source), remaining: MAX_BYTES });
        for (number, entry) in archive.entries().map_err(|error| refuse(&error))?.enumerate() {
            let mut entry = entry.map_err(|error| refuse(&error))?;
            let path = entry.path().map_err(|error| refuse(&error))?.to_string_lossy().into_owned();
            if number >= MAX_FILES {
                return Err(refuse(&format_args!("it has more than {MAX_FILES} files")));
            }
            if !is_definition_file(&path) {
                continue;
            }
            if entry.size() > LIMITS.bytes as u64 {
                return Err(refuse(&format_args!("the file {path:?} has more than {} bytes", LIMITS.bytes)));
            }
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).map_err(|error| refuse(&error))?;
            let before = (package.definitions.len(), package.questionnaires.len());
            package.add_file(&path, &bytes);
            let definitions = package.definitions[before.0..].iter().map(|definition| &definition.text);
            let new = definitions.chain(&package.questionnaires[before.1..]);
            kept += new.map(|text| text.len()).sum::<usize>();
            if kept > MAX_KEPT {
                return Err(refuse(&format_args!("its definitions have more than {MAX_KEPT} bytes")));
            }
        }
        Ok(package)
    }

    /// Takes a file of a package: a resource, a Bundle of resources, or `package.json`. What cannot be used is noted
    /// in `issues`.
    pub fn add_file(&mut self, path: &str, bytes: &[u8]) {
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        match Document::parse_bytes(bytes, LIMITS) {
            Err(issue) => self.issues.push(Issue { text: format!("{file}: {}", issue.text), ..*issue }),
            Ok(document) if file == "package.json" => self.read_manifest(document.root()),
            Ok(document) => self.add(document.root(), file),
        }
    }

    /// `package.json` says what the package is called.
    fn read_manifest(&mut self, node: Node<'_>) {
        // What has line ends in it would break the head of a pack, and is no name.
        let text =
            |name| node.str(name).filter(|text| !text.contains(char::is_control)).map(std::borrow::Cow::into_owned);
        self.name = text("name").unwrap_or_else(|| std::mem::take(&mut self.name));
        self.version = text("version").unwrap_or_else(|| std::mem::take(&mut self.version));
        self.license = text("license");
        let dependencies = node.get("dependencies").into_iter().flat_map(Node::members);
        let usable =
            |text: &str| !text.is_empty() && !text.contains(|letter: char| letter.is_whitespace() || letter == '#');
        self.dependencies = dependencies
            .filter_map(|one| Some((one.name().to_owned(), one.as_str()?.into_owned())))
            .filter(|(name, version)| usable(name) && usable(version))
            .collect();
    }

    fn add(&mut self, node: Node<'_>, file: &str) {
        if node.get("resourceType").is_some_and(|kind| kind.is_str("Bundle")) {
            for entry in node.list("entry").filter_map(|entry| entry.get("resource")) {
                self.add(entry, file);
            }
            return;
        }
        let foreign = ForeignElements::find(node);
        match Definition::read(node, &foreign) {
            None if node.get("resourceType").is_some_and(|kind| kind.is_str("Questionnaire")) => {
                self.questionnaires.push(node.text().into());
            }
            None => {}
            Some(Ok(definition)) => {
                self.issues.extend(foreign.issue(&definition.url));
                self.definitions.push(definition);
            }
            Some(Err(issue)) => self.issues.push(Issue { text: format!("{file}: {}", issue.text), ..*issue }),
        }
    }
}

impl Definition {
    /// Reads one; nothing for a resource that defines nothing.
    fn read(node: Node<'_>, foreign: &ForeignElements<'_>) -> Option<Result<Self, Box<Issue>>> {
        let trimmed = trim(node, foreign)?;
        let text = |name: &str| node.str(name).unwrap_or_default().into_owned();
        let kind = text("resourceType");
        // A tab or line end would break the index; no URL has one.
        let (url, version) = (text("url"), text("version"));
        let breaks = |text: &str| text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
        if url.is_empty() || [&url, &version, &text("type")].into_iter().any(|text| breaks(text)) {
            let text = format!("the {kind} has no usable url, version or type, so nothing can refer to it");
            return Some(Err(Box::new(Issue::warning(Key::DefinitionInvalid, node.path(), text).at(node.position()))));
        }
        if kind == "StructureDefinition"
            && let Err(issue) = super::structure::Structure::read(node)
        {
            return Some(Err(issue));
        }
        let is = |name: &str, value: &str| node.get(name).is_some_and(|member| member.is_str(value));
        Some(Ok(Self {
            is_resource_type: is("kind", "resource")
                && !super::read::is_constraint(node)
                && node.get("abstract").and_then(Node::as_bool) != Some(true),
            type_name: if kind == "StructureDefinition" { text("type") } else { String::new() },
            kind,
            url,
            version,
            text: trimmed.into_boxed_str(),
        }))
    }

    /// Its line of the index, the place in the blocks still open.
    pub(super) fn entry(&self) -> Entry<'_> {
        Entry {
            kind: &self.kind,
            url: &self.url,
            version: &self.version,
            type_name: &self.type_name,
            flavour: if self.is_resource_type { RESOURCE } else { "" },
            block: 0,
            start: 0,
            end: 0,
        }
    }
}

/// A reader that breaks off where an archive inflates beyond all measure.
struct BoundedReader<R> {
    inner: R,
    remaining: u64,
}

impl<R: Read> Read for BoundedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.remaining = self.remaining.checked_sub(read as u64).ok_or_else(|| {
            std::io::Error::other(format!("it inflates to more than {MAX_BYTES} bytes; unpack it and name the folder"))
        })?;
        Ok(read)
    }
}

/// The definitions of a package stand in its top folder; examples and the like below.
fn is_definition_file(path: &str) -> bool {
    let inner = path.strip_prefix("./").unwrap_or(path);
    let name = inner.strip_prefix("package/").unwrap_or(inner);
    !name.contains('/')
        && !name.starts_with('.')
        && std::path::Path::new(name).extension().is_some_and(|it| it == "json")
}
