//! `GET /agency/v1/referrals/{id}`: one referral as a record, with its version as ETag. The id is that of the Task.

use axum::extract::{Path, State};
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::security::Caller;

use super::record_reply::versioned;
use super::shape::Shape;
use super::sheet;
use crate::server::app_state::AppState;
use crate::server::condition;
use crate::server::reply::{self, Answer};

/// The record.
pub(crate) async fn get(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
    shape: Shape,
    headers: HeaderMap,
) -> Answer {
    let record = app_state.exchange.record(&caller, &id).await?;
    let tag = condition::tag(record.version);
    let known = condition::text(&headers, IF_NONE_MATCH.as_str())?;
    if known.is_some_and(|known| known.split(',').any(|known| condition::version(known) == Some(record.version))) {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(reply::with(response, ETAG, &tag));
    }
    if shape == Shape::Csv {
        return Ok(reply::with(
            sheet::reply(sheet::text(&app_state, [(record.json.as_str(), Some(record.version))])?),
            ETAG,
            &tag,
        ));
    }
    Ok(versioned(record))
}
