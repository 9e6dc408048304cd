//! What a schema is made of, and the number by which it is known.

use crate::definitions::structure::Structure;

/// A schema's number among the compiled ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct SchemaRef(pub(super) u32);

/// One definition that a schema is made of: an element of a structure, whose children are the schema's elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Part {
    /// Type name or canonical URL of the structure
    pub(super) structure: String,
    /// Index of the element; 0 is the structure as a whole
    pub(super) element: u32,
}

impl Part {
    /// The element at this index of a structure.
    pub(super) fn of(structure: &Structure, index: u32) -> Self {
        Self { structure: structure_key(structure), element: index }
    }
}

/// The name by which a structure is found again: the type, or the canonical URL of a profile with its version.
pub(super) fn structure_key(structure: &Structure) -> String {
    match &structure.version {
        Some(version) if structure.is_profile => format!("{}|{version}", structure.url),
        _ if structure.is_profile => structure.url.clone(),
        _ => structure.type_name.clone(),
    }
}
