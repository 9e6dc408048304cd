//! `GET /agency/v1/referrals/{id}/eligibility`: whether the person may have the program that the referral was routed to, rule by
//! rule: yes, no or unknown, with the fact that was used, where it stands, and what is missing.

use axum::extract::{Path, State};

use crate::security::Caller;

use crate::server::app_state::AppState;
use crate::server::reply::{self, Answer};

/// The answer.
pub(crate) async fn get(State(app_state): State<AppState>, caller: Caller, Path(id): Path<String>) -> Answer {
    Ok(reply::json(&app_state.exchange.eligibility(&caller, &id).await?))
}
