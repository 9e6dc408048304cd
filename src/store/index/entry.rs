//! What a resource is found by.

use crate::fhir::ResourceKey;

/// One thing that a resource is found by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexEntry {
    /// Number of the parameter: see [`SearchParameters::parameter`](super::SearchParameters::parameter). Numbers may change with the list of parameters
    pub parameter: u16,
    /// What stands there
    pub value: IndexValue,
}

/// What stands at a search parameter's place in a resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IndexValue {
    /// A code or identifier; also the identifier of a logical reference, which `:identifier` asks for
    Token {
        /// Its system, where it has one
        system: Option<String>,
        /// The code or value; empty for an identifier that has only a system
        code: String,
    },
    /// A resource of this server
    Reference(ResourceKey),
    /// A resource elsewhere, by absolute URL, canonical URL or urn
    ReferenceUrl(String),
    /// A text in normal form: see [`normal`](super::normal())
    Text(String),
    /// The same text as it is written, which `:exact` asks for
    Exact(String),
    /// The interval that a date means in its precision, or a period: first and last millisecond from 1970 in UTC
    Date {
        /// First millisecond; `i64::MIN` for a period without a start
        low: i64,
        /// Last millisecond; `i64::MAX` for a period without an end
        high: i64,
    },
    /// A URI
    Uri(String),
}
