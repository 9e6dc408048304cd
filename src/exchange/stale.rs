//! The refusal of a change that was made from an older version than the newest, or whose conditions rule it out.

use crate::error::{Category, Error, Result};
use crate::fhir::precondition::{ConditionResult, Validators};
use crate::fhir::{Issue, Key, Preconditions, ResourceKey};

/// The version that a change is based on is not the newest.
pub(super) fn stale(key: &ResourceKey, newest: u64) -> Error {
    let text = format!("{key} has version {newest}; the change is based on another one");
    Error::new(Category::Precondition, Issue::error(Key::StaleVersion, "", text))
}

/// Refuses a change of what stands so, unless its conditions hold.
///
/// # Errors
/// Those that do not, and those that cannot be told.
pub(super) fn check(conditions: &Preconditions, key: &ResourceKey, found: Validators) -> Result<()> {
    match conditions.of_change(found) {
        ConditionResult::Holds => Ok(()),
        ConditionResult::Unknowable => {
            let text = format!("{key} has no time here that If-Unmodified-Since could be held against");
            let issue = Issue::error(Key::Parameter, "", text).hint("send If-Match with the ETag that you read");
            Err(Error::new(Category::Incorrect, issue))
        }
        ConditionResult::Fails | ConditionResult::NotModified => match found.version {
            Some(newest) if conditions.is_version.is_some() => Err(stale(key, newest)),
            newest => {
                let version = newest.map_or_else(String::new, |newest| format!(" with version {newest}"));
                let text = format!("{key} stands{version}, which the conditions of the request rule out");
                Err(Error::new(Category::Precondition, Issue::error(Key::StaleVersion, "", text)))
            }
        },
    }
}
