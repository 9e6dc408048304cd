//! What a failure of the database is to the rest of the program.

use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

impl From<rusqlite::Error> for Error {
    /// The database's own words name tables and columns, never values.
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => {
                Self::new(Category::Busy, Issue::error(Key::Busy, "", "the database is held by another process"))
            }
            _ => Self::fault(format!("the database failed: {error}")),
        }
    }
}
