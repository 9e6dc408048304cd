//! What a failure of a database means for those who write: whether it is the database that fails, and whether for good.

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

/// Does the database itself fail, whatever was to be written?
pub(super) fn is_of_store(error: &Error) -> bool {
    error.issues.first().is_some_and(|issue| {
        matches!(
            issue.key,
            Key::StoreFull
                | Key::StoreUnusable
                | Key::StoreUnreachable
                | Key::StoreDamaged
                | Key::StoreSchema
                | Key::StoreStopped
        )
    })
}

/// Will it fail for as long as this process has it open?
pub(super) fn is_for_good(error: &Error) -> bool {
    let key = error.issues.first().map(|issue| issue.key);
    matches!(key, Some(Key::StoreDamaged | Key::StoreSchema | Key::StoreStopped))
}

/// The writer has stopped: nothing more is stored by this process.
pub(super) fn stopped(why: &str) -> Error {
    let text = format!("{why}, so the gateway stores nothing more until it is started anew");
    Error::new(Category::Busy, Issue::error(Key::StoreStopped, "", text))
}

/// Another version of the program has changed the database beside this one.
pub(super) fn superseded(what: &str) -> Error {
    let text = format!(
        "another version of handoff has changed {what}; this process stores nothing more and has to be stopped"
    );
    Error::new(Category::Busy, Issue::error(Key::StoreSchema, "", text))
}
