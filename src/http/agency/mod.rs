//! The agency API, version 1: referrals as program records, for systems that do not speak FHIR. `openapi.json` describes
//! it to people and tools; the table of routes is what is served, and a test compares the two.

pub(super) mod eligibility;
pub(super) mod events;
pub(super) mod explanation;
pub(super) mod openapi;
pub(super) mod programs;
pub(super) mod record;
pub(super) mod referral;
pub(super) mod referrals;
pub(super) mod schemas;
pub(super) mod sheet;
pub(super) mod vocabularies;

use std::fmt::Write as _;

use axum::extract::FromRequestParts;
use axum::http::header::ETAG;
use axum::http::request::Parts as Head;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::exchange::Record;
use crate::fhir::{Key, query_string};

use super::accept;
use super::app_state::AppState;
use super::condition;
use super::reply::{self, JSON, Refusal};

/// Where remarks on a change stand, as a JSON array: the body is the record alone, which can be put back.
const REMARKS: HeaderName = HeaderName::from_static("handoff-remarks");

/// The most bytes of remarks in a header; who wants all asks for the explanation.
const MAX_HEADER: usize = 4096;

/// A record with its version, and what its change should be read with.
fn versioned(record: Record) -> Response {
    let remarks = remarks(record.remarks.iter());
    let response = reply::body(StatusCode::OK, JSON, record.json);
    let response = reply::with(response, ETAG, &condition::tag(record.version));
    if remarks.is_empty() { response } else { reply::with(response, REMARKS, &remarks) }
}

/// Remarks as a header's value: JSON in ASCII, as many as have room.
fn remarks<'r>(remarks: impl Iterator<Item = &'r Value>) -> String {
    let mut text = String::new();
    for remark in remarks.map(|remark| ascii(&remark.to_string())) {
        if text.len() + remark.len() > MAX_HEADER {
            break;
        }
        text.push(if text.is_empty() { '[' } else { ',' });
        text.push_str(&remark);
    }
    if !text.is_empty() {
        text.push(']');
    }
    text
}

/// The same JSON, in ASCII.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Shape {
    Json,
    Csv,
}

impl FromRequestParts<AppState> for Shape {
    type Rejection = Refusal;

    /// The shape that the client accepts.
    async fn from_request_parts(head: &mut Head, _: &AppState) -> Result<Self, Refusal> {
        let position = accept::negotiate(&head.headers, &[reply::JSON, sheet::CSV])?;
        Ok(if position == 0 { Self::Json } else { Self::Csv })
    }
}

/// Reads the query of a route that has these parameters and no others.
fn parameters(query: Option<&str>, known: &[&str]) -> Result<Vec<(String, String)>> {
    let pairs = query_string::parse(query.unwrap_or_default())?;
    match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(pairs),
        Some((name, _)) => {
            let message = format!("there is no parameter {name:.40}; this takes {}", known.join(", "));
            Err(Error::incorrect(Key::Parameter, message))
        }
    }
}
