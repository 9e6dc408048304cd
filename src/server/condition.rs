//! What a request makes its effect depend on: If-Match, If-None-Match, If-Modified-Since, Idempotency-Key
//! (<https://hl7.org/fhir/R4/http.html#concurrency>, <https://hl7.org/fhir/R4/http.html#cread>), and what it would
//! like to get back: Prefer (<https://hl7.org/fhir/R4/http.html#ops>).

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::error::{Error, Result};
use crate::fhir::Key;

/// The header in which a client names a request that it may repeat.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The text of a header; none if it is absent.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    let text = value.to_str().map(str::trim);
    text.map(Some).map_err(|_| Error::incorrect(Key::Parameter, format!("the header {name} is not printable ASCII")))
}

/// The version that If-Match names.
pub(crate) fn if_match(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(etag) = text(headers, IF_MATCH.as_str())? else { return Ok(None) };
    let version = version(etag).map(Some);
    version.ok_or_else(|| Error::incorrect(Key::Parameter, "If-Match is no version; expected the form W/\"3\""))
}

/// The version in an entity tag: `W/"3"`, or `"3"`.
pub(crate) fn version(tag: &str) -> Option<u64> {
    let tag = tag.trim();
    let inner = tag.strip_prefix("W/").unwrap_or(tag);
    inner.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

/// The entity tag of a version.
pub(crate) fn tag(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// Does the client say that it has this version already?
pub(crate) fn client_has_version(headers: &HeaderMap, newest: u64, updated: Timestamp) -> bool {
    if let Some(tags) = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()) {
        return tags.split(',').any(|tag| tag.trim() == "*" || version(tag) == Some(newest));
    }
    let since = headers.get(IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok());
    let since = since.and_then(|since| rfc2822::DateTimeParser::new().parse_timestamp(since).ok());
    // The header has whole seconds.
    since.is_some_and(|since| updated.as_second() <= since.as_second())
}

/// The key under which a repetition of the request changes nothing.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>> {
    text(headers, IDEMPOTENCY_KEY)
}

/// A time as HTTP headers write it.
pub(crate) fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// What comes back from a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Return {
    /// Nothing but headers
    Minimal,
    /// The resource as it was stored
    #[default]
    Representation,
    /// What was found about it
    Outcome,
}

/// What the client prefers. Wishes that are not known are ignored, as the header's standard demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Prefer {
    /// What a write answers
    pub(crate) returned: Return,
    /// Whether unknown search parameters are left out rather than refused
    pub(crate) lenient: bool,
}

impl Prefer {
    /// Reads all Prefer headers of a request.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split([',', ';'])) {
            match preference.trim() {
                "return=minimal" => prefer.returned = Return::Minimal,
                "return=representation" => prefer.returned = Return::Representation,
                "return=OperationOutcome" => prefer.returned = Return::Outcome,
                "handling=lenient" => prefer.lenient = true,
                "handling=strict" => prefer.lenient = false,
                _ => {}
            }
        }
        prefer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn reads_versions() {
        assert_eq!(if_match(&headers(&[("if-match", "W/\"3\"")])), Ok(Some(3)));
        assert_eq!(if_match(&headers(&[("if-match", "\"12\"")])), Ok(Some(12)));
        assert_eq!(if_match(&headers(&[])), Ok(None));
        for bad in ["*", "3", "W/\"x\"", "W/3", "", "W/\"1\", W/\"2\""] {
            assert!(if_match(&headers(&[("if-match", bad)])).is_err(), "{bad}");
        }
    }

    #[test]
    fn knows_what_the_client_has() {
        let at: Timestamp = "2026-11-21T10:00:00.5Z".parse().unwrap();
        for (pair, expected) in [
            (("if-none-match", "W/\"2\""), true),
            (("if-none-match", "W/\"1\", W/\"2\""), true),
            (("if-none-match", "W/\"3\""), false),
            (("if-modified-since", "Sat, 21 Nov 2026 10:00:00 GMT"), true),
            (("if-modified-since", "Sat, 21 Nov 2026 09:59:59 GMT"), false),
            (("if-modified-since", "yesterday"), false),
        ] {
            assert_eq!(client_has_version(&headers(&[pair]), 2, at), expected, "{pair:?}");
        }
        assert_eq!(http_date(at), "Sat, 21 Nov 2026 10:00:00 GMT");
    }

    #[test]
    fn reads_preferences() {
        let prefer = Prefer::read(&headers(&[("prefer", "respond-async, return=minimal; handling=lenient")]));
        assert_eq!(prefer, Prefer { returned: Return::Minimal, lenient: true });
        assert_eq!(Prefer::read(&headers(&[])).returned, Return::Representation);
    }
}
