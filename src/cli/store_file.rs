//! The store that a command works on: what a flag names, else the environment, else the settings file.

use std::path::PathBuf;

use crate::app::{Options, Settings};
use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StorePlace};

/// The store that a command works on.
#[derive(Debug, clap::Args)]
pub struct StoreFile {
    /// The store that it works on [default: that of the settings file, else sqlite:handoff.db]
    #[arg(
        id = "store",
        long = "store",
        global = true,
        env = "HANDOFF_STORE",
        hide_env_values = true,
        value_name = "URL",
        value_parser = url
    )]
    named: Option<String>,
    /// Settings file [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl StoreFile {
    /// Where it is, if it is a file.
    ///
    /// # Errors
    /// A settings file that cannot be read; a store that is in PostgreSQL.
    pub(super) fn path(&self) -> Result<PathBuf> {
        file_of(&self.settings(Options::default())?.store).cloned()
    }

    /// Opens it to administer it. Clients are read and changed, resources are read.
    ///
    /// # Errors
    /// A settings file that cannot be read, or a store that cannot be used.
    pub(super) async fn open(&self) -> Result<Box<dyn Store>> {
        let settings = self.settings(Options::default())?;
        match &settings.store {
            StorePlace::Sqlite(path) => Ok(Box::new(SqliteStore::open_for_clients(path)?)),
            StorePlace::Postgres(url) => {
                Ok(Box::new(PostgresStore::open_for_clients(url, &settings.search_parameters()?).await?))
            }
        }
    }

    /// As [`StoreFile::open`]: to look into one that is not there would make an empty one.
    ///
    /// # Errors
    /// As [`StoreFile::open`]; and where a file is not there.
    pub(super) async fn open_existing(&self) -> Result<Box<dyn Store>> {
        match self.settings(Options::default())?.store {
            StorePlace::Sqlite(path) if !path.exists() => {
                Err(Error::not_found(format!("the store sqlite:{}", path.display())))
            }
            _ => self.open().await,
        }
    }

    /// The settings with which a gateway would serve it.
    ///
    /// # Errors
    /// A settings file that cannot be read, or a value in it that cannot be used.
    pub(super) fn settings(&self, named: Options) -> Result<Settings> {
        let named = Options { store: self.named.clone(), ..named };
        named.with_defaults_from(Options::load(self.config.as_deref())?).into_settings()
    }
}

/// The file that a store is in.
///
/// # Errors
/// If it is in PostgreSQL.
pub(super) fn file_of(place: &StorePlace) -> Result<&PathBuf> {
    match place {
        StorePlace::Sqlite(path) => Ok(path),
        StorePlace::Postgres(url) => {
            let message =
                format!("{url} is no file; PostgreSQL is backed up and restored by pg_basebackup and its log");
            Err(Error::usage(Key::Parameter, message))
        }
    }
}

/// The URL of a store, as it is written.
fn url(text: &str) -> Result<String> {
    StorePlace::parse(text).map(|_| text.to_owned())
}
