//! `PUT /agency/v1/referrals/{id}`: the record as the agency wants it to stand. What differs from the record that is
//! stored becomes events and changes of FHIR resources; a record that is put back unchanged changes nothing. `If-Match`
//! with the ETag that was read protects against overwriting what changed meanwhile.

use axum::extract::{Path, State};
use axum::http::HeaderMap;

use crate::security::Caller;

use super::versioned;
use crate::http::body::Json;
use crate::http::condition;
use crate::http::edge::Edge;
use crate::http::reply::Answer;

/// Takes the record; answers it as it then stands.
pub(in crate::http) async fn put(
    State(edge): State<Edge>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Json(document): Json,
) -> Answer {
    let if_match = condition::if_match(&headers)?;
    let key = condition::idempotency_key(&headers)?;
    let record = edge.exchange.put_record(&caller, &id, &document, if_match, key).await?;
    Ok(versioned(&record))
}
