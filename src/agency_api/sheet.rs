//! Records as a sheet (<https://www.rfc-editor.org/rfc/rfc4180>), for people whose tool is a spreadsheet: the columns of
//! their program types (see [`crate::sheet`]). And `POST /agency/v1/sheets/{type}?check=true&zone=ZONE&dates=ORDER`: a
//! sheet comes back. Either all of it is taken, or nothing; the report says for each row what was found.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::exchange::SentSheet;
use crate::fhir::{Document, Key};
use crate::security::Caller;
use crate::sheet::{self, Options};

use super::query::parameters;
use crate::server::app_state::AppState;
use crate::server::body::Sheet;
use crate::server::condition;
use crate::server::reply::{self, Answer, JSON};

/// The media type of sheets, with its charset, which text has to name.
const CSV_UTF8: &str = "text/csv; charset=utf-8";

/// A sheet as an answer.
pub(super) fn reply(text: String) -> Response {
    reply::body(StatusCode::OK, CSV_UTF8, text)
}

/// The records, which are JSON text, each with its version, as a sheet.
pub(super) fn text<'r>(
    app_state: &AppState,
    records: impl IntoIterator<Item = (&'r str, Option<u64>)>,
) -> Result<String> {
    let read = |(record, version): (&str, Option<u64>)| {
        let value = Document::value_of(record).map_err(|issue| Error::fault(issue.text))?;
        Ok((value, version))
    };
    let records: Vec<(Value, Option<u64>)> = records.into_iter().map(read).collect::<Result<_>>()?;
    let rows = records.iter().map(|(record, version)| (record, *version));
    sheet::write(&app_state.sheets, rows)
}

/// Takes a sheet; answers the report.
pub(crate) async fn take(
    State(app_state): State<AppState>,
    caller: Caller,
    Path(kind): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    Sheet(bytes): Sheet,
) -> Answer {
    if !app_state.programs.iter().any(|program| program.kind == kind) {
        return Err(Error::not_found("the program type").into());
    }
    let (options, check) = sheet_options(uri.query())?;
    let idempotency_key = condition::idempotency_key(&headers)?;
    let sheet = SentSheet { kind: &kind, bytes: &bytes, options: &options, check, idempotency_key };
    let report = app_state.exchange.take_sheet(&caller, &app_state.sheets, &sheet).await?;
    if report.refused && !check {
        let response = reply::body(StatusCode::UNPROCESSABLE_ENTITY, JSON, report.value.to_string());
        return Ok(reply::refused_by(response, report.refused_by));
    }
    Ok(reply::body(StatusCode::OK, JSON, report.value.to_string()))
}

/// What the sheet does not say itself, and whether it is only to be checked.
fn sheet_options(query: Option<&str>) -> Result<(Options, bool)> {
    let pairs = parameters(query, &["check", "zone", "dates"])?;
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let check = match value("check") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Error::incorrect(Key::Parameter, "check is true or false")),
    };
    Ok((Options::parse(value("zone"), value("dates"))?, check))
}
