//! Layer 2: the check of a resource against the definitions of FHIR (<https://hl7.org/fhir/R4/validation.html>).
//!
//! ```text
//! checker, request, report     the face: what is asked for, what was found, what is left open
//! walk                         once through the document, from rule to rule
//! compile, schema, schemas     definitions and profiles, merged element by element into what a walk reads
//! rules/                       one a file; each can say what it demands
//! questionnaire/               answers against their form
//! slicing/                     telling repetitions apart, by discriminators compiled with the profile
//! context, conformance, scope  what a rule sees: where findings go, does something meet a profile, where references lead
//! finding, findings            what was found, which gets path and position at the end
//! definition, registry, part   what is compiled, and the numbers of schemas
//! amendments                   what the rules of guides mean where they do not say it
//! ```
//! Each line uses those below it; only the rules about the form of objects, and the sorting into slices, read the schema.
//! No rule knows the walk: where what it looks at has to meet a profile, it asks the context, which has that walked through
//! by a trait object (`context::Walker`), the one call of that kind.
//!
//! Nothing here knows where definitions or documents come from, or asks anybody for what is not at hand.

mod amendments;
mod append_only_table;
mod bundle_entries;
mod checker;
mod compile;
mod conformance;
mod conformance_cache;
mod context;
mod counts;
mod definition;
mod finding;
mod findings;
mod name_table;
mod part;
mod questionnaire;
mod registry;
mod report;
mod request;
mod rules;
mod schema;
mod schemas;
mod scope;

mod slicing;
mod walk;

pub use amendments::{Amendment, Amendments};
pub use checker::Checker;
pub use report::{Question, Report};
pub use request::Request;
