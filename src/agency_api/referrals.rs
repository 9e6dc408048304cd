//! `GET /agency/v1/referrals?since=CURSOR&wait=SECONDS&limit=NUMBER`: what is new for the caller's organization, as
//! records, with the cursor to go on from. The cursor follows commits, so whoever polls with the last one sees every
//! change and misses none. With `wait` the answer is held until there is something to say, the time is over, or the
//! server stops. `Accept: text/csv` gives a sheet (see `sheet`); its cursor stands in the header `Handoff-Cursor`.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::LINK;
use axum::http::{HeaderName, StatusCode, Uri};

use crate::error::{Error, Result};
use crate::exchange::{PollSize, Records};
use crate::fhir::edit::quote;
use crate::fhir::query_string::whole_number;
use crate::fhir::{Key, query_string};
use crate::security::Caller;

use super::query::parameters;
use super::shape::Shape;
use super::sheet;
use crate::server::app_state::{AppState, Base};
use crate::server::reply::{self, Answer, JSON};

/// How long an answer is held at most.
const MAX_WAIT: Duration = Duration::from_mins(1);
/// How many records are given where the client does not say.
const USUAL_LIMIT: usize = 100;
/// Where a sheet's cursor stands.
const CURSOR: HeaderName = HeaderName::from_static("handoff-cursor");

/// What the query asks for.
#[derive(Debug, PartialEq, Eq)]
struct PollQuery {
    since: Option<String>,
    wait: Duration,
    limit: usize,
}

/// What is new.
pub(crate) async fn list(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    shape: Shape,
    uri: Uri,
) -> Answer {
    let limits = &app_state.limits.content;
    let poll_query = PollQuery::read(uri.query(), limits.count)?;
    app_state.metrics.count_poll();
    let most = limits.answer_bytes;
    let mut size = PollSize { records: poll_query.limit, bytes: most };
    let mut answered = poll(&app_state, &caller, &poll_query, size).await?;
    let mut sheet = None;
    if shape == Shape::Csv {
        let mut text = sheet_of(&app_state, &answered)?;
        // A record fills more of a sheet than of a list, where it has many rows.
        while text.len() > most && answered.records.len() > 1 {
            size.bytes = answered.records.iter().map(|record| record.json.len()).sum::<usize>() / 2;
            answered = poll(&app_state, &caller, &poll_query, size).await?;
            text = sheet_of(&app_state, &answered)?;
        }
        sheet = Some(text);
    }
    let Records { records, cursor } = answered;
    for rule in records.iter().filter_map(|record| record.unreadable) {
        app_state.metrics.count_unreadable(rule);
    }
    if let Some(text) = sheet {
        let next = query_string::write([("since", &*cursor), ("limit", &poll_query.limit.to_string())]);
        let link = format!("<{}/agency/v1/referrals?{next}>; rel=\"next\"", base.url());
        return Ok(reply::with(reply::with(sheet::reply(text), CURSOR, &cursor), LINK, &link));
    }
    let mut text = String::from("{\"records\":[");
    for (position, record) in records.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&record.json);
    }
    text.push_str("],\"cursor\":");
    text.push_str(&quote(&cursor));
    text.push('}');
    Ok(reply::body(StatusCode::OK, JSON, text))
}

fn sheet_of(app_state: &AppState, answered: &Records) -> Result<String> {
    sheet::text(app_state, answered.records.iter().map(|record| (record.json.as_str(), record.version)))
}

/// Asks the exchange. A held poll is answered at once when the server stops, and refused at once when its client is
/// revoked; nothing that came after that is told.
async fn poll(app_state: &AppState, caller: &Caller, poll_query: &PollQuery, size: PollSize) -> Result<Records> {
    let since = poll_query.since.as_deref();
    if poll_query.wait.is_zero() {
        return app_state.exchange.poll_within(caller, since, size, Duration::ZERO).await;
    }
    let already = app_state.exchange.poll_within(caller, since, size, Duration::ZERO).await?;
    if !already.records.is_empty() {
        return Ok(already);
    }
    let _held = app_state.metrics.track_poll();
    let records = tokio::select! {
        records = app_state.exchange.poll_within(caller, since, size, poll_query.wait) => records?,
        () = app_state.wait_for_stop() => already,
        revoked = app_state.admission.revocation(caller) => return Err(revoked),
    };
    if !records.records.is_empty() {
        // What woke the poll may have been committed after the client was revoked, which is not heard of at once.
        app_state.admission.check_again(caller).await?;
    }
    Ok(records)
}

impl PollQuery {
    /// Reads the query; at most `most` records are given.
    fn read(query: Option<&str>, most: usize) -> Result<Self> {
        let mut poll_query = Self { since: None, wait: Duration::ZERO, limit: USUAL_LIMIT.min(most) };
        for (name, value) in parameters(query, &["since", "wait", "limit"])? {
            match name.as_str() {
                "wait" => {
                    let message = "wait is a whole number of seconds, 60 at most";
                    let seconds = whole_number(&value).ok_or_else(|| Error::incorrect(Key::Parameter, message))?;
                    poll_query.wait = Duration::from_secs(seconds as u64).min(MAX_WAIT);
                }
                "limit" => {
                    let message = || format!("limit is a whole number from 1; {most} records are given at most");
                    let limit = whole_number(&value).filter(|limit| *limit > 0);
                    poll_query.limit = limit.ok_or_else(|| Error::incorrect(Key::Parameter, message()))?.min(most);
                }
                // `since=` is what a script sends before it has a cursor.
                _ => poll_query.since = Some(value).filter(|value| !value.is_empty()),
            }
        }
        Ok(poll_query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_asked_for() {
        for large in
            ["since=a.7&wait=90&limit=5000", "limit=99999999999999999999999&since=a.7&wait=99999999999999999999999"]
        {
            let poll_query = PollQuery::read(Some(large), 200).unwrap();
            assert_eq!(poll_query, PollQuery { since: Some("a.7".to_owned()), wait: MAX_WAIT, limit: 200 });
        }
        assert_eq!(PollQuery::read(Some("since="), 200).unwrap(), PollQuery::read(None, 200).unwrap());
        for bad in [
            "wait=soon",
            "wait=-1",
            "wait=+1",
            "wait=1.5",
            "wait=",
            "limit=",
            "limit=0",
            "limit=x",
            "limit=-1",
            "limit=1.5",
            "cursor=1",
        ] {
            assert_eq!(PollQuery::read(Some(bad), 200).unwrap_err().issues[0].key, Key::Parameter, "{bad}");
        }
    }
}
