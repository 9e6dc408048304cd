//! `POST [base]` with a Bundle (<https://hl7.org/fhir/R4/http.html#transaction>): a transaction, all or nothing, or a
//! batch, each entry on its own. A repetition under the same `Idempotency-Key` changes nothing and is answered alike.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::security::Caller;

use crate::server::app_state::AppState;
use crate::server::body::Resource;
use crate::server::condition;
use crate::server::reply::{self, Answer, FHIR_JSON};

/// Carries a Bundle out.
pub(crate) async fn transaction(
    State(app_state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    let key = condition::idempotency_key(&headers)?;
    let response = app_state.exchange.bundle(&caller, document, key).await?;
    Ok(reply::body(StatusCode::OK, FHIR_JSON, response))
}
