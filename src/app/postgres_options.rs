//! How a gateway uses a database of PostgreSQL, as it is set: the group `[postgres]` of the settings file, flags and variables of the
//! environment. Of a store in a file nothing of it is asked.
//!
//! `[postgres] readers = 4`, `--postgres-readers 4` and `HANDOFF_POSTGRES_READERS=4` are the same.

use std::time::Duration;

use serde::Deserialize;

use crate::error::Result;
use crate::store::postgres::DatabaseLimits;

use super::limit_options::{number, seconds, set};

/// The longest time that the database can be told.
const MAX_STATEMENT: Duration = Duration::from_millis(i32::MAX as u64);

/// What is set of it; what is absent is left to the next source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[command(next_help_heading = "PostgreSQL")]
pub struct PostgresOptions {
    /// Connections that read; a gateway has two more, of which one writes and one listens [default: 8]
    #[arg(long = "postgres-readers", env = "HANDOFF_POSTGRES_READERS", value_name = "NUMBER")]
    pub readers: Option<u32>,
    /// How long it may take to make a connection, where the URL does not say connect_timeout [default: 5]
    #[arg(long = "postgres-connect-seconds", env = "HANDOFF_POSTGRES_CONNECT_SECONDS", value_name = "NUMBER")]
    pub connect_seconds: Option<u32>,
    /// How long a request may wait for a connection that is free [default: 10]
    #[arg(long = "postgres-wait-seconds", env = "HANDOFF_POSTGRES_WAIT_SECONDS", value_name = "NUMBER")]
    pub wait_seconds: Option<u32>,
    /// How long one statement of a read may take; a search that needs longer is refused [default: 5]
    #[arg(long = "postgres-read-seconds", env = "HANDOFF_POSTGRES_READ_SECONDS", value_name = "NUMBER")]
    pub read_seconds: Option<u32>,
    /// How long one statement of a commit may take [default: 60]
    #[arg(long = "postgres-write-seconds", env = "HANDOFF_POSTGRES_WRITE_SECONDS", value_name = "NUMBER")]
    pub write_seconds: Option<u32>,
    /// How long the search index of a version is kept that no gateway uses any more [default: 24]
    #[arg(long = "postgres-index-hours", env = "HANDOFF_POSTGRES_INDEX_HOURS", value_name = "NUMBER")]
    pub index_hours: Option<u32>,
}

impl PostgresOptions {
    /// These, and where they are silent, those of `other`.
    #[must_use]
    pub fn with_defaults_from(self, other: Self) -> Self {
        Self {
            readers: self.readers.or(other.readers),
            connect_seconds: self.connect_seconds.or(other.connect_seconds),
            wait_seconds: self.wait_seconds.or(other.wait_seconds),
            read_seconds: self.read_seconds.or(other.read_seconds),
            write_seconds: self.write_seconds.or(other.write_seconds),
            index_hours: self.index_hours.or(other.index_hours),
        }
    }

    /// Decides what was left open.
    ///
    /// # Errors
    /// A limit of nothing, under which nobody could be served.
    pub(super) fn into_limits(self) -> Result<DatabaseLimits> {
        let DatabaseLimits { readers, connect, wait, read, write, index_kept } = DatabaseLimits::default();
        let hours = set("index-hours", self.index_hours)?;
        Ok(DatabaseLimits {
            readers: number("readers", self.readers, readers)?,
            connect: seconds("connect-seconds", self.connect_seconds, connect)?,
            wait: seconds("wait-seconds", self.wait_seconds, wait)?,
            read: seconds("read-seconds", self.read_seconds, read)?.min(MAX_STATEMENT),
            write: seconds("write-seconds", self.write_seconds, write)?.min(MAX_STATEMENT),
            index_kept: hours.map_or(index_kept, |hours| Duration::from_hours(hours.into())),
        })
    }
}
