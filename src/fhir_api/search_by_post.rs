//! `POST [base]/[type]/_search`: the parameters are a form, and those of the address count as well.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};

use crate::fhir::query_string;
use crate::security::Caller;
use crate::server::app_state::{AppState, Base};
use crate::server::body::FormBody;
use crate::server::reply::Answer;

use super::address::Kind;
use super::get;
use super::interaction::Interaction;

/// Searches what is stored, or our own definitions.
pub(super) async fn search(
    State(app_state): State<AppState>,
    caller: Caller,
    Kind(kind): Kind,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
    FormBody(form): FormBody,
) -> Answer {
    let mut parameters = query_string::parse(uri.query().unwrap_or_default())?;
    parameters.extend(query_string::parse(&form)?);
    let interaction = Interaction::search(&app_state, kind, parameters, &headers)?;
    Ok(get::carry_out(&app_state, &caller, &base, &headers, &interaction).await?.into_response(&base))
}
