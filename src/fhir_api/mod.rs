//! The RESTful API of FHIR R4 (<https://hl7.org/fhir/R4/http.html>), for EHRs: one file per interaction.
//!
//! A handler asks the exchange and writes what it got. Nothing is decided here.

mod address;
mod bundle;
mod cache;
mod conformance;
mod create;
mod history;
mod metadata;
mod read;
mod routes;
mod search;
mod transaction;
mod update;
mod validate;
mod vread;
mod written;

pub(crate) use cache::Cache;
pub use routes::routes;
