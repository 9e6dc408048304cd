//! The RESTful API of FHIR R4 (<https://hl7.org/fhir/R4/http.html>), one file per interaction.

mod address;
mod bundle;
pub(super) mod conformance;
pub(super) mod create;
pub(super) mod history;
pub(super) mod metadata;
pub(super) mod read;
pub(super) mod search;
pub(super) mod transaction;
pub(super) mod update;
pub(super) mod validate;
pub(super) mod vread;
mod written;

/// Why nothing is deleted.
pub(super) const NO_DELETE: &str =
    "DELETE is not served: what was sent is kept; set the status to entered-in-error instead";
