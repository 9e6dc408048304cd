//! `GET /agency/v1/referrals/{id}`: one referral as a record, with its version as ETag. The id is that of the Task.

use axum::extract::{Path, State};
use axum::http::header::ETAG;

use crate::security::Caller;

use super::record_reply::versioned;
use super::shape::Shape;
use super::sheet;
use crate::server::app_state::AppState;
use crate::server::entity_tag;
use crate::server::reply::{self, Answer};

/// The record.
pub(crate) async fn get(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    shape: Shape,
) -> Answer {
    let record = app_state.exchange.record(&caller, &id).await?;
    let tag = entity_tag::write(record.version);
    if shape == Shape::Csv {
        return Ok(reply::with(
            sheet::reply(sheet::text(&app_state, [(record.json.as_str(), Some(record.version))])?),
            ETAG,
            &tag,
        ));
    }
    Ok(versioned(record))
}
