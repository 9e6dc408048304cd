//! What is asked of the store, as data.

use crate::fhir::ResourceKey;

/// Something that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// A resource, at its newest version or at the one named
    Resource {
        /// Type and id
        key: ResourceKey,
        /// The version; none: the newest
        version: Option<u64>,
    },
    /// The newest versions of a resource
    History {
        /// Type and id
        key: ResourceKey,
        /// How many at most
        count: usize,
    },
    /// What matches a search
    Search {
        /// The resource type
        kind: String,
        /// Name and value of each search parameter
        parameters: Vec<(String, String)>,
    },
}
