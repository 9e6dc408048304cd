//! The store that a command works on, as the command line names it.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::fhir::Key;

/// The store that a command works on.
#[derive(Debug, clap::Args)]
pub struct StoreFile {
    /// The store that it works on
    #[arg(
        id = "store",
        long = "store",
        global = true,
        env = "HANDOFF_STORE",
        hide_env_values = true,
        default_value = "sqlite:handoff.db",
        value_name = "sqlite:PATH",
        value_parser = file
    )]
    pub path: PathBuf,
}

/// A store that is one file.
fn file(text: &str) -> Result<PathBuf> {
    let path = text.strip_prefix("sqlite:").filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| Error::incorrect(Key::Parameter, "expected sqlite: and the path of a file"))
}
