//! `PUT [base]/[type]/[id]` (<https://hl7.org/fhir/R4/http.html#update>) with If-Match
//! (<https://hl7.org/fhir/R4/http.html#concurrency>).
//!
//! A version that is not the newest answers 412. Without If-Match the body may say in `meta.versionId` which version was
//! read: client libraries send nothing else. A Task belongs to two parties, and the guide asks for versioned updates: where
//! neither says it, the answer is 400, which is what the standard gives servers for it.

use axum::extract::State;
use axum::http::HeaderMap;

use crate::security::Caller;

use super::address::Item;
use super::written;
use crate::server::app_state::{AppState, Base};
use crate::server::body::Resource;
use crate::server::condition::{self, Prefer};
use crate::server::reply::Answer;

/// Stores a new version of a resource.
pub(crate) async fn update(
    State(app_state): State<AppState>,
    caller: Caller,
    Item(key): Item,
    base: Base,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    let conditions = condition::preconditions(&headers)?;
    let repeat = condition::idempotency_key(&headers)?;
    let written = app_state.exchange.update(&caller, &key, document, conditions, repeat).await?;
    Ok(written::render(&written, Prefer::read(&headers).returned).into_response(&base))
}
