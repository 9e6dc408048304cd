//! Layer 1: the program record as such, whatever its type: a JSON document with a JSON Schema.
//!
//! ```text
//! path         the one language that names a position in a record: maps, sheets and HMIS files write it
//! schema       what the record's JSON Schema says about such a position
//! sameness     when two values say the same
//! syntax       what paths of every language here are made of: steps, brackets, conditions
//! ```
//!
//! It knows no program type, no FHIR resource and no map. Paths are read once, when files are loaded.

pub mod path;
pub mod sameness;
pub mod schema;
pub mod syntax;

pub use path::RecordPath;
pub use sameness::{same_in_any_order, same_optional_value, same_value};
pub use schema::Expected;
