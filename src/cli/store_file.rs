//! The store that a command works on: what a flag names, else the environment, else the settings file.

use std::path::PathBuf;

use crate::app::{Options, Settings};
use crate::error::{Error, Result};
use crate::fhir::Key;

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
        value_name = "sqlite:PATH",
        value_parser = file
    )]
    named: Option<String>,
    /// Settings file [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

impl StoreFile {
    /// Where it is.
    ///
    /// # Errors
    /// A settings file that cannot be read.
    pub(super) fn path(&self) -> Result<PathBuf> {
        Ok(self.settings(Options::default())?.store)
    }

    /// Where it is, if it is there: to look into one that is not there would make an empty one.
    ///
    /// # Errors
    /// As [`StoreFile::path`]; and where it is not there.
    pub(super) fn existing_path(&self) -> Result<PathBuf> {
        let path = self.path()?;
        if path.exists() {
            return Ok(path);
        }
        Err(Error::not_found(format!("the store sqlite:{}", path.display())))
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

/// A store that is one file.
fn file(text: &str) -> Result<String> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => Ok(text.to_owned()),
        _ => Err(Error::incorrect(Key::Parameter, "expected sqlite: and the path of a file")),
    }
}
