//! Where the log goes: standard error, as lines for people or as JSON. What is logged never names a person; that is the
//! business of whoever logs. Here it is seen to that a panic does not either.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, registry};

use crate::error::{Error, Result};

use super::settings::{LogFormat, Settings};
#[cfg(feature = "opentelemetry")]
use super::traces::Traces;

/// What is logged until this is dropped goes where the settings have it.
#[must_use]
pub struct Log {
    #[cfg(feature = "opentelemetry")]
    _traces: Option<Traces>,
}

/// Starts logging, for the whole process, and sending traces where the settings name a collector. Not to be called where
/// futures run.
///
/// # Errors
/// Directives that cannot be read; a collector that nothing can be sent to.
pub fn start(settings: &Settings) -> Result<Log> {
    let filter = EnvFilter::try_new(&settings.log_level)
        .map_err(|error| Error::setting("log-level", format!("log-level cannot be read: {error}")))?;
    let lines = lines(settings.log);
    #[cfg(not(feature = "opentelemetry"))]
    let (log, started) = (Log {}, registry().with(lines).with(filter).try_init());
    #[cfg(feature = "opentelemetry")]
    let (log, started) = match settings.traces.as_deref().map(Traces::start).transpose()? {
        None => (Log { _traces: None }, registry().with(lines).with(filter).try_init()),
        // A trace is whole, whatever is logged of it.
        Some(traces) => {
            let started = registry().with(lines.with_filter(filter)).with(traces.layer()).try_init();
            (Log { _traces: Some(traces) }, started)
        }
    };
    started.map_err(|error| Error::fault(format!("cannot start the log: {error}")))?;
    // The message of a panic may quote what was being worked on, which may be about a person. The place is enough.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a thread panicked");
    }));
    Ok(log)
}

/// Says in the log, as JSON, why the gateway has ended, be it before the log was started.
pub fn tell_end(error: &Error) {
    let tell = || tracing::error!(%error, "the gateway has ended");
    if tracing::dispatcher::has_been_set() {
        return tell();
    }
    tracing::subscriber::with_default(registry().with(lines(LogFormat::Json)), tell);
}

/// What writes lines of this format.
fn lines(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).boxed(),
    }
}
