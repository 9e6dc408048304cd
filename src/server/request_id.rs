//! How a request is called: by an id of our own, which leads through answer, log and audit, and beside it by what the
//! client calls it, where it does (<https://hl7.org/fhir/R4/http.html#custom>). Nobody else's id ever stands in the place
//! of ours: two requests never have the same one.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries our id in an answer, and may carry the client's in a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The header that carries the client's id in an answer, and may carry it in a request.
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");

/// The longest id that is taken from a client.
const MAX_LENGTH: usize = 64;

/// See the module head.
#[derive(Debug, Clone)]
pub(crate) struct RequestId {
    /// Ours
    pub(crate) own: String,
    /// The client's
    pub(crate) correlation: Option<String>,
}

impl RequestId {
    /// A request with this id of ours and these headers.
    pub(crate) fn new(own: String, headers: &HeaderMap) -> Self {
        Self { own, correlation: of_client(headers, &REQUEST_ID).or_else(|| of_client(headers, &CORRELATION_ID)) }
    }

    /// Says in the answer how the request is called.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        if let Ok(value) = HeaderValue::from_str(&self.own) {
            headers.insert(REQUEST_ID, value);
        }
        if let Some(value) = self.correlation.as_ref().and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(CORRELATION_ID, value);
        }
    }
}

/// The id that the client gave the request, where it can stand in a log. One that cannot is left out whole: what is left
/// of a sentence may still name somebody.
fn of_client(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    let is_sane = (1..=MAX_LENGTH).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    is_sane.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn correlation(name: HeaderName, text: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(text).unwrap())]);
        RequestId::new("ours".to_owned(), &headers).correlation
    }

    #[test]
    fn takes_sane_ids_only() {
        for (text, taken) in [("abc-1.2_3", true), ("", false), ("Jane Doe", false), ("a/b", false)] {
            for name in [REQUEST_ID, CORRELATION_ID] {
                assert_eq!(correlation(name, text).is_some(), taken, "{text}");
            }
        }
        assert_eq!(correlation(REQUEST_ID, &"a".repeat(65)), None);
    }

    #[test]
    fn ours_is_never_replaced() {
        let headers = HeaderMap::from_iter([(REQUEST_ID, HeaderValue::from_static("theirs"))]);
        let mut answer = HeaderMap::new();
        RequestId::new("ours".to_owned(), &headers).write(&mut answer);
        assert_eq!(answer[REQUEST_ID], "ours");
        assert_eq!(answer[CORRELATION_ID], "theirs");
    }
}
