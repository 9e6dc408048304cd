//! What resources are indexed by: the search parameters that are served, and the entries that are derived from theirs.

use std::sync::Arc;

use crate::error::Result;
use crate::fhir::{Document, Reference, ResourceKey};

use super::derived::{self, Derived};
use super::index::{IndexEntry, SearchParameters, local};

/// Raised when rows are made differently from the same entries.
pub(super) const ROWS: u32 = 1;

/// Type and token parameter of which it is kept how many resources have each code, because that is asked all the time. Where
/// referrals stand is told of each state with the metrics.
const COUNTED: &[(&str, &str)] = &[("Task", "business-status")];

/// See the module head.
#[derive(Debug, Clone)]
pub(super) struct IndexDefinition {
    /// The parameters that are served
    pub(super) parameters: Arc<SearchParameters>,
    /// Entries that are made besides
    pub(super) derived: Derived,
    /// What absolute references to what is stored here begin with
    pub(super) bases: Vec<String>,
}

impl IndexDefinition {
    /// With these parameters, of a store that was served under these URLs.
    pub(super) fn new(parameters: &Arc<SearchParameters>, bases: Vec<String>) -> Self {
        Self { parameters: parameters.clone(), derived: Derived::of(parameters), bases }
    }

    /// Type and name of each parameter by its number; those of the derived ones behind them.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &str)> {
        let served = (0..derived::count(&self.parameters)).filter_map(|number| self.parameters.parameter(number));
        let named = served.map(|parameter| (parameter.resource_type.as_str(), parameter.code.as_str()));
        named.chain(self.derived.names())
    }

    /// The numbers of the parameters whose codes are counted.
    pub(super) fn counted(&self) -> Vec<u16> {
        let number = |(kind, code): &(&str, &str)| self.parameters.find(kind, code).map(|(number, _)| number);
        COUNTED.iter().filter_map(number).collect()
    }

    /// Tells an index of this definition from others. How many URLs it knows is told with it: whoever knows fewer would write
    /// other rows.
    pub(super) fn fingerprint(&self) -> String {
        let Self { parameters, derived, bases } = self;
        format!("{} {ROWS} {derived}; {} bases", parameters.fingerprint(), bases.len())
    }

    /// What a resource is found by through the parameters that are served.
    pub(super) fn served_entries(&self, document: &Document) -> Result<Vec<IndexEntry>> {
        self.parameters.entries_at(document.root(), &self.bases)
    }

    /// What a URL leads to that is stored here.
    pub(super) fn local(&self, url: &str) -> Option<ResourceKey> {
        local(&Reference::parse(url)?, &self.bases)
    }

    /// What a resource is found by, in the order in which its rows are written.
    pub(super) fn entries(&self, document: &Document) -> Result<Vec<IndexEntry>> {
        let mut entries = self.served_entries(document)?;
        self.derived.add(document, &mut entries);
        entries.sort_unstable();
        Ok(entries)
    }
}
