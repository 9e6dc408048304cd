//! For whoever runs the gateway: is it alive, is it ready, what does it do. None of it says anything about a person.
//!
//! Whether it is alive and ready is told to anybody; figures and versions to administrators and auditors, and to whoever
//! reaches the listener that the settings name for operations.

use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, ResourceKey};
use crate::referral::Scope;
use crate::referral::state::{self, State as ReferralState};
use crate::store::WriteState;
use crate::store::query::Query;

use super::accept;
use super::app_state::AppState;
use super::authentication::Access::{Anyone, Operator};
use super::authentication::is_allowed;
use super::metrics::OPENMETRICS;
use super::metrics_text::{self, PROMETHEUS_TEXT};
use super::reply::{self, Answer};
use super::route::Endpoint;

/// How old the numbers of the store may be.
const MAX_STATISTICS_AGE: Duration = Duration::from_secs(5);

/// The routes for operators.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        Endpoint::get(Anyone, "/healthz", alive),
        Endpoint::get(Anyone, "/readyz", ready),
        Endpoint::get(Operator, "/metrics", metrics),
    ]
}

/// The routes of the listener for operations, which whoever reaches it may use.
pub(super) fn open_routes() -> Vec<Endpoint> {
    vec![
        Endpoint::get(Anyone, "/healthz", alive),
        Endpoint::get(Anyone, "/readyz", ready_in_full),
        Endpoint::get(Anyone, "/metrics", metrics),
    ]
}

/// `GET /healthz`: the process answers.
async fn alive() -> Response {
    reply::json(&json!({ "status": "ok" }))
}

/// `GET /readyz`, to anybody: requests can be served, or what is missing.
async fn ready(State(app_state): State<AppState>, request: Request) -> Answer {
    let is_operator = is_allowed(&app_state, Operator, &request.into_parts().0).await;
    check(&app_state, is_operator).await?;
    if is_operator {
        return in_full(&app_state).await;
    }
    Ok(reply::json(&json!({ "status": "ready" })))
}

/// `GET /readyz`, to operators.
async fn ready_in_full(State(app_state): State<AppState>) -> Answer {
    check(&app_state, true).await?;
    in_full(&app_state).await
}

/// What is served, with its version and figures.
async fn in_full(app_state: &AppState) -> Answer {
    let statistics = app_state.store.statistics().await?;
    let mut state = json!({
        "status": "ready",
        "version": env!("CARGO_PKG_VERSION"),
        "clients": app_state.admission.count(),
        "commits": statistics.newest,
        "bytes": statistics.bytes,
    });
    if let Some(tls) = &app_state.tls {
        state["tls"] = json!({ "certificateExpires": tls.config().expires().to_string() });
        if let Some(error) = tls.failure() {
            state["tls"]["notReloaded"] = json!(error.to_string());
        }
    }
    Ok(reply::json(&state))
}

/// Can requests be served: does the store answer and take writes, and is the directory loaded? An operator is told why not.
async fn check(app_state: &AppState, is_operator: bool) -> Result<()> {
    if *app_state.stopping.borrow() {
        return Err(unready(Key::Stopping, "the server is stopping"));
    }
    // Which rule it is may be known to anybody; what the system said of it is for operators.
    let of_store = |plain: &str, cause: &Error| {
        let issue = cause.issues.first();
        let text = match issue.filter(|_| is_operator) {
            Some(issue) => format!("{plain}: {}", issue.text),
            None => format!("{plain}; the gateway's log says why"),
        };
        unready(issue.map_or(Key::StoreUnusable, |issue| issue.key), &text)
    };
    // Anybody may ask, so it costs one look at an index.
    let nobody = ResourceKey::new("Organization", "nobody");
    let read = app_state.store.read(&Scope::Gateway, &nobody, None).await;
    read.map_err(|error| {
        tracing::error!(%error, "the store does not answer");
        of_store("the store does not answer", &error)
    })?;
    match &*app_state.store.write_state().borrow() {
        WriteState::Open => {}
        WriteState::Failing(cause) => return Err(of_store("the store takes no writes at the moment", cause)),
        WriteState::Stopped(cause) => return Err(of_store("the store takes no writes any more", cause)),
    }
    if *app_state.store.directory_version().borrow() == 0 {
        let text = "the directory is empty; load organizations and programs";
        return Err(unready(Key::DirectoryEmpty, text));
    }
    Ok(())
}

fn unready(key: Key, message: &str) -> Error {
    Error::new(Category::Busy, Issue::error(key, "", message))
}

/// `GET /metrics`: as OpenMetrics to whoever asks for that, as a Prometheus server does.
async fn metrics(State(app_state): State<AppState>, headers: HeaderMap) -> Answer {
    let format = accept::negotiate(&headers, &["text/plain", "application/openmetrics-text"])?;
    // Whoever may ask asks as often as they like: the store is asked by one at a time, and not again while its numbers are
    // fresh.
    let mut counted_at = app_state.store_counted_at.lock().await;
    if counted_at.is_none_or(|at| at.elapsed() >= MAX_STATISTICS_AGE) {
        count_store(&app_state).await?;
        *counted_at = Some(Instant::now());
    }
    for (work, load) in app_state.workers.load() {
        app_state.metrics.set_work(work, load);
    }
    app_state.metrics.set_unreadable_resources(app_state.exchange.unreadable());
    app_state.metrics.set_held(app_state.held_bytes.load());
    if let Some(tls) = &app_state.tls {
        app_state.metrics.set_certificate(tls.config().expires(), tls.failure().is_some());
    }
    let text = app_state.metrics.encode()?;
    Ok(match format {
        0 => reply::body(StatusCode::OK, PROMETHEUS_TEXT, metrics_text::of_openmetrics(&text)),
        _ => reply::body(StatusCode::OK, OPENMETRICS, text),
    })
}

/// Brings what the store counts into the metrics.
async fn count_store(app_state: &AppState) -> Result<()> {
    let statistics = app_state.store.statistics().await?;
    let mut referrals = Vec::with_capacity(ReferralState::ALL.len());
    for state in ReferralState::ALL {
        referrals.push((*state, count_referrals(app_state, *state).await?));
    }
    app_state.metrics.set_store(&statistics, &referrals, app_state.exchange.now());
    Ok(())
}

/// How many referrals are in this state.
async fn count_referrals(app_state: &AppState, state: ReferralState) -> Result<u64> {
    let parameters = [
        ("business-status".to_owned(), format!("{}|{}", state::SYSTEM, state.code())),
        ("_summary".to_owned(), "count".to_owned()),
    ];
    let query = Query::parse(&app_state.parameters, "Task", &parameters);
    let query = query.map_err(|issues| Error { category: Category::Fault, issues })?;
    let page = app_state.store.search(&Scope::Gateway, &query).await?;
    Ok(page.total.unwrap_or(0))
}
