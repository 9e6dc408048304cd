//! The refusal of a change that was made from an older version than the newest.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key, ResourceKey};

/// The version that a change is based on is not the newest.
pub(super) fn stale(key: &ResourceKey, newest: u64) -> Error {
    let text = format!("{key} has version {newest}; the change is based on another one");
    Error::new(Category::Precondition, Issue::error(Key::StaleVersion, "", text))
}
