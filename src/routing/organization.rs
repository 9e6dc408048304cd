//! An organization of the directory: who can own a Task.

use std::sync::Arc;

use crate::fhir::{Identifier, Node};

/// Somebody who can own a Task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Id of the Organization
    pub id: Arc<str>,
    /// Name, "" where it has none
    pub name: String,
    /// Does it exist still?
    pub active: bool,
    /// By what other systems know it
    pub identifiers: Vec<Identifier>,
}

impl Organization {
    /// Reads an Organization, whose id this is.
    pub(super) fn read(id: &str, resource: Node<'_>) -> Self {
        Self {
            id: id.into(),
            name: resource.str("name").unwrap_or_default().into_owned(),
            active: resource.get("active").and_then(Node::as_bool).unwrap_or(true),
            identifiers: identifiers(resource).collect(),
        }
    }
}

/// The identifiers of a resource.
pub(super) fn identifiers(resource: Node<'_>) -> impl Iterator<Item = Identifier> {
    resource.list("identifier").filter_map(Identifier::read)
}
