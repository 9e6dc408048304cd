//! The RESTful API of FHIR R4 (<https://hl7.org/fhir/R4/http.html>), for EHRs: one file per interaction.
//!
//! A handler asks the exchange and writes what it got. Nothing is decided here.

mod address;
mod artifacts;
mod audit_event;
mod audit_forms;
mod audit_search;
mod bundle;
mod count;
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
mod service;
mod stored_entry;
mod update;
mod validate;
mod written;

pub use routes::routes;
pub use service::FhirService;
