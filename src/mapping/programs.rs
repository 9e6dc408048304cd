//! The program types at hand: each a folder with `program.yaml`, `record.schema.json` and `map.yaml`.

use serde_json::Value;

use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::Issue;

use super::map::Map;

/// The program types, by name.
#[derive(Debug)]
pub struct Programs {
    programs: Vec<Program>,
    generic: Program,
}

/// One program type.
#[derive(Debug)]
pub struct Program {
    /// Its name, which is its folder's: `supportive-housing`
    pub kind: String,
    /// Its name for people
    pub title: String,
    /// Between the graph of a referral and this program's record
    pub map: Map,
    schema: Value,
}

impl Programs {
    /// The program types in these files (path and bytes). Everything is checked here, so that nothing fails later.
    ///
    /// # Errors
    /// Every finding, with file, line, column and how to mend it.
    pub fn load<'f>(definitions: &Definitions, files: impl IntoIterator<Item = (&'f str, &'f [u8])>) -> Result<Self> {
        let _ = (definitions, files.into_iter().count());
        Err(Error::fault("not built yet"))
    }

    /// The program types that come with the program.
    ///
    /// # Errors
    /// As [`Programs::load`].
    pub fn shipped(definitions: &Definitions) -> Result<Self> {
        Self::load(definitions, [])
    }

    /// The program type of this name, or the generic one.
    pub fn get(&self, kind: &str) -> &Program {
        self.iter().find(|program| program.kind == kind).unwrap_or(&self.generic)
    }

    /// All of them, the generic one last.
    pub fn iter(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().chain([&self.generic])
    }
}

impl Program {
    /// The JSON Schema (2020-12) of its record, complete in itself.
    pub fn schema_json(&self) -> &Value {
        &self.schema
    }

    /// What is wrong with a record by its schema; each issue's path is a JSON pointer into the record.
    pub fn check(&self, record: &Value) -> Vec<Issue> {
        let _ = record;
        Vec::new()
    }
}
