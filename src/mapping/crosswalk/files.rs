//! Crosswalks as files: a table is read when it is asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::definitions::Definitions;
use crate::fhir::Issue;

use super::Crosswalk;
use super::load::load;

/// The files of crosswalks, by the name of the table. See the module head.
#[derive(Debug)]
pub(in crate::mapping) struct CrosswalkFiles<'f> {
    definitions: &'f Definitions,
    files: BTreeMap<&'f str, TableFile<'f>>,
    /// What is wrong with those that were read so far
    issues: RefCell<Vec<Issue>>,
}

#[derive(Debug)]
struct TableFile<'f> {
    path: &'f str,
    bytes: &'f [u8],
    /// What was read of it; nothing where it cannot be used
    table: OnceCell<Option<Arc<Crosswalk>>>,
}

impl<'f> CrosswalkFiles<'f> {
    pub(in crate::mapping) fn new(definitions: &'f Definitions) -> Self {
        Self { definitions, files: BTreeMap::new(), issues: RefCell::default() }
    }

    /// Adds a file (path and bytes), in the place of the one with this name.
    pub(in crate::mapping) fn add(&mut self, name: &'f str, (path, bytes): (&'f str, &'f [u8])) {
        self.files.insert(name, TableFile { path, bytes, table: OnceCell::new() });
    }

    /// The table of this name, if it is there and can be used.
    pub(in crate::mapping) fn get(&self, name: &str) -> Option<&Arc<Crosswalk>> {
        let (name, file) = self.files.get_key_value(name)?;
        let read = || load(name, file.path, file.bytes, self.definitions, &mut self.issues.borrow_mut()).map(Arc::new);
        file.table.get_or_init(read).as_ref()
    }

    /// All tables that can be used, by the name that they give themselves.
    pub(in crate::mapping) fn all(&self) -> HashMap<String, Arc<Crosswalk>> {
        self.files.keys().filter_map(|name| self.get(name)).map(|table| (table.name.clone(), table.clone())).collect()
    }

    /// What is wrong with those that were read so far.
    pub(in crate::mapping) fn issues(&self) -> Vec<Issue> {
        self.issues.borrow().clone()
    }

    /// How many were read so far.
    pub(in crate::mapping) fn read_count(&self) -> usize {
        self.files.values().filter(|file| file.table.get().is_some()).count()
    }
}
