//! `POST [base]/[type]/_search`: the parameters are a form, and those of the address count as well. There may be no form.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};

use crate::error::Result;
use crate::fhir::query_string;
use crate::security::Caller;
use crate::server::accept;
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
    let kind = interaction::searched_kind(service, &path::find("POST", uri.path())?)?;
    let interaction = Interaction::search(service, kind, parameters(&uri, &form)?, &headers)?;
    Ok(get::carry_out(service, &caller, &base, &interaction).await?.into_response(&base))
}

/// The parameters of the address, and those of the form behind them.
///
/// # Errors
/// What cannot be decoded; a form that asks for another format than JSON.
pub(super) fn parameters(uri: &Uri, form: &str) -> Result<Vec<(String, String)>> {
    let mut parameters = query_string::parse(uri.query().unwrap_or_default())?;
    let in_form = query_string::parse(form)?;
    if let Some((_, format)) = in_form.iter().find(|(name, _)| name == "_format") {
        accept::check_format(format)?;
    }
    parameters.extend(in_form);
    Ok(parameters)
}
