//! The program types that a command is asked about: each compiled when it is first asked for, and no other.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::program_type::unknown_program_type;
use crate::error::{Error, Result};
use crate::mapping::{GENERIC, ProgramType, ProgramTypeFiles};

/// See the module head.
pub(super) struct AskedTypes<'f> {
    types: ProgramTypeFiles<'f>,
    compiled: BTreeMap<&'f str, OnceCell<ProgramType>>,
}

impl<'f> AskedTypes<'f> {
    pub(super) fn new(types: ProgramTypeFiles<'f>) -> Self {
        let compiled = types.kinds().chain([GENERIC]).map(|kind| (kind, OnceCell::new())).collect();
        Self { types, compiled }
    }

    /// Refuses a name that no type has.
    pub(super) fn expect(&self, kind: Option<&str>) -> Result<()> {
        let kinds: Vec<&str> = self.types.kinds().collect();
        match kind.filter(|kind| !kinds.contains(kind)) {
            Some(kind) => Err(unknown_program_type(kind, &kinds)),
            None => Ok(()),
        }
    }

    /// The type of this name, or the generic one.
    pub(super) fn get(&self, kind: &str) -> Result<&ProgramType> {
        let cell = self.compiled.get(kind).or_else(|| self.compiled.get(GENERIC));
        let cell = cell.ok_or_else(|| Error::fault("there is no generic program type"))?;
        match cell.get() {
            Some(known) => Ok(known),
            None => {
                let compiled = self.types.compile(kind)?;
                Ok(cell.get_or_init(|| compiled))
            }
        }
    }

    /// The files that the types are compiled from.
    pub(super) fn files(&self) -> &ProgramTypeFiles<'f> {
        &self.types
    }
}
