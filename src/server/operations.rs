//! For whoever runs the gateway: is it alive, is it ready, what does it do. None of it says anything about a person.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, ResourceKey};
use crate::referral::Scope;
use crate::referral::state::{self, State as ReferralState};
use crate::store::query::Query;

use super::app_state::AppState;
use super::authentication::Access::Anyone;
use super::metrics::OPENMETRICS;
use super::reply::{self, Answer};
use super::route::Endpoint;

/// How old the numbers of the store may be.
const MAX_STATISTICS_AGE: Duration = Duration::from_secs(5);

/// The routes for operators.
pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        Endpoint::get(Anyone, "/healthz", alive),
        Endpoint::get(Anyone, "/readyz", ready),
        Endpoint::get(Anyone, "/metrics", metrics),
    ]
}

/// `GET /healthz`: the process answers.
async fn alive() -> Response {
    reply::json(&json!({ "status": "ok" }))
}

/// `GET /readyz`: requests can be served: the store answers, and the directory is loaded.
async fn ready(State(app_state): State<AppState>) -> Answer {
    if *app_state.stopping.borrow() {
        return Err(unready("the server is stopping"));
    }
    // Anybody may ask, so it costs one look at an index.
    let nobody = ResourceKey::new("Organization", "nobody");
    let read = app_state.store.read(&Scope::Gateway, &nobody, None).await;
    read.map_err(|error| {
        tracing::error!(%error, "the store does not answer");
        unready("the store does not answer")
    })?;
    if *app_state.store.directory_version().borrow() == 0 {
        return Err(unready("the directory is empty; load organizations and programs"));
    }
    Ok(reply::json(&json!({ "status": "ready" })))
}

fn unready(message: &str) -> reply::Refusal {
    Error::new(Category::Busy, Issue::error(Key::Busy, "", message)).into()
}

/// `GET /metrics`.
async fn metrics(State(app_state): State<AppState>) -> Answer {
    // Anybody may ask, as often as they like: the store is asked by one at a time, and not again while its numbers are
    // fresh.
    let mut counted_at = app_state.store_counted_at.lock().await;
    if counted_at.is_none_or(|at| at.elapsed() >= MAX_STATISTICS_AGE) {
        count_store(&app_state).await?;
        *counted_at = Some(Instant::now());
    }
    Ok(reply::body(StatusCode::OK, OPENMETRICS, app_state.metrics.encode()?))
}

/// Brings what the store counts into the metrics.
async fn count_store(app_state: &AppState) -> Result<()> {
    let statistics = app_state.store.statistics().await?;
    let mut referrals = Vec::with_capacity(ReferralState::ALL.len());
    for state in ReferralState::ALL {
        referrals.push((*state, count_referrals(app_state, *state).await?));
    }
    app_state.metrics.set_store(&statistics, &referrals);
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
