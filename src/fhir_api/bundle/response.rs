//! What the entries of a Bundle are answered, as the response Bundle.

use axum::http::StatusCode;

use crate::error::{Error, Result};
use crate::fhir::authored::bundle::{BundleWriter, Entry, Response};
use crate::fhir::issue::rules_that_refused;
use crate::server::reply::{self, Refusal};

use crate::fhir_api::rendered::Rendered;

/// Adds the answer to an entry.
pub(super) fn add(bundle: &mut BundleWriter, rendered: &Rendered) -> Result<()> {
    let resource = rendered.body.as_deref().map(std::str::from_utf8).transpose().map_err(Error::fault)?;
    let response = Response {
        status: &status_line(rendered.status),
        location: rendered.location.clone(),
        version: rendered.version,
        outcome: (rendered.tells_outcome || !rendered.issues.is_empty()).then_some(&rendered.issues),
    };
    bundle.add(&Entry { resource, response: Some(response), ..Entry::default() })
}

/// Adds why an entry is refused.
pub(super) fn add_refusal(bundle: &mut BundleWriter, refusal: &Refusal, request: &str) -> Result<()> {
    let issues = reply::shown(refusal.error(), request);
    tracing::info!(status = refusal.status().as_u16(), rule = rules_that_refused(&issues), "an entry was refused");
    let response = Response { status: &status_line(refusal.status()), outcome: Some(&issues), ..Response::default() };
    bundle.add(&Entry { response: Some(response), ..Entry::default() })
}

/// The status with its words, as in `404 Not Found`.
fn status_line(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}
