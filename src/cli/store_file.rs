//! The store that a command works on, as the command line names it.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::fhir::Key;

/// A store that is one file.
pub(super) fn file(text: &str) -> Result<PathBuf> {
    let path = text.strip_prefix("sqlite:").filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| Error::incorrect(Key::Parameter, "expected sqlite: and the path of a file"))
}
