//! `POST [base]/[type]` (<https://hl7.org/fhir/R4/http.html#create>), conditional with If-None-Exist
//! (<https://hl7.org/fhir/R4/http.html#ccreate>). A referral Task that is created `requested` is taken in at once.

use axum::extract::State;
use axum::http::HeaderMap;

use crate::security::Caller;

use super::address::KeptKind;
use super::written;
use crate::server::app_state::{AppState, Base};
use crate::server::body::Resource;
use crate::server::condition::{self, Prefer};
use crate::server::reply::Answer;

/// Stores a new resource under an id of ours.
pub(crate) async fn create(
    State(app_state): State<AppState>,
    caller: Caller,
    KeptKind(kind): KeptKind,
    base: Base,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    let condition = condition::text(&headers, condition::IF_NONE_EXIST)?;
    let written = app_state.exchange.create(&caller, &kind, document, condition).await?;
    Ok(written::render(&written, Prefer::read(&headers).returned).into_response(&base))
}
