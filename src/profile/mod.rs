//! Layer 2: the check of a resource against the definitions of FHIR (<https://hl7.org/fhir/R4/validation.html>).
//!
//! Definitions are compiled into schemas (`compile`, `schema`, `schemas`); a document is walked once with them (`walk`);
//! rules, one a file in `rules/`, look at what is passed; what they find gets path and place at the end (`findings`).
//! Nothing here knows where definitions or documents come from.

mod amendments;
mod checker;
mod compile;
mod conforms;
mod findings;
mod names;
mod nearest;
mod questionnaire;
mod report;
mod rules;
mod schema;
mod schemas;
mod scope;
mod slicing;
mod walk;

pub use amendments::{Amendment, Amendments};
pub use checker::{Checker, Request};
pub use report::{Question, Report};
