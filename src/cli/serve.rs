//! `handoff serve`: the gateway, until it is told to stop (Ctrl-C, or SIGTERM).

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::gateway_args::GatewayArgs;
use super::setup_remarks;
use super::streams::{Exit, Streams, unwritable};
use crate::app::settings::LogFormat;
use crate::app::{self, App, ListenAddress, Listeners, RandomIds, Settings, WallClock, exposure, stop_signal};
use crate::error::{Error, Result};

/// What `serve` is told.
pub type Args = GatewayArgs;

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
    let options = args.with_file()?;
    *log = options.log;
    let settings = options.into_settings()?;
    settings.require_shared_base()?;
    // Until the end: what is logged last is sent last.
    let _log = app::log::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::fault(format!("cannot start: {error}")))?;
    runtime.block_on(serve(settings, streams))?;
    Ok(Exit::Done)
}

async fn serve(settings: Settings, streams: &mut Streams<'_>) -> Result<()> {
    let api = settings.listen.bind().await?;
    let operations = match &settings.operations_listen {
        Some(listen) => listen.bind().await?,
        None => Vec::new(),
    };
    for remark in exposure::remarks(&settings, &addresses(&api), &addresses(&operations)) {
        tracing::warn!("{remark}");
    }
    let listened = with_port(&settings.listen, &api);
    let (of_clients, log) = (format!("{}://{listened}", settings.scheme()), settings.log);
    let of_operators = settings.operations_listen.as_ref();
    let of_operators = of_operators.map(|listen| format!("http://{}", with_port(listen, &operations)));
    let settings = settings.with_default_base(&listened);
    let app = App::open(settings, Arc::new(WallClock), Arc::new(RandomIds)).await?;
    warn_missing_setup(&app).await?;
    match log {
        LogFormat::Text => tell_addresses(&of_clients, of_operators.as_deref(), streams)?,
        LogFormat::Json => tracing::info!(api = of_clients, operators = of_operators, "listening"),
    }
    let sockets = |bound: Vec<(TcpListener, SocketAddr)>| bound.into_iter().map(|(listener, _)| listener).collect();
    app::run(Listeners { api: sockets(api), operations: sockets(operations) }, &app, stop_signal()).await
}

fn tell_addresses(api: &str, operators: Option<&str>, streams: &mut Streams<'_>) -> Result<()> {
    writeln!(streams.out, "listening on {api} (FHIR under /fhir, agencies under /agency/v1)").map_err(unwritable)?;
    if let Some(address) = operators {
        writeln!(streams.out, "operators on {address} (/metrics, /readyz)").map_err(unwritable)?;
    }
    streams.out.flush().map_err(unwritable)
}

/// The addresses that are listened on.
pub(super) fn addresses(bound: &[(TcpListener, SocketAddr)]) -> Vec<SocketAddr> {
    bound.iter().map(|(_, address)| *address).collect()
}

/// Where is listened in the end: a port 0 is one that the system picks.
fn with_port(listen: &ListenAddress, bound: &[(TcpListener, SocketAddr)]) -> ListenAddress {
    bound.first().map_or_else(|| listen.clone(), |(_, address)| listen.at_port(address.port()))
}

/// Says what a new gateway still lacks.
async fn warn_missing_setup(app: &App) -> Result<()> {
    if app.settings().base.is_none() {
        tracing::warn!("no base is set, so references by absolute URL are not known as references to this gateway");
    }
    for remark in setup_remarks::of_clients(app.settings(), &app.store.clients().await?) {
        tracing::warn!("{remark}");
    }
    if *app.store.directory_version().borrow() == 0 {
        tracing::warn!("{}", setup_remarks::EMPTY_DIRECTORY);
    }
    Ok(())
}
