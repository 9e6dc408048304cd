//! `GET /agency/v1/referrals/{id}/timeline`: what happened to a referral, for those who take part in it, its requester among
//! them: who did what, when, through which door, what was decided and why.

use axum::extract::{Path, State};

use crate::security::Caller;

use crate::server::app_state::AppState;
use crate::server::reply::{self, Answer};

/// The entries, oldest first.
pub(crate) async fn get(State(app_state): State<AppState>, caller: Caller, Path(id): Path<String>) -> Answer {
    Ok(reply::json(&app_state.exchange.timeline(&caller, &id).await?))
}
