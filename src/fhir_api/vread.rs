//! `GET [base]/[type]/[id]/_history/[version]` (<https://hl7.org/fhir/R4/http.html#vread>). Every version is kept.

use axum::extract::State;

use crate::security::Caller;

use super::address::Version;
use super::read;
use crate::server::app_state::AppState;
use crate::server::reply::Answer;

/// One version of a resource.
pub(crate) async fn vread(State(app_state): State<AppState>, caller: Caller, Version(key, version): Version) -> Answer {
    let stored = app_state.exchange.read(&caller, &key, Some(version)).await?;
    Ok(read::resource(&stored))
}
