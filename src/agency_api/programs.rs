//! `GET /agency/v1/programs`: the programs of the caller's organization, with what they serve and how much room they
//! have; `PUT /agency/v1/programs/{id}/capacity`: how much room there is now. Routing reads it with the next referral.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::ETAG;
use serde_json::json;

use crate::security::Caller;

use crate::server::app_state::AppState;
use crate::server::body::Json;
use crate::server::reply::{self, Answer};
use crate::server::{condition, entity_tag};

/// The programs.
pub(crate) async fn list(State(app_state): State<AppState>, caller: Caller) -> Answer {
    let programs = app_state.exchange.programs(&caller).await?;
    Ok(reply::json(&json!({ "programs": programs })))
}

/// Sets the capacity of one program.
pub(crate) async fn set_capacity(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(document): Json,
) -> Answer {
    let conditions = condition::preconditions(&headers)?;
    let key = condition::idempotency_key(&headers)?;
    let program = app_state.exchange.set_capacity(&caller, &id, &document, conditions, key).await?;
    let tag = program["version"].as_u64().map(entity_tag::write).unwrap_or_default();
    Ok(reply::with(reply::json(&program), ETAG, &tag))
}
