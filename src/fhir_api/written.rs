//! What a create or update answers (<https://hl7.org/fhir/R4/http.html#create>): Location, ETag, Last-Modified, and as
//! much of a body as `Prefer: return=` asks for.

use axum::http::header::{ETAG, LAST_MODIFIED, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::exchange::Outcome;
use crate::fhir::authored::operation_outcome;

use crate::server::app_state::Base;
use crate::server::condition::{self, Prefer, Return};
use crate::server::reply::{self, FHIR_JSON};

/// The answer to a write.
pub(super) fn answer(written: &Outcome, base: &Base, headers: &HeaderMap) -> Response {
    let status = if written.created { StatusCode::CREATED } else { StatusCode::OK };
    let response = match Prefer::read(headers).returned {
        Return::Minimal => {
            let mut response = Response::default();
            *response.status_mut() = status;
            response
        }
        Return::Representation => reply::body(status, FHIR_JSON, written.document.text().to_owned()),
        Return::Outcome => reply::body(status, FHIR_JSON, operation_outcome::to_text(&written.issues)),
    };
    let location = format!("{}/{}/_history/{}", base.fhir(), written.key, written.version);
    let response = reply::with(response, LOCATION, &location);
    let response = reply::with(response, ETAG, &condition::tag(written.version));
    reply::with(response, LAST_MODIFIED, &condition::http_date(written.updated))
}
