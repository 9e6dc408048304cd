//! The ids that a backend has given to what a query names.

use crate::error::Result;
use crate::fhir::ResourceKey;

/// Looks ids up; nothing where no row has been given one, because then no row can be found by it.
pub(in crate::store) trait Identifiers {
    /// A resource type.
    fn kind(&self, name: &str) -> Result<Option<i64>>;

    /// A code system.
    fn system(&self, uri: &str) -> Result<Option<i64>>;

    /// A resource, stored or only named.
    fn resource(&self, key: &ResourceKey) -> Result<Option<i64>>;

    /// All resources that have this logical id, each with its type.
    fn resources(&self, logical: &str) -> Result<Vec<(String, i64)>>;

    /// What a URL leads to that is stored here; nothing where it leads elsewhere.
    fn local(&self, url: &str) -> Option<ResourceKey>;

    /// The search parameter with this number; one that no row has, where it has none.
    fn parameter(&self, number: u16) -> i64;
}
