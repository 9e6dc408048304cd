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
use super::metrics::{head, sample};
use super::reply::{self, Answer};

/// The text format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How long what the store counts is given again.
const FRESH: Duration = Duration::from_secs(5);

/// `GET /healthz`: the process answers.
pub(super) async fn alive() -> Response {
    reply::json(&json!({ "status": "ok" }))
}

/// `GET /readyz`: requests can be served: the store answers, and the directory is loaded.
pub(super) async fn ready(State(app_state): State<AppState>) -> Answer {
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
pub(super) async fn metrics(State(app_state): State<AppState>) -> Answer {
    let mut text = String::with_capacity(16 * 1024);
    app_state.metrics.write(&mut text);
    // Anybody may ask, as often as they like: the store is asked by one at a time, and not again while it is fresh.
    let mut counted = app_state.counted.lock().await;
    match counted.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
        Some((_, known)) => text.push_str(known),
        None => {
            let (_, known) = counted.insert((Instant::now(), count(&app_state).await?));
            text.push_str(known);
        }
    }
    Ok(reply::body(StatusCode::OK, EXPOSITION, text))
}

/// What the store counts.
async fn count(app_state: &AppState) -> Result<String> {
    let mut text = String::new();
    let store = app_state.store.statistics().await?;
    for (name, kind, help, value) in [
        ("handoff_commits_total", "counter", "plans committed since the store was opened", store.commits),
        ("handoff_commit_groups_total", "counter", "transactions that they were committed in", store.groups),
        ("handoff_commit_conflicts_total", "counter", "plans refused because another was faster", store.conflicts),
        ("handoff_commit_sequence", "gauge", "the newest commit", store.newest),
        ("handoff_store_bytes", "gauge", "size of the database", store.bytes),
    ] {
        head(&mut text, name, kind, help);
        sample(&mut text, name, &[], value);
    }
    head(&mut text, "handoff_resources", "gauge", "resources stored, by type");
    for (kind, count) in &store.resources {
        sample(&mut text, "handoff_resources", &[("type", kind)], count);
    }
    head(&mut text, "handoff_referrals", "gauge", "referrals, by where they stand");
    for state in ReferralState::ALL {
        sample(&mut text, "handoff_referrals", &[("state", state.code())], standing(app_state, *state).await?);
    }
    Ok(text)
}

/// How many referrals stand there.
async fn standing(app_state: &AppState, state: ReferralState) -> Result<u64> {
    let wanted = [
        ("business-status".to_owned(), format!("{}|{}", state::SYSTEM, state.code())),
        ("_summary".to_owned(), "count".to_owned()),
    ];
    let query = Query::parse(&app_state.parameters, "Task", &wanted);
    let query = query.map_err(|issues| Error { category: Category::Fault, issues })?;
    let page = app_state.store.search(&Scope::Gateway, &query).await?;
    Ok(page.total.unwrap_or(0))
}
