//! Whose eyes a read happens with. Every read of the store takes one, so nothing is read for nobody in particular.

/// Who looks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    /// A client of this Organization (its id): sees what the organization sent, what is shared with it through a Task,
    /// and what is public
    Organization(String),
    /// Somebody who sees what is public and nothing else
    Public,
    /// The gateway itself, for a step that it takes on its own: sees everything. Never given to a request
    Gateway,
}
