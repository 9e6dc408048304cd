//! The packages folder: a pack of each package that was added, made once and read from then on.
//!
//! Packs open at once and are decoded piece by piece, so a folder full of them costs a start next to nothing.

use std::path::{Path, PathBuf};

use crate::definitions::{Definitions, Package};
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};

/// The folder where none is set.
pub const DEFAULT_PACKAGES: &str = "packages";

/// See the module head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    folder: PathBuf,
    /// Somebody named it
    is_named: bool,
}

impl Packages {
    /// The packages in this folder; it need not be there yet.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), is_named: false }
    }

    /// The packages in this folder, which somebody named: it has to be there when they are loaded.
    pub fn named(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), is_named: true }
    }

    /// The same, where the folder may still be made.
    #[must_use]
    pub fn or_new(self) -> Self {
        Self { is_named: false, ..self }
    }

    /// Where they are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// These definitions and those of all packs in the folder.
    ///
    /// # Errors
    /// A folder or pack that cannot be read.
    pub fn load(&self, definitions: &Definitions) -> Result<Definitions> {
        let mut packs = Vec::new();
        for file in self.files()? {
            let bytes = std::fs::read(&file).map_err(|error| Error::unreadable_file(&file, &error))?;
            packs.push((file.display().to_string(), bytes));
        }
        definitions.with_packs(packs)
    }

    /// Keeps the pack of a package, instead of one that was kept before.
    ///
    /// # Errors
    /// A package whose name cannot be the name of a file; a folder that cannot be written.
    pub fn save_package(&self, package: &Package, pack: &[u8]) -> Result<PathBuf> {
        let file = self.folder.join(file_name(package)?);
        let unwritable = |error: std::io::Error| Error::unwritable_file(&file, &error);
        std::fs::create_dir_all(&self.folder).map_err(unwritable)?;
        // Whoever reads the folder meanwhile finds the old pack or the new one, never a half.
        let half = file.with_extension("pack.new");
        std::fs::write(&half, pack).map_err(unwritable)?;
        std::fs::rename(&half, &file).map_err(unwritable)?;
        Ok(file)
    }

    /// The packs, in alphabetical order.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let entries = match self.folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.is_named => return Ok(Vec::new()),
            Err(error) => return Err(Error::unreadable_file(&self.folder, &error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| Error::unreadable_file(&self.folder, &error))?.path();
            if path.extension().is_some_and(|it| it == "pack") && path.is_file() {
                files.push(path);
            }
        }
        files.sort_unstable();
        Ok(files)
    }
}

/// `hl7.fhir.us.core-7.0.0.pack`. The name comes out of the package, so it leads nowhere else.
fn file_name(package: &Package) -> Result<String> {
    let usable = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_+".contains(&byte)) && !text.starts_with('.')
    };
    let Package { name, version, .. } = package;
    if name.is_empty() || !usable(name) || !usable(version) || name.len() + version.len() > 200 {
        let text = "the package's name or version holds characters that no file name should have";
        return Err(Error::new(
            crate::error::Category::Incorrect,
            Issue::error(Key::DefinitionInvalid, "package.json", text)
                .hint("use letters, digits, dots, dashes and underscores"),
        ));
    }
    Ok(if version.is_empty() { format!("{name}.pack") } else { format!("{name}-{version}.pack") })
}
