//! GET requests: each is read as an interaction, carried out, and its answer written.

use axum::extract::State;
use axum::http::{HeaderMap, Uri};

use crate::error::Result;
use crate::exchange::Exchange;
use crate::referral::Read;
use crate::security::Caller;
use crate::server::app_state::{AppState, Base};
use crate::server::reply::Answer;
use crate::store::ReadResult;

use super::interaction::Interaction;
use super::rendered::Rendered;

/// Everything but the CapabilityStatement, for callers that we know.
pub(super) async fn get(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    headers: HeaderMap,
    uri: Uri,
) -> Answer {
    let interaction = Interaction::parse(&app_state, uri.path(), uri.query(), &headers)?;
    Ok(carry_out(&app_state, &caller, &base, &headers, &interaction).await?.into_response(&base))
}

/// `GET [base]/metadata`, for anybody.
pub(super) async fn capabilities(State(app_state): State<AppState>, base: Base, headers: HeaderMap) -> Answer {
    let rendered = Interaction::Capabilities.render(&app_state, &base.fhir(), &headers, None).await?;
    Ok(rendered.into_response(&base))
}

/// The answer to an interaction.
///
/// # Errors
/// What is not there, or not for this caller; parameters that cannot be read.
pub(super) async fn carry_out(
    app_state: &AppState,
    caller: &Caller,
    base: &Base,
    headers: &HeaderMap,
    interaction: &Interaction,
) -> Result<Rendered> {
    let found = match interaction.read() {
        Some(read) => Some(look_up(&app_state.exchange, caller, &read).await?),
        None => None,
    };
    interaction.render(app_state, &base.fhir(), headers, found).await
}

/// What the caller sees of this.
async fn look_up(exchange: &Exchange, caller: &Caller, read: &Read) -> Result<ReadResult> {
    Ok(match read {
        Read::Resource { key, version } => ReadResult::Resource(exchange.read(caller, key, *version).await?),
        Read::History { key, count } => ReadResult::Versions(exchange.history(caller, key, *count).await?),
        Read::Search { kind, parameters } => ReadResult::Page(exchange.search(caller, kind, parameters).await?),
    })
}
