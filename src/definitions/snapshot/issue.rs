//! Why a snapshot cannot be made, as the issue that says so.

use crate::definitions::structure::Structure;
use crate::definitions::view::View;
use crate::fhir::{Issue, Key};

/// Says why the structure that is wanted cannot be had.
pub(super) fn missing(view: View<'_>, canonical: &str) -> String {
    if let Some(issue) = view.structure_issue(canonical) {
        return format!("it builds on {canonical}, and {}", issue.text);
    }
    match view.nearest_structure(canonical).and_then(|found| found.definition.version.clone()) {
        Some(other) => format!("it builds on {canonical}, of which only version {other} is at hand"),
        None => format!("it builds on {canonical}, which is not at hand"),
    }
}

/// The issue that `structure` cannot be used, at this element of it.
pub(super) fn unusable(structure: &Structure, element: &str, why: impl std::fmt::Display) -> Issue {
    Issue::error(Key::DefinitionInvalid, element, format!("{} cannot be used: {why}", structure.url))
}
