//! Records as a sheet (<https://www.rfc-editor.org/rfc/rfc4180>), for people whose tool is a spreadsheet: the columns of
//! their program types (see [`crate::sheet`]).

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use crate::error::Result;
use crate::http::edge::Edge;
use crate::http::reply;
use crate::sheet;

/// The media type of sheets.
pub(super) const CSV: &str = "text/csv";
/// The same with its charset, which text has to name.
const CSV_UTF8: &str = "text/csv; charset=utf-8";

/// The records as an answer.
pub(super) fn answer(edge: &Edge, records: &[Value]) -> Result<Response> {
    Ok(reply::body(StatusCode::OK, CSV_UTF8, sheet::write(&edge.sheets, records)?))
}
