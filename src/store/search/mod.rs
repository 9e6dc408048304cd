//! How a search is answered from an index, whatever the database: what it asks for by ids ([`criterion`]), from which
//! rows its candidates are taken ([`source`]), in which order they come and where a page ends ([`order`]), and all of it
//! put together ([`plan`]).
//!
//! What a query means is said by [`Query::matches`](super::query::Query::matches); here is how it is found without looking
//! at everything. A search takes its candidates from one source, asks every other condition of each, and reads no document
//! but those of its page. A backend gives the ids ([`identifiers`]), counts rows, and writes the plan as its SQL.

pub(super) mod criterion;
pub(super) mod identifiers;
pub(super) mod order;
pub(super) mod plan;
pub(super) mod source;
