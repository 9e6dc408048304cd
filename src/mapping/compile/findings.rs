//! What is wrong with a map, each finding once.

use serde_saphyr::Location;

use crate::fhir::{Issue, Key};

use super::super::source;

/// What is wrong.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Issue>);

impl Findings {
    /// Something is wrong at this place of this file.
    pub(super) fn add(&mut self, file: &str, at: Location, message: impl Into<String>, fix: impl Into<String>) {
        let issue = Issue::error(Key::MapInvalid, file, message).at(source::position(at)).hint(fix.into());
        if !self.0.contains(&issue) {
            self.0.push(issue);
        }
    }
}
