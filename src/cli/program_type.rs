//! The type of a program, as the command line names it.

use crate::error::Error;
use crate::fhir::Key;
use crate::fhir::nearest_name::nearest;

/// There is no such type: which one is likely meant, and which there are.
pub(super) fn unknown_program_type(kind: &str, known: &[&str]) -> Error {
    let meant = nearest(kind, known.iter().copied());
    let meant = meant.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
    Error::usage(Key::Parameter, format!("there is no program type {kind}{meant}; there are {}", known.join(", ")))
}
