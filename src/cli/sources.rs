//! Where definitions come from on a disk: the packages that were added, a pack, a package as `.tgz` or folder, a single
//! resource file.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use super::streams::Streams;
use crate::app::Packages;
use crate::definitions::{Definitions, Package, pack};
use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Limits, Resources};

/// What a file beside may hold; more than a stranger may send, since whoever runs this chose the file.
const LIMITS: Limits = Limits { bytes: 256 * 1024 * 1024, depth: 100 };
/// What is read for definitions, and is no resource that a reference could lead to.
const DEFINITIONS: &[&str] = &["StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter"];

/// The arguments that name definitions.
#[derive(Debug, clap::Args)]
pub struct SourceArgs {
    /// Definitions besides R4 core, and resources that references may lead to
    #[arg(long, value_name = "FILE|DIR|TGZ")]
    pub with: Vec<PathBuf>,
    /// Folder of the packages that were added with handoff package add [default: packages]
    #[arg(long, env = "HANDOFF_PACKAGES", value_name = "DIR")]
    pub packages: Option<PathBuf>,
}

impl SourceArgs {
    /// Reads what they name.
    pub(super) fn load(&self) -> Result<Sources> {
        load_sources(&Packages::configured(self.packages.as_deref(), None)?, &self.with)
    }
}

/// Everything that was added.
pub(super) struct Sources {
    /// What to check with
    pub(super) definitions: Definitions,
    /// What references may lead to: of files and folders every resource, of packages the Questionnaires
    pub(super) resources: Resources,
    /// What could not be used
    pub(super) issues: Vec<Issue>,
}

/// What comes with the program, the packages that were added, and everything that these paths hold.
pub(super) fn load_sources(packages: &Packages, paths: &[PathBuf]) -> Result<Sources> {
    let definitions = packages.load(&Definitions::shipped()?)?;
    let mut gathered = Sources { definitions, resources: Resources::default(), issues: Vec::new() };
    for path in paths {
        if path.is_file() && is_pack(path)? {
            gathered.definitions = gathered.definitions.with_packs([(path.display().to_string(), bytes(path)?)])?;
            continue;
        }
        let mut package = package(path)?;
        gathered.issues.append(&mut package.issues);
        if is_archive(path) {
            for text in std::mem::take(&mut package.questionnaires) {
                gathered.resources.add(Document::parse_within(text, LIMITS)?);
            }
        } else {
            add_resources(path, &mut gathered.resources)?;
        }
        if !package.definitions.is_empty() || path.is_dir() {
            gathered.definitions = gathered.definitions.with(package);
        }
    }
    Ok(gathered)
}

/// The resources of a file or folder that are no definitions.
fn add_resources(path: &Path, resources: &mut Resources) -> Result<()> {
    let files = if path.is_dir() { json_files(&package_folder(path))? } else { vec![path.to_owned()] };
    for file in files {
        // What is no JSON was reported when it was read for definitions.
        let Ok(document) = Document::parse_bytes(&bytes(&file)?, LIMITS) else { continue };
        let kind = document.root().str("resourceType");
        if kind.is_some_and(|kind| !DEFINITIONS.contains(&kind.as_ref())) {
            resources.add(document);
        }
    }
    Ok(())
}

/// The package at this path: a `.tgz`, a folder (with or without `package/` in it), or one resource file.
pub(super) fn package(path: &Path) -> Result<Package> {
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    if path.is_dir() {
        let mut package = Package::named(name, "");
        for file in json_files(&package_folder(path))? {
            package.add_file(&file.to_string_lossy(), &bytes(&file)?);
        }
        Ok(package)
    } else if is_archive(path) {
        Package::from_tgz(BufReader::new(open(path)?))
    } else {
        let mut package = Package::named(name, "");
        package.add_file(&path.to_string_lossy(), &bytes(path)?);
        Ok(package)
    }
}

/// Where the definitions of a folder stand: in the folder `package` of an unpacked package.
fn package_folder(folder: &Path) -> PathBuf {
    let inner = folder.join("package");
    if inner.is_dir() { inner } else { folder.to_owned() }
}

fn is_archive(path: &Path) -> bool {
    let is = |extension: &str| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension));
    path.is_file() && (is("tgz") || is("gz"))
}

/// The JSON files of a folder, in alphabetical order; hidden ones and those of subfolders are left out.
pub(super) fn json_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = folder.read_dir().map_err(|error| Error::unreadable_file(folder, &error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::unreadable_file(folder, &error))?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !is_hidden && path.is_file() && path.extension().is_some_and(|it| it.eq_ignore_ascii_case("json")) {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The content of a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::unreadable_file(path, &error))
}

/// The bytes of a file, or of standard input.
pub(super) fn read_input(input: &Path, streams: &mut Streams<'_>) -> Result<Vec<u8>> {
    if input.as_os_str() != "-" {
        return bytes(input);
    }
    let mut text = Vec::new();
    let read = streams.input.read_to_end(&mut text);
    read.map_err(|error| Error::unreadable_file(Path::new("standard input"), &error))?;
    Ok(text)
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::unreadable_file(path, &error))
}

fn is_pack(path: &Path) -> Result<bool> {
    let mut first = [0; 16];
    let read =
        std::io::Read::read(&mut open(path)?, &mut first).map_err(|error| Error::unreadable_file(path, &error))?;
    Ok(pack::is_pack(&first[..read]))
}
