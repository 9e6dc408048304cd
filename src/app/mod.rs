//! Layer 6: the wiring. Opens what a gateway needs, puts it together, serves until told to stop.
//!
//! The caller owns the port and the end: tests bind port 0 and stop when they are done, the command line binds what is
//! configured and stops on a signal. Clock and ids come in from outside as well.

mod audit;
mod clients;
mod configured;
mod engines;
pub mod exposure;
mod limit_options;
mod listen_address;
pub mod log;
pub mod packages;
mod postgres_options;
mod program_type_folders;
pub mod registry;
mod renewal;
mod required_profiles;
mod retention;
mod runtime;
pub mod setting_list;
pub mod settings;
mod settings_file;
mod shared_task;
pub mod tls_files;
mod tls_options;
#[cfg(feature = "opentelemetry")]
mod traces;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Extensions;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::error::Result;
use crate::exchange::{Clock, Exchange, Ids, Stores};
use crate::fhir_api::FhirService;
use crate::mapping::ProgramTypes;
use crate::profile::Checker;
use crate::server::{self, Admission, Endpoint, Route, Routers};
use crate::sheet::ColumnSets;
use crate::store::index::SearchParameters;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::SqliteStore;
use crate::store::{Store, StorePlace};
use crate::{agency_api, fhir_api};

pub use clients::load as load_clients;
pub use engines::Engines;
pub use limit_options::LimitOptions;
pub use listen_address::ListenAddress;
pub use packages::Packages;
pub use program_type_folders::{ProgramFiles, ProgramTypeFolders};
pub use registry::{PackageRequest, Registry};
pub use required_profiles::RequiredProfiles;
pub use runtime::{RandomIds, WallClock, stop_signal};
pub use settings::{Options, Settings};
pub use tls_files::TlsFiles;
pub use tls_options::TlsOptions;

use shared_task::SharedTask;
use tls_files::FollowedTls;

/// Opens the store that the settings name.
async fn open_store(settings: &Settings, parameters: &Arc<SearchParameters>) -> Result<Arc<dyn Store>> {
    match &settings.store {
        StorePlace::Sqlite(path) => {
            let store = SqliteStore::open(path, parameters)?;
            store.set_max_steps(settings.limits.content.search_steps);
            if let Some(bytes) = settings.store_limit {
                store.limit_size(bytes).await?;
            }
            Ok(Arc::new(store))
        }
        StorePlace::Postgres(url) => Ok(Arc::new(PostgresStore::open_with(url, parameters, &settings.postgres).await?)),
    }
}

/// A gateway that is ready to serve.
pub struct App {
    /// Where everything is kept
    pub store: Arc<dyn Store>,
    /// All the business
    pub exchange: Arc<Exchange>,
    /// What payloads are checked with
    pub checker: Arc<Checker>,
    /// The program types
    pub programs: Arc<ProgramTypes>,
    /// The columns of their sheets
    pub sheets: Arc<ColumnSets>,
    parameters: Arc<SearchParameters>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    tls: Option<FollowedTls>,
    settings: Settings,
}

impl App {
    /// Opens the store and puts a gateway together over it. What it needs besides comes with the program, or from the
    /// packages folder.
    ///
    /// # Errors
    /// If the files of TLS cannot be used, the store or a package cannot be opened, what comes with the program is damaged, or the directory in the store cannot be
    /// used.
    pub async fn open(settings: Settings, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Result<Self> {
        let tls = settings.tls.as_ref().map(FollowedTls::load).transpose()?;
        let engines = Engines::load(&settings)?;
        let store = open_store(&settings, &engines.parameters).await?;
        let exchange = Arc::new(engines.exchange(Stores::of(&store), clock.clone(), ids.clone()).await?);
        let Engines { checker, programs, sheets, parameters, .. } = engines;
        Ok(Self { store, exchange, checker, programs, sheets, parameters, clock, ids, tls, settings })
    }

    /// How it is set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The FHIR API, for whoever asks it without the network.
    pub fn fhir(&self) -> FhirService {
        let (exchange, checker) = (self.exchange.clone(), self.checker.clone());
        FhirService::new(exchange, checker, self.parameters.clone(), self.settings.base.clone())
    }

    /// What the APIs keep between requests.
    fn extensions(&self) -> Extensions {
        let mut extensions = Extensions::new();
        extensions.insert(Arc::new(self.fhir()));
        extensions
    }

    /// Everything that is served to these clients. When `stopping` turns true, held polls are answered.
    ///
    /// # Errors
    /// If the threads for long work cannot be started.
    pub fn router(&self, admission: Admission, stopping: watch::Receiver<bool>) -> Result<Router> {
        Ok(self.routers(admission, stopping)?.api)
    }

    fn routers(&self, admission: Admission, stopping: watch::Receiver<bool>) -> Result<Routers> {
        server::routers(
            endpoints(),
            server::Parts {
                exchange: self.exchange.clone(),
                store: self.store.clone(),
                checker: self.checker.clone(),
                programs: self.programs.clone(),
                sheets: self.sheets.clone(),
                parameters: self.parameters.clone(),
                admission,
                limits: self.settings.limits,
                base: self.settings.base.clone(),
                tls: self.tls.as_ref().map(|followed| followed.tls.clone()),
                proxies: Arc::new(self.settings.forwarded.clone()),
                ids: self.ids.clone(),
                extensions: self.extensions(),
                stopping,
            },
        )
    }
}

/// Everything that is served, of every API.
fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = fhir_api::routes();
    endpoints.extend(agency_api::routes());
    endpoints.extend(server::operations::routes());
    endpoints
}

