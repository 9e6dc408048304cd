//! What a command is told that starts a gateway, or looks whether it would start.

use std::path::PathBuf;

use crate::app::Options;
use crate::error::Result;

/// The settings file, and what is set beside it.
#[derive(Debug, clap::Args)]
pub struct GatewayArgs {
    /// Settings file [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    pub(super) options: Options,
}

impl GatewayArgs {
    /// What is set here and, where it is not, in the file.
    pub(super) fn with_file(&self) -> Result<Options> {
        Ok(self.options.clone().with_defaults_from(Options::load(self.config.as_deref())?))
    }
}
