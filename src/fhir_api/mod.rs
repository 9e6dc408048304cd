//! The RESTful API of FHIR R4 (<https://hl7.org/fhir/R4/http.html>), for EHRs: one file per interaction.
//!
//! A handler asks the exchange and writes what it got. Nothing is decided here.

mod address;
mod artifacts;
mod cache;
mod create;
mod definition_search;
mod get;
mod history;
mod interaction;
mod metadata;
mod path;
mod rendered;
mod routes;
mod search;
mod search_by_post;
mod search_page;
mod stored_entry;
mod transaction;
mod update;
mod validate;
mod written;

pub(crate) use cache::Cache;
pub use routes::routes;
