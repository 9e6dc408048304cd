//! Search (<https://hl7.org/fhir/R4/search.html>) over the index: the SQL of a plan, and the page that it gives.

mod criterion;
mod find;
mod include;
mod lookup;
mod order;
mod source;
mod sql;
mod withheld;

pub(in crate::store) use find::{first, search};
