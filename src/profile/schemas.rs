//! The compiled schemas of a checker: compiled when first needed, then kept, and read without a lock.
//!
//! Schemas refer to each other by number, in circles too (an extension holds extensions), so compiling one only hands out
//! numbers for those it refers to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::compile::compile;
use super::schema::{Part, Schema, SchemaRef};
use crate::definitions::Definitions;

/// Room in the first shelf; each further one has twice the room of the one before.
const FIRST: u32 = 256;

/// See the module head.
#[derive(Debug)]
pub(super) struct Schemas {
    definitions: Arc<Definitions>,
    /// Which parts have which number; locked only while something is compiled.
    numbers: Mutex<HashMap<Vec<Part>, SchemaRef>>,
    /// Shelves never move, so what stands there can be borrowed while others are added.
    shelves: [OnceLock<Box<[Slot]>>; 20],
}

#[derive(Debug, Default)]
struct Slot {
    parts: OnceLock<Vec<Part>>,
    schema: OnceLock<Schema>,
}

impl Schemas {
    /// The resource types get the first numbers, in the order of the definitions.
    pub(super) fn new(definitions: Arc<Definitions>) -> Self {
        let schemas =
            Self { definitions, numbers: Mutex::default(), shelves: std::array::from_fn(|_| OnceLock::new()) };
        for name in schemas.definitions.resource_types() {
            schemas.number(vec![Part { structure: name.clone(), element: 0 }]);
        }
        schemas
    }

    /// What is compiled from.
    pub(super) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The schema of a resource type.
    pub(super) fn resource(&self, type_name: &str) -> Option<SchemaRef> {
        let types = self.definitions.resource_types();
        types.binary_search_by(|known| known.as_str().cmp(type_name)).ok().map(|position| SchemaRef(position as u32))
    }

    /// The number of the schema that is made of these parts.
    pub(super) fn number(&self, parts: Vec<Part>) -> SchemaRef {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = SchemaRef(numbers.len() as u32);
        let known = *numbers.entry(parts.clone()).or_insert(next);
        if known == next
            && let Some(slot) = self.slot(next)
        {
            slot.parts.get_or_init(|| parts);
        }
        known
    }

    /// The schema with this number; nothing for a number that was not handed out here.
    pub(super) fn get(&self, number: SchemaRef) -> Option<&Schema> {
        let slot = self.slot(number)?;
        if let Some(schema) = slot.schema.get() {
            return Some(schema);
        }
        let parts = slot.parts.get()?;
        Some(slot.schema.get_or_init(|| compile(self, parts)))
    }

    fn slot(&self, number: SchemaRef) -> Option<&Slot> {
        let shifted = number.0.checked_add(FIRST)?;
        let number_of_shelf = shifted.ilog2() - FIRST.ilog2();
        let room = FIRST << number_of_shelf;
        let slots =
            self.shelves.get(number_of_shelf as usize)?.get_or_init(|| (0..room).map(|_| Slot::default()).collect());
        slots.get((shifted - room) as usize)
    }
}
