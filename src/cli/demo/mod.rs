//! `handoff demo`: one referral goes all the way round on embedded SQLite, each step shown; then the demo goes on
//! serving, with a directory and clients to try things with.

mod cases;
mod round;
mod world;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::streams::{Exit, Streams, unwritable};
use crate::app::{self, App, Engines, Options, RandomIds, WallClock, stop_signal};
use crate::error::{Error, Result};
use crate::exchange::Clock;
use crate::server::Admission;

use round::DemoRound;

/// What `demo` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// End after the round instead of serving
    #[arg(long)]
    once: bool,
    /// Tell everything that is sent and answered, records whole and findings too
    #[arg(long)]
    verbose: bool,
    /// Address to serve on, where it goes on serving
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Folder for the database [default: a temporary one that goes with the demo]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where to write the clients and their tokens
    #[arg(long, value_name = "PATH")]
    tokens_file: Option<PathBuf>,
    /// Run cases of the exchange in the demo's world instead: a file or a folder (see fixtures/cases/exchange)
    #[arg(long, value_name = "PATH", conflicts_with_all = ["once", "listen", "data", "tokens_file"])]
    cases: Option<PathBuf>,
}

pub(super) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::fault(format!("cannot start: {error}")))?;
    if let Some(path) = &args.cases {
        let engines = Engines::load(&Options::default().into_settings()?)?;
        return runtime.block_on(cases::run(engines, path, streams));
    }
    let folder = Folder::of(args)?;
    runtime.block_on(run_demo(args, &folder, streams))?;
    Ok(Exit::Done)
}

async fn run_demo(args: &Args, folder: &Folder, streams: &mut Streams<'_>) -> Result<()> {
    // The round needs no port: it goes through the router.
    let listener = if args.once { None } else { Some(listen(args.listen).await?) };
    let base = format!("http://{}", listener.as_ref().map_or(args.listen, |(_, address)| *address));
    let store = format!("sqlite:{}", folder.path.join("handoff.db").display());
    let options = Options {
        base: Some(base.clone()),
        store: Some(store),
        log_level: Some("warn".to_owned()),
        ..Options::default()
    };
    let settings = options.into_settings()?;
    let _log = app::log::start(&settings)?;
    let app = App::open(settings, Arc::new(WallClock), Arc::new(RandomIds)).await?;
    let at = WallClock.now();
    let (organizations, programs) = world::load_directory(app.store.as_ref(), at).await?;
    let clients = world::load_clients(app.store.as_ref(), args.tokens_file.as_deref(), at).await?;

    writeln!(streams.out, "Handoff demo: one referral goes all the way round.").map_err(unwritable)?;
    writeln!(
        streams.out,
        "{organizations} invented organizations with {programs} programs, {} clients, data in {}",
        clients.len(),
        folder.path.display()
    )
    .map_err(unwritable)?;
    let (_stop, stopping) = watch::channel(false);
    // The walk's clients are all known: nobody has to read them anew.
    let (known, _) = Admission::new(app::load_clients(app.store.as_ref()).await?);
    let (router, out) = (app.router(known, stopping)?, &mut *streams.out);
    DemoRound { router, clients: &clients, verbose: args.verbose, out }.run().await?;
    let Some((listener, _)) = listener else { return Ok(()) };
    if let Some(path) = &args.tokens_file {
        world::write_tokens(path, &base, &clients)?;
        writeln!(streams.out, "\nClients and tokens: {}", path.display()).map_err(unwritable)?;
    }
    writeln!(streams.out, "Listening on {base} (FHIR under /fhir, agencies under /agency/v1); Ctrl-C ends the demo")
        .map_err(unwritable)?;
    streams.out.flush().map_err(unwritable)?;
    app::run(listener, &app, stop_signal()).await
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    let unusable = |error: std::io::Error| {
        Error::unreachable(format!("cannot listen on {address}: {error}; name another port with --listen"))
    };
    let listener = TcpListener::bind(address).await.map_err(unusable)?;
    let address = listener.local_addr().map_err(unusable)?;
    Ok((listener, address))
}

/// Where the demo keeps its data.
struct Folder {
    path: PathBuf,
    /// Goes when the demo ends
    _temporary: Option<TempDir>,
}

impl Folder {
    fn of(args: &Args) -> Result<Self> {
        match &args.data {
            Some(path) => {
                std::fs::create_dir_all(path).map_err(|error| Error::unwritable_file(path, &error))?;
                Ok(Self { path: path.clone(), _temporary: None })
            }
            None => {
                let made = tempfile::Builder::new().prefix("handoff-demo-").tempdir();
                let folder = made.map_err(|error| Error::unwritable_file(&std::env::temp_dir(), &error))?;
                Ok(Self { path: folder.path().to_owned(), _temporary: Some(folder) })
            }
        }
    }
}
