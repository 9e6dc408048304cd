//! `handoff serve`: the gateway, until it is told to stop (Ctrl-C, or SIGTERM).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::streams::{Exit, Streams, unwritable};
use crate::app::settings::LogFormat;
use crate::app::{self, App, Listeners, Options, RandomIds, Settings, WallClock, stop_signal};
use crate::error::{Error, Result};

/// What `serve` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings file [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Whoever reads the log as JSON is told there too why the gateway did not start, or ended: standard error holds nothing else.
pub(super) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let mut log = args.options.log;
    let ended = start(args, &mut log, streams);
    if let (Err(error), Some(LogFormat::Json)) = (&ended, log) {
        app::log::tell_end(error);
        return Ok(Exit::of(error));
    }
    ended
}

/// Serves; `log` becomes how the log is written as soon as that is known.
fn start(args: &Args, log: &mut Option<LogFormat>, streams: &mut Streams<'_>) -> Result<Exit> {
    let options = args.options.clone().with_defaults_from(Options::load(args.config.as_deref())?);
    *log = options.log;
    let settings = options.into_settings()?;
    // Until the end: what is logged last is sent last.
    let _log = app::log::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::fault(format!("cannot start: {error}")))?;
    runtime.block_on(serve(settings, streams))?;
    Ok(Exit::Done)
}

async fn serve(settings: Settings, streams: &mut Streams<'_>) -> Result<()> {
    let (api, address) = bind(settings.listen).await?;
    let operations = match settings.operations_listen {
        Some(listen) => Some(bind(listen).await?),
        None => None,
    };
    let settings = settings.with_default_base(address);
    let log = settings.log;
    let app = App::open(settings, Arc::new(WallClock), Arc::new(RandomIds)).await?;
    warn_missing_setup(&app).await?;
    let (operations, operators) = operations.unzip();
    match log {
        LogFormat::Text => tell_addresses(address, operators, streams)?,
        LogFormat::Json => {
            let operators = operators.map(|address| tracing::field::display(format!("http://{address}")));
            tracing::info!(api = format!("http://{address}"), operators, "listening");
        }
    }
    app::run(Listeners { api, operations }, &app, stop_signal()).await
}

fn tell_addresses(api: SocketAddr, operators: Option<SocketAddr>, streams: &mut Streams<'_>) -> Result<()> {
    writeln!(streams.out, "listening on http://{api} (FHIR under /fhir, agencies under /agency/v1)")
        .map_err(unwritable)?;
    if let Some(address) = operators {
        writeln!(streams.out, "operators on http://{address} (/metrics, /readyz)").map_err(unwritable)?;
    }
    streams.out.flush().map_err(unwritable)
}

/// Listens there, and says where: a port 0 is one that the system picks.
async fn bind(listen: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let unusable = |error: std::io::Error| Error::unreachable(format!("cannot listen on {listen}: {error}"));
    let listener = TcpListener::bind(listen).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok((listener, address))
}

/// Says what a new gateway still lacks.
async fn warn_missing_setup(app: &App) -> Result<()> {
    if app.settings().base.is_none() {
        tracing::warn!("no base is set, so references by absolute URL are not known as references to this gateway");
    }
    if app.store.clients().await?.iter().all(|client| client.revoked.is_some()) {
        tracing::warn!("nobody is let in yet; add clients with: handoff client add");
    }
    if *app.store.directory_version().borrow() == 0 {
        tracing::warn!("the directory is empty, so no referral finds a program; load organizations and programs");
    }
    Ok(())
}
