//! What a failure of the database is to the rest of the program.

use std::error::Error as StdError;
use std::io;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

impl From<tokio_postgres::Error> for Error {
    /// The database's own message names tables and columns; what may hold values (its detail) is left out.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(database) = error.as_db_error() else {
            return if is_of_connection(&error) {
                unreachable(&words(&error))
            } else {
                Self::fault(format!("the database failed: {}", words(&error)))
            };
        };
        let (code, message) = (database.code(), database.message());
        let (key, text) = match code.code() {
            "53100" => (
                Key::StoreFull,
                "the disk of the database is full, so nothing of this was stored; make room".to_owned(),
            ),
            "XX001" | "XX002" => (Key::StoreDamaged, "the database is damaged; restore a backup".to_owned()),
            // What is read is ended by its time; a lock is not waited for without end.
            "57014" => {
                let text = "to answer this, the database had to work longer than it may";
                return Self::refused(Key::SearchCostly, "", text);
            }
            "25006" => return is_standby(),
            "42501" => (Key::StoreUnusable, format!("the database does not allow what is needed: {message}")),
            code if code.starts_with("28") => {
                (Key::StoreUnusable, format!("the database does not let this gateway in: {message}"))
            }
            "3D000" => (Key::StoreUnusable, format!("there is no such database: {message}")),
            // Who may not connect now, and who was told to go: it comes back.
            code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
                return unreachable(message);
            }
            "40001" | "40P01" | "55P03" => (Key::Busy, "the database is held by another process".to_owned()),
            code => return Self::fault(format!("the database failed: {message} ({code})")),
        };
        Self::new(Category::Busy, Issue::error(key, "", text))
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            PoolError::Timeout(_) => {
                let text = "no connection to the database became free in time";
                Self::new(Category::Busy, Issue::error(Key::Busy, "", text))
            }
            other => Self::fault(format!("the connections to the database failed: {other}")),
        }
    }
}

/// The database cannot be reached now.
pub(super) fn unreachable(why: &str) -> Error {
    Error::new(
        Category::Busy,
        Issue::error(Key::StoreUnreachable, "", format!("the database cannot be reached: {why}")),
    )
}

/// Could the database not be reached, or was its connection lost?
pub(super) fn is_unreachable(error: &Error) -> bool {
    error.issues.first().is_some_and(|issue| issue.key == Key::StoreUnreachable)
}

/// The database is a standby, which takes no writes.
pub(super) fn is_standby() -> Error {
    let text = "the database can be read only (a standby is not promoted yet), so nothing of this was stored";
    Error::new(Category::Busy, Issue::error(Key::StoreUnusable, "", text))
}

/// Was the connection lost, or could not be made?
pub(super) fn is_of_connection(error: &tokio_postgres::Error) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(one) = cause {
        if one.is::<io::Error>() || one.is::<rustls::Error>() {
            return true;
        }
        cause = one.source();
    }
    // Their kinds are told by their words alone.
    let words = words(error);
    error.is_closed()
        || error.code() == Some(&SqlState::ADMIN_SHUTDOWN)
        || ["timed out", "TLS handshake"].iter().any(|of_connection| words.contains(of_connection))
}

/// What an error says with its causes.
fn words(error: &dyn StdError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", words(source)),
        None => error.to_string(),
    }
}
