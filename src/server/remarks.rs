//! What an answer should be read with, in a header: the body is what was asked for alone, which can be sent back.

use std::fmt::Write as _;

use axum::http::HeaderName;
use axum::response::Response;
use serde_json::Value;

use crate::exchange::Remarks;

use super::reply;

/// Where remarks stand, as a JSON array.
const REMARKS: HeaderName = HeaderName::from_static("handoff-remarks");

/// The most bytes of remarks in a header; the rest is left out.
const MAX_HEADER: usize = 4096;

/// The answer with these remarks, if there are any.
pub(crate) fn with(response: Response, remarks: &Remarks) -> Response {
    let text = header(remarks.iter());
    if text.is_empty() { response } else { reply::with(response, REMARKS, &text) }
}

/// Remarks as a header's value: JSON in ASCII, as many as have room.
fn header<'r>(remarks: impl Iterator<Item = &'r Value>) -> String {
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
