//! Where a store is: what `--store` names.

use std::fmt;
use std::path::PathBuf;

use super::postgres::DatabaseUrl;
use crate::error::{Error, Result};
use crate::fhir::Key;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StorePlace {
    /// In a file
    Sqlite(PathBuf),
    /// In a PostgreSQL database
    Postgres(Box<DatabaseUrl>),
}

impl StorePlace {
    /// Reads `sqlite:PATH` or `postgres://...`.
    ///
    /// # Errors
    /// If it is neither. What is said of a URL names no password.
    pub fn parse(text: &str) -> Result<Self> {
        if DatabaseUrl::is_one(text) {
            return Ok(Self::Postgres(Box::new(DatabaseUrl::parse(text)?)));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            _ => Err(Error::usage(
                Key::Parameter,
                "the store cannot be understood; expected sqlite: and the path of a file, as sqlite:handoff.db, or \
                 postgres:// and where the database is",
            )),
        }
    }
}

impl fmt::Display for StorePlace {
    /// Without who connects.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}
