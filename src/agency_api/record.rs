//! `PUT /agency/v1/referrals/{id}`: the record as the agency wants it to stand. What differs from the record that is
//! stored becomes changes of FHIR resources; a record that is put back unchanged changes nothing.
//!
//! What changed meanwhile is not overwritten: with the ETag that was read in `If-Match`, a record that is no longer the
//! newest is refused (412); with it in `?base=`, the changes of both sides are merged, and only what both changed
//! otherwise and is the program's own is refused (409), by name.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};

use crate::error::{Error, Result};
use crate::exchange::Base;
use crate::fhir::Key;
use crate::security::Caller;

use super::query::parameters;
use super::record_reply::versioned;
use crate::server::app_state::AppState;
use crate::server::body::Json;
use crate::server::reply::Answer;
use crate::server::{condition, entity_tag};

/// Takes the record; answers it as it then stands.
pub(crate) async fn put(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Json(document): Json,
) -> Answer {
    let base = base_parameter(uri.query())?.map_or(Base::Newest, Base::Version);
    let conditions = condition::preconditions(&headers)?;
    let key = condition::idempotency_key(&headers)?;
    let record = app_state.exchange.put_record(&caller, &id, &document, base, conditions, key).await?;
    Ok(versioned(record))
}

/// The version that the query says the record was changed from: an ETag, or the number in it.
fn base_parameter(query: Option<&str>) -> Result<Option<u64>> {
    let mut bases = parameters(query, &["base"])?.into_iter();
    let Some((_, base)) = bases.next() else { return Ok(None) };
    if bases.next().is_some() {
        return Err(Error::incorrect(Key::Parameter, "base stands twice; a record was changed from one version"));
    }
    let version = entity_tag::read(&base).or_else(|| entity_tag::version(&base));
    version
        .map(Some)
        .ok_or_else(|| Error::incorrect(Key::Parameter, "base is no version; expected the ETag that was read"))
}
