//! Is what a store keeps twice the same both times, and does what it keeps once look as it should? Nothing is changed, and a
//! gateway may serve the store meanwhile. What is found names resources and numbers, never what is stored.

mod counts;
mod documents;
mod finding;
mod references;

pub(in crate::store) use counts::check as check_counts;
pub(in crate::store) use documents::check as check_documents;
pub(in crate::store) use finding::Findings;
pub use finding::{Part, StoreFinding};
pub(in crate::store) use references::check as check_references;
#[cfg(test)]
pub(in crate::store) use references::is_asked_or_alone;
