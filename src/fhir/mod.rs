//! Layer 0: the words of FHIR that everybody uses. Documents, references, bundles, primitive forms, issues.
//!
//! Nothing here knows a profile, a program, a store or a socket.

pub mod authored;
pub mod document;
pub mod edit;
pub mod fold;
pub mod identifier;
pub mod issue;
mod locator;
pub mod nearest_name;
pub mod period;
pub mod precondition;
pub mod primitive;
pub mod query_string;
pub mod reference;
pub mod resources;
mod source_position;
pub mod truth;
pub mod xhtml;

pub use document::{Children, Document, Kind, Limits, Node};
pub use identifier::Identifier;
pub use issue::{Issue, Key, RuleSource, Severity};
pub use locator::Locator;
pub use precondition::Preconditions;
pub use reference::{Reference, ResourceKey};
pub use resources::Resources;
pub use source_position::SourcePosition;
pub use truth::Truth;
