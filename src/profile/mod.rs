//! Layer 2: the check of a resource against the definitions of FHIR (<https://hl7.org/fhir/R4/validation.html>).
//!
//! ```text
//! checker, report            the face: what is asked for, what was found, what is left open
//! compile, schema, schemas   definitions and profiles, merged element by element into what a walk reads
//! walk, scope                once through the document; where references lead from each place
//! slicing/                   telling repetitions apart, by discriminators compiled with the profile
//! rules/                     one a file; each can say what it demands
//! conforms                   does what a reference leads to meet a profile
//! questionnaire/             answers against their form
//! amendments                 what the rules of guides mean where they do not say it
//! findings                   what was found, which gets path and place at the end
//! ```
//! Nothing here knows where definitions or documents come from, or asks anybody for what is not at hand.

mod amendments;
mod bundle_entries;
mod checker;
mod compile;
mod conformance_cache;
mod conforms;
mod definition;
mod finding;
mod findings;
mod locator;
mod names;
mod part;
mod questionnaire;
mod registry;
mod report;
mod request;
mod rules;
mod schema;
mod schemas;
mod scope;
mod shelves;
mod slicing;
mod walk;

pub use amendments::{Amendment, Amendments};
pub use checker::Checker;
pub use report::{Question, Report};
pub use request::Request;
