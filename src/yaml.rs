//! Layer 0: data files in YAML, each value with its place: how they are read, and how a finding about one names it.
//!
//! Shape only. What the words mean is the business of whoever reads the file.

use serde::de::DeserializeOwned;
use serde_saphyr::Location;

use crate::fhir::{Issue, Key, SourcePosition};

/// Reads a file of this shape; `file` is what findings call it.
///
/// # Errors
/// What does not fit, with its place.
pub fn read<T: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<T, Box<Issue>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Box::new(Issue::error(Key::MapInvalid, file, "the file is not UTF-8")))?;
    serde_saphyr::from_str(text).map_err(|error| {
        // The parser's own text names the place once more; the issue carries it.
        let message = error.without_snippet().to_string();
        let line = message.lines().next().unwrap_or_default();
        let line = line.split(" at line ").next().unwrap_or(line);
        let issue = Issue::error(Key::MapInvalid, file, line.strip_prefix("error: ").unwrap_or(line));
        Box::new(issue.maybe_at(error.location().and_then(|at| SourcePosition::counted(at.line(), at.column()))))
    })
}

/// A finding about this place of a file.
pub fn issue(file: &str, at: Location, text: impl Into<String>) -> Issue {
    Issue::error(Key::MapInvalid, file, text).maybe_at(SourcePosition::counted(at.line(), at.column()))
}
