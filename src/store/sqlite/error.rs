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
