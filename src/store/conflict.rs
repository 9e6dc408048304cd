//! A commit that is refused because another one was faster: how the error is made, and how it is read.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key, ResourceKey};

/// The resource that stood in the way of a commit: the match of a conditional create, or the resource that another
/// commit changed meanwhile. Nothing where the conflict is about an idempotency key, or the error is no conflict.
pub fn conflicting(error: &Error) -> Option<ResourceKey> {
    if error.category != Category::Conflict {
        return None;
    }
    error.issues.first().and_then(|issue| ResourceKey::parse(&issue.path))
}

/// Another commit was faster. The path names the resource, see [`conflicting`].
pub(super) fn conflict(key: Option<&ResourceKey>, message: impl Into<String>) -> Error {
    let path = key.map(ToString::to_string).unwrap_or_default();
    Error::new(Category::Conflict, Issue::error(Key::Conflict, path, message))
}

/// Another version than the one expected is the newest; 0 for none.
pub(super) fn stale(key: &ResourceKey, found: u64, expected: u64) -> Error {
    let version = |number: u64| if number == 0 { "none".to_owned() } else { format!("version {number}") };
    let message = format!("{key} was changed meanwhile: expected {}, found {}", version(expected), version(found));
    conflict(Some(key), message)
}

/// Something else is shared through a Task, or with others, than what a share was made from.
pub(super) fn changed_sharing(task: &ResourceKey) -> Error {
    conflict(Some(task), format!("what is shared of {task}, or with whom, was changed meanwhile"))
}

/// The idempotency key was used by another request meanwhile.
pub(super) fn used_key() -> Error {
    conflict(None, "this idempotency key was used by another request meanwhile")
}

/// A version that a plan replaces was not there yet when its index rows were made.
pub(super) fn unread(key: &ResourceKey) -> Error {
    conflict(Some(key), format!("{key} was changed before this change was ready"))
}

/// A conditional create finds what is there already.
pub(super) fn matched(found: &ResourceKey) -> Error {
    conflict(Some(found), format!("{found} matches the condition of this create"))
}
