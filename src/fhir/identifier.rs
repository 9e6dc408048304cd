//! Business identifiers (<https://hl7.org/fhir/R4/datatypes.html#Identifier>): by what somebody is known elsewhere.

use super::document::Node;

/// A system and a value in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier {
    /// Its system, "" where none is said
    pub system: String,
    /// Its value
    pub value: String,
}

impl Identifier {
    /// Reads an Identifier; nothing without a value.
    pub fn read(node: Node<'_>) -> Option<Self> {
        let system = node.str("system").unwrap_or_default().into_owned();
        Some(Self { system, value: node.str("value")?.into_owned() })
    }
}
