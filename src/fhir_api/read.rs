//! `GET [base]/[type]/[id]` (<https://hl7.org/fhir/R4/http.html#read>); a version that the client has already answers
//! 304 (<https://hl7.org/fhir/R4/http.html#cread>).

use axum::extract::State;
use axum::http::header::{ETAG, LAST_MODIFIED};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::security::Caller;
use crate::store::Stored;

use super::address::Item;
use crate::server::app_state::AppState;
use crate::server::condition;
use crate::server::reply::{self, Answer, FHIR_JSON};

/// The newest version of a resource.
pub(crate) async fn read(
    State(app_state): State<AppState>,
    caller: Caller,
    Item(key): Item,
    headers: HeaderMap,
) -> Answer {
    let stored = app_state.exchange.read(&caller, &key, None).await?;
    Ok(resource_unless_known(&headers, &stored))
}

/// A resource, unless the client has this version.
pub(super) fn resource_unless_known(headers: &HeaderMap, stored: &Stored) -> Response {
    if condition::client_has_version(headers, stored.version, stored.updated) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return with_version(response, stored);
    }
    resource(stored)
}

/// A resource as it is stored, with its version and date.
pub(super) fn resource(stored: &Stored) -> Response {
    with_version(reply::body(StatusCode::OK, FHIR_JSON, stored.document.text().to_owned()), stored)
}

fn with_version(response: Response, stored: &Stored) -> Response {
    let response = reply::with(response, ETAG, &condition::tag(stored.version));
    reply::with(response, LAST_MODIFIED, &condition::http_date(stored.updated))
}
