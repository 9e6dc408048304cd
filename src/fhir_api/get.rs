//! GET requests: each is read as an interaction, carried out, and its answer written.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};

use crate::error::Result;
use crate::security::Caller;
use crate::server::app_state::{AppState, Base};
use crate::server::reply::Answer;

use super::interaction::Interaction;
use super::rendered::Rendered;
use super::service::FhirService;

/// Everything but the CapabilityStatement, for callers that we know.
pub(super) async fn get(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let service = app_state.extension::<Arc<FhirService>>()?;
    let interaction = Interaction::parse(service, uri.path(), uri.query(), &headers)?;
    Ok(carry_out(service, &caller, &base, &interaction).await?.into_response(&base))
}

/// `GET [base]/metadata`, for anybody.
pub(super) async fn capabilities(State(app_state): State<AppState>, base: Base) -> Answer {
    let service = app_state.extension::<Arc<FhirService>>()?;
    let rendered = Interaction::Capabilities.render(service, &base.fhir(), None).await?;
    Ok(rendered.into_response(&base))
}

/// The answer to an interaction.
///
/// # Errors
/// What is not there, or not for this caller; parameters that cannot be read.
pub(super) async fn carry_out(
    service: &FhirService,
    caller: &Caller,
    base: &Base,
    interaction: &Interaction,
) -> Result<Rendered> {
    let found = match interaction.read() {
        Some(read) => Some(service.exchange.look_up(caller, &read).await?),
        None => None,
    };
    interaction.render(service, &base.fhir(), found).await
}
