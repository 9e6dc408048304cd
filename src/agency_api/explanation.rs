//! `GET /agency/v1/referrals/{id}/explanation`: the record, where each of its values comes from, and what became of each
//! element of the referral: mapped, kept in FHIR alone, or withheld and under which rule.

use axum::extract::{Path, State};
use axum::http::header::ETAG;
use serde_json::{Value, json};

use crate::fhir::issue::put_worst_first;
use crate::security::Caller;

use crate::server::app_state::AppState;
use crate::server::entity_tag;
use crate::server::reply::{self, Answer};

/// The explanation.
pub(crate) async fn get(State(app_state): State<AppState>, caller: Caller, Path(id): Path<String>) -> Answer {
    let (record, fidelity, mut issues) = app_state.exchange.explain(&caller, &id).await?;
    put_worst_first(&mut issues);
    let remarks: Vec<Value> =
        issues.iter().map(|issue| json!({ "key": issue.key.code(), "path": issue.path, "text": issue.text })).collect();
    let body = json!({ "record": record.value()?, "fidelity": fidelity.to_value(), "remarks": remarks });
    Ok(reply::with(reply::json(&body), ETAG, &entity_tag::write(record.version)))
}
