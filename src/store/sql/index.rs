//! The search index by the ids that the database has given its parameters.

use crate::store::index_definition::IndexDefinition;

/// What the index is made of.
#[derive(Debug)]
pub(in crate::store) struct Index {
    /// What resources are indexed by
    pub(in crate::store) definition: IndexDefinition,
    /// The ids of the parameters by their number; those of the derived ones behind them
    pub(in crate::store) ids: Vec<i64>,
    /// The numbers of the parameters whose codes are counted
    pub(in crate::store) counted: Vec<u16>,
    /// Tells this index from others
    pub(in crate::store) fingerprint: String,
}

impl Index {
    /// The id of the parameter with this number; one that no row has, where it has none.
    pub(in crate::store) fn id(&self, number: u16) -> i64 {
        self.ids.get(usize::from(number)).copied().unwrap_or(-1)
    }
}
