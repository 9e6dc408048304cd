//! The program types: those that come with the program, and those of a folder laid over them, so that a type can be
//! added or changed where the gateway runs.
//!
//! ```text
//! DIR/food-van/program.yaml   record.schema.json   map.yaml   eligibility.yaml   ...
//! DIR/crosswalks/NAME.yaml
//! ```
//! A file of the folder takes the place of the shipped one with the same folder and name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::mapping::{Crosswalk, ProgramType, ProgramTypeFiles, ProgramTypes};
use crate::routing::Rulebook;
use crate::sheet::{Codes, ColumnSets};
use crate::shipped;

/// See the module head.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgramTypeFolders {
    folder: Option<PathBuf>,
}

/// Every file that tells of program types: path and bytes, the later taking the place of the earlier.
#[derive(Debug, Default)]
pub struct ProgramFiles {
    added: Vec<(String, Vec<u8>)>,
}

impl ProgramTypeFolders {
    /// Those that are shipped, and those of this folder.
    pub fn at(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// Reads the folder.
    ///
    /// # Errors
    /// A folder or file that cannot be read.
    pub fn files(&self) -> Result<ProgramFiles> {
        let mut files = ProgramFiles::default();
        if let Some(folder) = &self.folder {
            for inner in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
                for file in entries(&inner)?.into_iter().filter(|path| path.is_file()) {
                    let bytes = std::fs::read(&file).map_err(|error| Error::unreadable_file(&file, &error))?;
                    files.added.push((file.display().to_string().replace('\\', "/"), bytes));
                }
            }
        }
        Ok(files)
    }
}

impl ProgramFiles {
    /// Path and bytes of each, the shipped ones first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let added = self.added.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()));
        shipped::files().iter().copied().chain(added)
    }

    /// The types with their maps, each to be compiled when it is asked for.
    pub fn program_types<'f>(&'f self, definitions: &'f Definitions) -> ProgramTypeFiles<'f> {
        ProgramTypeFiles::new(definitions, self.iter())
    }

    /// The types with their maps.
    ///
    /// # Errors
    /// Every finding, with its place.
    pub fn programs(&self, definitions: &Definitions) -> Result<ProgramTypes> {
        ProgramTypes::load(definitions, self.iter())
    }

    /// The columns of these types' sheets, whose codes are those of these tables.
    ///
    /// # Errors
    /// Every finding, with its place.
    pub fn sheets<'t>(
        &self,
        programs: impl IntoIterator<Item = &'t ProgramType>,
        tables: impl IntoIterator<Item = &'t Arc<Crosswalk>>,
    ) -> Result<ColumnSets> {
        let types: Vec<(&str, &Value)> =
            programs.into_iter().map(|program| (program.kind.as_str(), program.schema_json())).collect();
        let mut codes = Codes::default();
        for table in tables {
            for row in &table.rows {
                codes.add(&table.source.url, &table.source.version, &row.source);
                if let Some(target) = &row.target {
                    codes.add(&table.target.url, &table.target.version, target);
                }
            }
        }
        ColumnSets::load(self.iter(), &types, codes)
    }

    /// Whom the types serve.
    ///
    /// # Errors
    /// Every finding, with its place.
    pub fn rules(&self) -> Result<Rulebook> {
        Rulebook::load(self.iter())
    }
}

/// What is in a folder, in alphabetical order; hidden entries are left out.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(|error| Error::unreadable_file(folder, &error))? {
        let path = entry.map_err(|error| Error::unreadable_file(folder, &error))?.path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_laid_over_what_is_shipped() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("food-van");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("program.yaml"), "program: food-van").unwrap();
        let files = ProgramTypeFolders::at(Some(folder.path().to_owned())).files().unwrap();
        let last = files.iter().last().unwrap();
        assert!(last.0.ends_with("food-van/program.yaml"), "{}", last.0);
        assert!(files.iter().count() == shipped::files().len() + 1);
        assert!(ProgramTypeFolders::at(Some(folder.path().join("nowhere"))).files().is_err());
    }
}
