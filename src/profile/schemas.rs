//! The compiled schemas of a checker: compiled when first needed, then kept, and read without a lock.

use std::sync::Arc;

use super::amendments::Amendments;
use super::append_only_table::AppendOnlyTable;
use super::compile::compile;
use super::part::SchemaRef;
use super::registry::Registry;
use super::schema::Schema;
use crate::definitions::Definitions;

/// See the module head.
#[derive(Debug)]
pub(super) struct Schemas {
    registry: Registry,
    compiled: AppendOnlyTable<Schema>,
}

impl Schemas {
    /// The schemas of these definitions.
    pub(super) fn new(definitions: Arc<Definitions>) -> Self {
        Self { registry: Registry::new(definitions), compiled: AppendOnlyTable::new() }
    }

    /// The same, with these amendments. Nothing may have been compiled yet.
    pub(super) fn amended(self, amendments: Amendments) -> Self {
        Self { registry: self.registry.amended(amendments), ..self }
    }

    /// Which schemas there are.
    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The schema with this number; nothing for a number that was not handed out.
    pub(super) fn get(&self, number: SchemaRef) -> Option<&Schema> {
        let slot = self.compiled.slot(number.0)?;
        if let Some(schema) = slot.get() {
            return Some(schema);
        }
        let parts = self.registry.parts(number);
        if parts.is_empty() {
            return None;
        }
        Some(slot.get_or_init(|| compile(&self.registry, &parts)))
    }
}
