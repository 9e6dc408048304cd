//! The shapes that records are asked for in: JSON, or a sheet.

use axum::extract::FromRequestParts;
use axum::http::request::Parts as Head;

use crate::error::Result;
use crate::server::accept;
use crate::server::app_state::AppState;
use crate::server::reply::{self, Refusal};

/// The media type of sheets.
pub(super) const CSV: &str = "text/csv";

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    Csv,
}

impl FromRequestParts<AppState> for Shape {
    type Rejection = Refusal;

    /// The shape that the client accepts.
    async fn from_request_parts(head: &mut Head, _: &AppState) -> Result<Self, Refusal> {
        let position = accept::negotiate(&head.headers, &[reply::JSON, CSV])?;
        Ok(if position == 0 { Self::Json } else { Self::Csv })
    }
}
