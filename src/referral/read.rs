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
    /// Versions of a resource, newest first
    History {
        /// Type and id
        key: ResourceKey,
        /// Which
        range: VersionRange,
    },
    /// What matches a search
    Search {
        /// The resource type
        kind: String,
        /// Name and value of each search parameter
        parameters: Vec<(String, String)>,
    },
}

/// Which versions of a resource: a page of its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VersionRange {
    /// How many at most
    pub count: usize,
    /// Those before this version; none: the newest
    pub before: Option<u64>,
    /// How many bytes they may have; one is given whatever its size
    pub bytes: usize,
    /// How many there are is wanted, and the newest alone is given, for who remembers whose they were
    pub only_counted: bool,
}

impl VersionRange {
    /// The newest versions.
    pub fn newest(count: usize) -> Self {
        Self { count, before: None, bytes: usize::MAX, only_counted: false }
    }

    /// The number of versions.
    pub fn counted() -> Self {
        Self { only_counted: true, ..Self::newest(usize::MAX) }
    }
}
