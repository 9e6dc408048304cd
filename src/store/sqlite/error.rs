//! What a failure of the database is to the rest of the program.

use rusqlite::ErrorCode;

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

impl From<rusqlite::Error> for Error {
    /// The database's own words name tables and columns, never values.
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, FileLockingProtocolFailed,
            NoLargeFileSupport, NotADatabase, OperationInterrupted, PermissionDenied, ReadOnly, SystemIoFailure,
        };
        let (key, text) = match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => (Key::Busy, "the database is held by another process".to_owned()),
            Some(DiskFull) => (
                Key::StoreFull,
                "the disk of the database is full, so nothing of this was stored; make room".to_owned(),
            ),
            Some(DatabaseCorrupt | NotADatabase) => {
                (Key::StoreDamaged, "the database is damaged; restore a backup".to_owned())
            }
            Some(OperationInterrupted) => {
                let text = "to answer this, more of the database had to be looked at than may be (limit search-steps)";
                return Self::refused(Key::SearchCostly, "", text);
            }
            Some(ReadOnly | PermissionDenied) => {
                (Key::StoreUnusable, "the database can be read only, so nothing of this was stored".to_owned())
            }
            Some(SystemIoFailure | CannotOpen | FileLockingProtocolFailed | NoLargeFileSupport) => {
                (Key::StoreUnusable, format!("the disk or the file of the database fails: {error}"))
            }
            _ => return Self::fault(format!("the database failed: {error}")),
        };
        Self::new(Category::Busy, Issue::error(key, "", text))
    }
}

/// Does the database itself fail, whatever was to be written?
pub(super) fn is_of_store(error: &Error) -> bool {
    error.issues.first().is_some_and(|issue| {
        matches!(
            issue.key,
            Key::StoreFull | Key::StoreUnusable | Key::StoreDamaged | Key::StoreSchema | Key::StoreStopped
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
