//! Layer 1: FHIR packages (<https://hl7.org/fhir/R4/packages.html>) and what they define: structures, value sets, code
//! systems, search parameters.
//!
//! [`Definitions`] answers by canonical URL (`resolve` says which of several versions answers); everything is decoded, and
//! its snapshot made where it has none, when it is first asked for, and then kept. Adding a package gives new definitions
//! that share what they had. Bytes are passed in; nothing here opens a file or a socket.
//!
//! ```text
//! package, trim, foreign   a package as it comes, and what is kept of it
//! index, layer, pack       a package as it is kept, in memory and in one file
//! loaded, resolve          the packages at hand, and which of them answers a canonical
//! view, lookup             what one package sees, decoded, expanded and with snapshots
//! read, write, snapshot    a StructureDefinition to a structure and back; a differential to a snapshot
//! expand, filter           a ValueSet to its codes
//! ```

pub mod code_system;
mod currency;
mod differential;
mod expand;
mod filter;
mod foreign;
mod index;
mod language;
mod layer;
mod loaded;
mod lookup;
mod model;
pub mod own;
pub mod pack;
pub mod package;
mod read;
pub mod resolve;
pub mod search_parameter;
mod snapshot;
pub mod structure;
mod trim;
pub mod typed;
pub mod value_set;
mod view;
mod write;

pub use code_system::CodeSystem;
pub use language::LanguagePart;
pub use loaded::{Definitions, PackageSummary};
pub use package::Package;
pub use search_parameter::SearchParameter;
pub use structure::{
    AdditionalBinding, Binding, CORE_URL, Constraint, Element, Purpose, Strength, Structure, StructureKind, TypeRef,
};
pub use typed::TypedElement;
pub use value_set::{Membership, ValueSet};
pub use view::{Resolved, View};
