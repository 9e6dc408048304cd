//! The search index by the ids that the database has given its parameters.

use crate::store::index_definition::IndexDefinition;

/// What the index is made of.
#[derive(Debug)]
pub(super) struct Index {
    /// What resources are indexed by
    pub(super) definition: IndexDefinition,
    /// The ids of the parameters by their number; those of the derived ones behind them
    pub(super) ids: Vec<i64>,
    /// The numbers of the parameters whose codes are counted
    pub(super) counted: Vec<u16>,
    /// Of several that a database holds beside each other, the number of this one; 0 where there is one
    pub(super) generation: i64,
    /// Tells this index from others
    pub(super) fingerprint: String,
}

impl Index {
    /// The id of the parameter with this number; one that no row has, where it has none.
    pub(super) fn id(&self, number: u16) -> i64 {
        self.ids.get(usize::from(number)).copied().unwrap_or(-1)
    }
}
