//! What a stored resource is found by: the search parameters that are served, compiled once, and the entries that they
//! make of a resource (<https://hl7.org/fhir/R4/search.html>).
//!
//! Which parameters are served is data, `profiles/handoff/search-parameters.yaml`; what they look at comes from the
//! definitions. It must not know how entries are stored; the other half, what is asked, is in [`super::query`].

mod entry;
mod normal;
mod parameter;
mod parameters;
mod place;
mod served;
mod values;

pub use entry::{IndexEntry, IndexValue};
pub use normal::normal;
pub use parameter::{Parameter, ParameterKind};
pub use parameters::SearchParameters;
pub(in crate::store) use values::local;
