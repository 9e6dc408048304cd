//! Reading the data files of this layer, each value with its place.

use serde::de::DeserializeOwned;
use serde_saphyr::Location;

use crate::fhir::{Issue, Key, Place};

/// Reads a file of this shape; `file` is what findings call it.
///
/// # Errors
/// What does not fit, with its place.
pub(super) fn read<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Box<Issue>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Box::new(Issue::error(Key::MapInvalid, file, "the file is not UTF-8")))?;
    serde_saphyr::from_str(text).map_err(|error| {
        // The parser's own text names the place once more; the issue carries it.
        let said = error.without_snippet().to_string();
        let issue = Issue::error(Key::MapInvalid, file, said.lines().next().unwrap_or_default());
        Box::new(issue.maybe_at(error.location().and_then(|at| Place::counted(at.line(), at.column()))))
    })
}

/// A finding about this place of a file.
pub(super) fn issue(file: &str, at: Location, text: impl Into<String>) -> Issue {
    Issue::error(Key::MapInvalid, file, text).maybe_at(Place::counted(at.line(), at.column()))
}
