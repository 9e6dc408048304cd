//! The folders of packages and of program types that a command uses: what a flag names, else the environment, else the
//! settings file.

use std::path::{Path, PathBuf};

use crate::error::Result;

use super::packages::{DEFAULT_PACKAGES, Packages};
use super::program_type_folders::ProgramTypeFolders;
use super::settings::Options;

impl Packages {
    /// Those of the folder that a flag or HANDOFF_PACKAGES names, or the settings file, or else of the usual one.
    ///
    /// # Errors
    /// A settings file that cannot be read.
    pub fn configured(named: Option<&Path>, config: Option<&Path>) -> Result<Self> {
        let folder = configured_folder(named, "HANDOFF_PACKAGES", config, |options| options.packages)?;
        Ok(folder.map_or_else(|| Self::at(DEFAULT_PACKAGES), Self::named))
    }
}

impl ProgramTypeFolders {
    /// With the folder that a flag or HANDOFF_PROGRAMS names, or the settings file.
    ///
    /// # Errors
    /// A settings file that cannot be read.
    pub fn configured(named: Option<&Path>, config: Option<&Path>) -> Result<Self> {
        Ok(Self::at(configured_folder(named, "HANDOFF_PROGRAMS", config, |options| options.programs)?))
    }
}

/// The folder that a flag names, else this variable of the environment, else the settings file. The file is read only
/// where neither of the others says it.
fn configured_folder(
    named: Option<&Path>,
    variable: &str,
    config: Option<&Path>,
    in_file: fn(Options) -> Option<PathBuf>,
) -> Result<Option<PathBuf>> {
    let environment = || std::env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
    match named.map(Path::to_owned).or_else(environment) {
        Some(folder) => Ok(Some(folder)),
        None => Ok(in_file(Options::load(config)?)),
    }
}
