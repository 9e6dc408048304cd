//! `POST [base]/[type]/_search`: the parameters are a form, and those of the address count as well.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};

use crate::fhir::query_string;
use crate::security::Caller;
use crate::server::app_state::{AppState, Base};
use crate::server::body::FormBody;
use crate::server::reply::Answer;

use super::get;
use super::interaction::{self, Interaction};
use super::path;
use super::service::FhirService;

/// Searches what is stored, or our own definitions.
pub(super) async fn search(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
    FormBody(form): FormBody,
) -> Answer {
    let service = app_state.extension::<Arc<FhirService>>()?;
    let kind = interaction::kind(service, &path::find("POST", uri.path())?)?;
    let mut parameters = query_string::parse(uri.query().unwrap_or_default())?;
    parameters.extend(query_string::parse(&form)?);
    let interaction = Interaction::search(service, kind, parameters, &headers)?;
    Ok(get::carry_out(service, &caller, &base, &interaction).await?.into_response(&base))
}
