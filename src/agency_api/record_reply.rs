//! A record as an answer: with its version, and the remarks on its change in a header.

use axum::http::StatusCode;
use axum::http::header::ETAG;
use axum::response::Response;

use crate::exchange::Record;
use crate::server::reply::{self, JSON};
use crate::server::{entity_tag, remarks};

/// A record with its version, and what its change should be read with.
pub(super) fn versioned(record: Record) -> Response {
    let response = reply::body(StatusCode::OK, JSON, record.json);
    let response = reply::with(response, ETAG, &entity_tag::write(record.version));
    remarks::with(response, &record.remarks)
}
