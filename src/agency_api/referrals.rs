//! `GET /agency/v1/referrals?since=CURSOR&wait=SECONDS&limit=NUMBER`: what is new for the caller's organization, as
//! records, with the cursor to go on from. The cursor follows commits, so whoever polls with the last one sees every
//! change and misses none. With `wait` the answer is held until there is something to say, the time is over, or the
//! server stops. `Accept: text/csv` gives a sheet (see `sheet`); its cursor stands in the header `Handoff-Cursor`.

use std::time::Duration;

use axum::extract::State;
use axum::http::header::LINK;
use axum::http::{HeaderName, StatusCode, Uri};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::exchange::{ChangedRecord, PollSize, Records};
use crate::fhir::edit::quote;
use crate::fhir::query_string::whole_number;
use crate::fhir::{Key, query_string};
use crate::security::Caller;

use super::query::parameters;
use super::shape::Shape;
use super::sheet;
use crate::server::app_state::{AppState, Base};
use crate::server::load::Load;
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
    let poll_query = PollQuery::read(uri.query(), app_state.limits.content.count)?;
    let wait = poll_query.wait;
    app_state.metrics.count_poll();
    let request = PollRequest { app_state, caller, base, shape, poll_query };
    if let Some(empty) = request.wait().await? {
        return request.render(&empty, None);
    }
    let (app_state, caller) = (request.app_state.clone(), request.caller.clone());
    let listed = async move { request.list().await };
    let answer = app_state.workers.run(Load::List, &caller.client, listed).await?;
    if !wait.is_zero() {
        // What woke the poll may have been committed after the client was revoked, which is not heard of at once.
        app_state.admission.check_again(&caller).await?;
    }
    answer
}

/// A poll, and who asks it.
struct PollRequest {
    app_state: AppState,
    caller: Caller,
    base: Base,
    shape: Shape,
    poll_query: PollQuery,
}

impl PollRequest {
    /// The answer while there is nothing to say; none as soon as there is something. A held poll is answered at once when
    /// the server stops, and refused at once when its client is revoked; nothing that came after that is told.
    async fn wait(&self) -> Result<Option<Records>> {
        let Self { app_state, caller, poll_query, .. } = self;
        let nothing_new = |wait| app_state.exchange.nothing_new(caller, poll_query.since.as_deref(), wait);
        let empty = nothing_new(Duration::ZERO).await?;
        if empty.is_none() || poll_query.wait.is_zero() {
            return Ok(empty);
        }
        let _held = app_state.metrics.track_poll();
        tokio::select! {
            empty = nothing_new(poll_query.wait) => empty,
            () = app_state.wait_for_stop() => Ok(empty),
            revoked = app_state.admission.revocation(caller) => Err(revoked),
        }
    }

    /// What there is to say, as far as an answer has room for it.
    async fn list(&self) -> Answer {
        let most = self.app_state.limits.content.answer_bytes;
        let mut size = PollSize { records: self.poll_query.limit, bytes: most };
        let mut found = self.poll(size).await?;
        if self.shape != Shape::Csv {
            return self.render(&found, None);
        }
        let mut text = self.sheet(&found)?;
        // A record fills more of a sheet than of a list, where it has many rows.
        while text.len() > most && found.records.len() > 1 {
            size.bytes = found.records.iter().map(|record| record.json.len()).sum::<usize>() / 2;
            found = self.poll(size).await?;
            text = self.sheet(&found)?;
        }
        self.render(&found, Some(text))
    }

    async fn poll(&self, size: PollSize) -> Result<Records> {
        self.app_state.exchange.poll_within(&self.caller, self.poll_query.since.as_deref(), size).await
    }

    fn sheet(&self, found: &Records) -> Result<String> {
        sheet::text(&self.app_state, found.records.iter().map(|record| (record.json.as_str(), record.version)))
    }

    /// The answer; as a sheet, where one is wanted, which may be written by now.
    fn render(&self, found: &Records, written: Option<String>) -> Answer {
        let Records { records, cursor } = found;
        for rule in records.iter().filter_map(|record| record.unreadable) {
            self.app_state.metrics.count_unreadable(rule);
        }
        if self.shape == Shape::Csv {
            let next = [("since", cursor.as_str()), ("limit", &self.poll_query.limit.to_string())];
            let link = format!("<{}/agency/v1/referrals?{}>; rel=\"next\"", self.base.url(), query_string::write(next));
            let response = sheet::reply(written.map_or_else(|| self.sheet(found), Ok)?);
            return Ok(reply::with(reply::with(response, CURSOR, cursor), LINK, &link));
        }
        let mut text = String::from("{\"records\":[");
        for (position, record) in records.iter().enumerate() {
            if position > 0 {
                text.push(',');
            }
            text.push_str(&record.json);
        }
        text.push_str("],\"cursor\":");
        text.push_str(&quote(cursor));
        let remarks = remarks(found);
        if !remarks.is_empty() {
            text.push_str(",\"remarks\":");
            text.push_str(&Value::from(remarks).to_string());
        }
        text.push('}');
        Ok(reply::body(StatusCode::OK, JSON, text))
    }
}

/// What records of the list should be read with, each with the id of its record.
fn remarks(found: &Records) -> Vec<Value> {
    let of = |record: &ChangedRecord| {
        let with_id = |remark: &Value| {
            let mut remark = remark.clone();
            remark["id"] = record.id().into();
            remark
        };
        record.remarks.iter().map(with_id).collect::<Vec<_>>()
    };
    found.records.iter().flat_map(of).collect()
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
