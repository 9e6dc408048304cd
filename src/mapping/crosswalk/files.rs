//! Crosswalks as files: a table is read when it is asked for.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
}

#[derive(Debug)]
struct TableFile<'f> {
    path: &'f str,
    bytes: &'f [u8],
    read: OnceCell<ReadTable>,
}

/// A table that was read.
#[derive(Debug)]
struct ReadTable {
    /// Nothing where it cannot be used
    table: Option<Arc<Crosswalk>>,
    /// What is wrong with it
    issues: Vec<Issue>,
}

impl<'f> CrosswalkFiles<'f> {
    pub(in crate::mapping) fn new(definitions: &'f Definitions) -> Self {
        Self { definitions, files: BTreeMap::new() }
    }

    /// Adds a file (path and bytes), in the place of the one with this name.
    pub(in crate::mapping) fn add(&mut self, name: &'f str, (path, bytes): (&'f str, &'f [u8])) {
        self.files.insert(name, TableFile { path, bytes, read: OnceCell::new() });
    }

    fn read(&self, name: &str) -> Option<&ReadTable> {
        let (name, file) = self.files.get_key_value(name)?;
        Some(file.read.get_or_init(|| {
            let mut issues = Vec::new();
            let table = load(name, file.path, file.bytes, self.definitions, &mut issues).map(Arc::new);
            ReadTable { table, issues }
        }))
    }

    /// All tables that can be used, by the name that they give themselves.
    pub(in crate::mapping) fn all(&self) -> HashMap<String, Arc<Crosswalk>> {
        let tables = self.files.keys().filter_map(|name| self.read(name)?.table.as_ref());
        tables.map(|table| (table.name.clone(), table.clone())).collect()
    }

    /// What is wrong with any of them.
    pub(in crate::mapping) fn issues(&self) -> Vec<Issue> {
        self.files.keys().filter_map(|name| self.read(name)).flat_map(|read| &read.issues).cloned().collect()
    }

    /// How many were read so far.
    pub(in crate::mapping) fn read_count(&self) -> usize {
        self.files.values().filter(|file| file.read.get().is_some()).count()
    }
}

/// The tables that one map asks for.
pub(in crate::mapping) struct AskedTables<'t, 'f> {
    files: &'t CrosswalkFiles<'f>,
    names: RefCell<BTreeSet<String>>,
}

impl<'t, 'f> AskedTables<'t, 'f> {
    pub(in crate::mapping) fn new(files: &'t CrosswalkFiles<'f>) -> Self {
        Self { files, names: RefCell::default() }
    }

    /// The table of this name, if it is there and can be used.
    pub(in crate::mapping) fn get(&self, name: &str) -> Option<&'t Arc<Crosswalk>> {
        let read = self.files.read(name)?;
        self.names.borrow_mut().insert(name.to_owned());
        read.table.as_ref()
    }

    /// What is wrong with those that were asked for.
    pub(in crate::mapping) fn issues(&self) -> Vec<Issue> {
        let names = self.names.borrow();
        names.iter().filter_map(|name| self.files.read(name)).flat_map(|read| &read.issues).cloned().collect()
    }
}
