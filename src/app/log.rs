//! Where the log goes: standard error, as lines for people or as JSON. What is logged never names a person; that is the
//! business of whoever logs. Here it is seen to that a panic does not either.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

use super::settings::{LogFormat, Settings};

/// Starts logging, for the whole process.
///
/// # Errors
/// Directives that cannot be read.
pub fn start(settings: &Settings) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.log_level).map_err(|error| {
        let text = format!("log-level cannot be read: {error}");
        Error::new(Category::Usage, Issue::error(Key::SettingInvalid, "log-level", text))
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = match settings.log {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).try_init(),
    };
    started.map_err(|error| Error::fault(format!("cannot start the log: {error}")))?;
    // The message of a panic may quote what was being worked on, which may be about a person. The place is enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked");
    }));
    Ok(())
}
