//! A record as an answer: with its version, and the remarks on its change in a header.

use std::fmt::Write as _;

use axum::http::header::ETAG;
use axum::http::{HeaderName, StatusCode};
use axum::response::Response;
use serde_json::Value;

use crate::exchange::Record;
use crate::server::condition;
use crate::server::reply::{self, JSON};

/// Where remarks on a change stand, as a JSON array: the body is the record alone, which can be put back.
const REMARKS: HeaderName = HeaderName::from_static("handoff-remarks");

/// The most bytes of remarks in a header; who wants all asks for the explanation.
const MAX_HEADER: usize = 4096;

/// A record with its version, and what its change should be read with.
pub(super) fn versioned(record: Record) -> Response {
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
