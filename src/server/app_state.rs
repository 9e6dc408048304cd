//! What every handler of the edge is given, and the few facts of a request that they share: who calls, and under which
//! address the gateway was reached.

use std::convert::Infallible;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::FromRequestParts;
use axum::http::Extensions;
use axum::http::header::{HOST, HeaderValue};
use axum::http::request::Parts as Head;
use tokio::sync::{Mutex, watch};

use crate::error::{Error, Result};
use crate::exchange::{Exchange, Ids};
use crate::limits::Limits;
use crate::mapping::ProgramTypes;
use crate::profile::Checker;
use crate::security::Caller;
use crate::sheet::ColumnSets;
use crate::store::Store;
use crate::store::index::SearchParameters;

use super::admission::Admission;
use super::forwarded::TrustedProxies;
use super::held_bytes::HeldBytes;
use super::metrics::Metrics;
use super::origin::Origin;
use super::quotas::Quotas;
use super::reply::Refusal;
use super::tls::Tls;
use super::workers::Workers;

/// What the edge is made of; `app` puts it together.
pub struct Parts {
    /// All the business
    pub exchange: Arc<Exchange>,
    /// For health and metrics alone; everything else goes through the exchange
    pub store: Arc<dyn Store>,
    /// For `$validate`, and for the resource types that there are
    pub checker: Arc<Checker>,
    /// What resources are found by
    pub parameters: Arc<SearchParameters>,
    /// The record types that there are
    pub programs: Arc<ProgramTypes>,
    /// The columns of their sheets
    pub sheets: Arc<ColumnSets>,
    /// Who may come in
    pub admission: Admission,
    /// How much is taken, held and done for anybody
    pub limits: Limits,
    /// The public address, where it is not the one that clients use (`https://gateway.example`, without a slash at its end)
    pub base: Option<String>,
    /// What TLS is spoken with to clients; none: plain HTTP is
    pub tls: Option<Tls>,
    /// The proxies that are believed in what they say of their clients
    pub proxies: Arc<TrustedProxies>,
    /// Gives ids to requests
    pub ids: Arc<dyn Ids>,
    /// What an API keeps between requests, by type
    pub extensions: Extensions,
    /// Becomes true when the server stops: held polls are answered at once
    pub stopping: watch::Receiver<bool>,
}

/// The parts, and what is counted.
pub(crate) struct Inner {
    parts: Parts,
    pub(crate) metrics: Metrics,
    pub(crate) quotas: Quotas,
    pub(crate) held_bytes: HeldBytes,
    pub(crate) workers: Workers,
    /// When the metrics last took over what the store counts
    pub(crate) store_counted_at: Mutex<Option<Instant>>,
}

/// The state of the router: cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState(Arc<Inner>);

impl AppState {
    /// # Errors
    /// If the threads for long work cannot be started.
    pub(crate) fn new(parts: Parts) -> Result<Self> {
        let limits = parts.limits.requests;
        let held_bytes = HeldBytes::new(limits);
        Ok(Self(Arc::new(Inner {
            metrics: Metrics::new(),
            quotas: Quotas::new(limits),
            workers: Workers::start(limits, held_bytes.clone())?,
            held_bytes,
            store_counted_at: Mutex::default(),
            parts,
        })))
    }

    /// What an API keeps between requests.
    ///
    /// # Errors
    /// A fault, if the router was made without it.
    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(&self) -> Result<&T, Error> {
        self.extensions.get().ok_or_else(|| Error::fault("the server was put together without what an API keeps"))
    }

    /// Ready when the server stops.
    pub(crate) async fn wait_for_stop(&self) {
        // A sender that is gone means that nobody will serve much longer.
        let _ = self.stopping.clone().wait_for(|stopping| *stopping).await;
    }
}

impl Deref for AppState {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Deref for Inner {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Refusal;

    /// The caller that `authentication` let in. A route that is open to anyone has none.
    async fn from_request_parts(head: &mut Head, _: &AppState) -> Result<Self, Refusal> {
        let caller = head.extensions.remove::<Arc<Self>>();
        let caller = caller.ok_or_else(|| Error::fault("an open route asks for its caller"))?;
        Ok(Arc::unwrap_or_clone(caller))
    }
}

/// The address of the gateway as this client knows it.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Where an address is set, that one
    set: Option<String>,
    /// Else the host that the client asked
    host: Option<HeaderValue>,
    /// And whether it asked over TLS
    is_tls: bool,
}

impl Base {
    /// The address that is set, for who calls without a host; where none is set, the local one.
    pub(crate) fn of(set: Option<String>) -> Self {
        Self { set, host: None, is_tls: false }
    }

    /// The address, without a slash at its end.
    pub(crate) fn url(&self) -> String {
        let host = || self.host.as_ref().and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
        let scheme = if self.is_tls { "https" } else { "http" };
        self.set.clone().unwrap_or_else(|| format!("{scheme}://{}", host().unwrap_or("localhost")))
    }

    /// The base of the FHIR routes.
    pub(crate) fn fhir(&self) -> String {
        format!("{}/fhir", self.url())
    }
}

impl FromRequestParts<AppState> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Head, app_state: &AppState) -> Result<Self, Infallible> {
        let Origin { is_tls, host, .. } = Origin::of(&head.extensions);
        Ok(Self { set: app_state.base.clone(), host: host.or_else(|| head.headers.get(HOST).cloned()), is_tls })
    }
}

/// Has it the form of a host and port? What else stands in the header is not repeated to anybody.
fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']'))
}
