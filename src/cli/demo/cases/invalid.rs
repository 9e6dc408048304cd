//! The refusal of a case that cannot be understood.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

/// The case itself is wrong.
pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Category::Incorrect, Issue::error(Key::CaseInvalid, "", message.into()))
}