/// The routes of every API.
pub fn routes() -> Vec<Route> {
    endpoints().into_iter().map(|endpoint| endpoint.route).collect()
}

/// Where is listened.
pub struct Listeners {
    /// For clients
    pub api: Vec<TcpListener>,
    /// For operators alone, where they have one
    pub operations: Vec<TcpListener>,
}

impl From<TcpListener> for Listeners {
    fn from(api: TcpListener) -> Self {
        Self { api: vec![api], operations: Vec::new() }
    }
}

/// Serves until `shutdown` is ready. Then no more requests are taken, held polls are answered at once, and those that run
/// have the time of grace to end.
///
/// # Errors
/// If the clients cannot be read.
pub async fn run(
    listeners: impl Into<Listeners>,
    app: &App,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let Listeners { api, operations } = listeners.into();
    let (stop, stopping) = watch::channel(false);
    let (admission, updates) = Admission::new(load_clients(app.store.as_ref()).await?);
    let routers = Arc::new(app.routers(admission, stopping.clone())?);
    let refresh = tokio::spawn(clients::refresh(app.store.clone(), updates));
    let audit_trail = app.exchange.audit_trail();
    let (last, ended) = oneshot::channel();
    let write_audit = tokio::spawn(audit::write(audit_trail.clone(), ended));
    let shared = |name| SharedTask::new(name, app.store.clone(), app.clock.clone());
    let prune_audit = app
        .settings
        .audit_days
        .map(|days| tokio::spawn(audit::prune(audit_trail.clone(), shared("audit retention"), days)));
    let days = retention::Days { keys: app.settings.idempotency_days, versions: app.settings.version_days };
    let renew = tokio::spawn(renewal::keep_up(app.exchange.clone(), shared("renewal")));
    let keep = tokio::spawn(retention::keep(app.store.clone(), shared("retention"), days));
    // Operators are answered until the end: that the gateway stops is what they may want to know.
    let (_keep_operations, until_the_end) = watch::channel(false);
    let operations = {
        let routers = routers.clone();
        tokio::spawn(async move { routers.serve_operations(operations, until_the_end).await })
    };
    let follow_tls = app.tls.clone().map(|followed| {
        let (clock, base) = (app.clock.clone(), app.settings.base.clone());
        followed.warn(clock.as_ref(), base.as_deref());
        tokio::spawn(async move { followed.follow(clock.as_ref(), base.as_deref()).await })
    });
    let told = tokio::spawn(async move {
        shutdown.await;
        stop.send_replace(true);
    });
    tokio::select! {
        () = routers.serve_api(api, stopping.clone()) => {}
        () = wait_for_grace(stopping, app.settings.grace) => {
            tracing::warn!("requests were still running when the time of grace was over");
        }
    }
    told.abort();
    operations.abort();
    if let Some(follow_tls) = follow_tls {
        follow_tls.abort();
    }
    refresh.abort();
    keep.abort();
    renew.abort();
    if let Some(prune_audit) = prune_audit {
        prune_audit.abort();
    }
    drop(last);
    let _ = write_audit.await;
    Ok(())
}

/// Ready when the server has been stopping for longer than `grace`.
async fn wait_for_grace(mut stopping: watch::Receiver<bool>, grace: Duration) {
    if stopping.wait_for(|stopping| *stopping).await.is_ok() {
        tokio::time::sleep(grace).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Access::Anyone;

    #[test]
    fn only_what_describes_the_gateway_is_open_to_anyone() {
        let open: Vec<&str> = routes().iter().filter(|route| route.access == Anyone).map(|route| route.path).collect();
        assert_eq!(open, ["/fhir/metadata", "/agency/v1/openapi.json", "/healthz", "/readyz"]);
    }
}
