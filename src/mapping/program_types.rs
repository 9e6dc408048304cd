//! The program types at hand: each a folder with `program.yaml`, `record.schema.json` and `map.yaml`, and the
//! crosswalks that the maps use. A new program type is a new folder, and no Rust.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::referral::Vocabularies;
use crate::shipped;

use super::crosswalk::Crosswalk;
use super::program_type::ProgramType;
use super::program_type_files::{GENERIC, ProgramTypeFiles};

/// The program types, by name.
#[derive(Debug)]
pub struct ProgramTypes {
    by_kind: BTreeMap<String, ProgramType>,
    generic: ProgramType,
    crosswalks: HashMap<String, Arc<Crosswalk>>,
    vocabularies: Vocabularies,
}

impl ProgramTypes {
    /// The program types in these files, all of them and every table: see [`ProgramTypeFiles`]. Everything is checked here: what
    /// was loaded works.
    ///
    /// # Errors
    /// Every finding, with file (the path), line, column and how to mend it.
    pub fn load<'f>(
        definitions: &'f Definitions,
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<Self> {
        let files = ProgramTypeFiles::new(definitions, files);
        let (mut programs, crosswalks) = files.compile_all()?;
        let Some(generic) = programs.remove(GENERIC) else {
            let message = "there is no folder generic, which stands for the program types without a folder";
            return Err(Error::refused(Key::MapInvalid, GENERIC, message));
        };
        let vocabularies = Vocabularies::new(crosswalks.values().filter_map(|table| table.vocabulary()).collect());
        Ok(Self { by_kind: programs, generic, crosswalks, vocabularies })
    }

    /// The program types that come with the program.
    ///
    /// # Errors
    /// As [`ProgramTypes::load`].
    pub fn shipped(definitions: &Definitions) -> Result<Self> {
        let files: &[(&str, &[u8])] = shipped::files();
        Self::load(definitions, files.iter().copied())
    }

    /// The program type of this name, or the generic one.
    pub fn get(&self, kind: &str) -> &ProgramType {
        self.by_kind.get(kind).unwrap_or(&self.generic)
    }

    /// All of them, by name, the generic one last.
    pub fn iter(&self) -> impl Iterator<Item = &ProgramType> {
        self.by_kind.values().chain([&self.generic])
    }

    /// The statuses that other systems know.
    pub fn vocabularies(&self) -> &Vocabularies {
        &self.vocabularies
    }

    /// All tables of codes, in no order.
    pub fn crosswalks(&self) -> impl Iterator<Item = &Arc<Crosswalk>> {
        self.crosswalks.values()
    }

    /// The table of codes with this name.
    pub fn crosswalk(&self, name: &str) -> Option<&Crosswalk> {
        self.crosswalks.get(name).map(Arc::as_ref)
    }
}
