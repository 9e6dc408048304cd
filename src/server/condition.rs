//! What the headers of a request make its effect depend on: If-Match, If-None-Match, If-Modified-Since,
//! If-Unmodified-Since (RFC 9110, section 13), Idempotency-Key, and what it would like to get back: Prefer (<https://hl7.org/fhir/R4/http.html#ops>).

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use crate::error::{Category, Error, Result};
use crate::fhir::precondition::VersionTags;
use crate::fhir::{Issue, Key, Preconditions, ResourceKey};

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

/// The conditions of a request. One that is not known is refused: to pass over it would do what was not to be done.
///
/// # Errors
/// For an If-Match or If-Unmodified-Since that cannot be read, and a condition that is not served.
pub(crate) fn preconditions(headers: &HeaderMap) -> Result<Preconditions> {
    const KNOWN: &[&str] =
        &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-none-exist", "if-range"];
    if let Some(other) = headers.keys().find(|name| name.as_str().starts_with("if-") && !KNOWN.contains(&name.as_str()))
    {
        let text = format!("the condition {other} is not served; leave it out, or say it with If-Match");
        return Err(Error::incorrect(Key::Parameter, text));
    }
    let is_version = match all(headers, IF_MATCH.as_str())? {
        None => None,
        Some(text) => Some(tags(&text).filter(|tags| *tags != VersionTags::OneOf(Vec::new())).ok_or_else(|| {
            Error::incorrect(Key::Parameter, "If-Match is no version; expected the form W/\"3\", a list of them, or *")
        })?),
    };
    let none_of = all(headers, IF_NONE_MATCH.as_str())?;
    let is_no_version = none_of.map(|text| tags(&text).unwrap_or(VersionTags::OneOf(Vec::new())));
    let unmodified_since = match text(headers, IF_UNMODIFIED_SINCE.as_str())? {
        None => None,
        Some(text) => Some(parse_http_date(text).ok_or_else(|| {
            let text = "If-Unmodified-Since is no time; expected the form Sat, 21 Nov 2026 10:00:00 GMT";
            Error::incorrect(Key::Parameter, text)
        })?),
    };
    // RFC 9110, 13.1.3: one that is no date is as if it were not there.
    let modified_since = headers.get(IF_MODIFIED_SINCE).and_then(|since| parse_http_date(since.to_str().ok()?));
    Ok(Preconditions { is_version, is_no_version, unmodified_since, modified_since })
}

/// All values of a header as one list.
fn all(headers: &HeaderMap, name: &str) -> Result<Option<String>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str()).collect::<std::result::Result<Vec<_>, _>>();
    let values =
        values.map_err(|_| Error::incorrect(Key::Parameter, format!("the header {name} is not printable ASCII")))?;
    Ok((!values.is_empty()).then(|| values.join(",")))
}

/// The versions of a list of entity tags, `*` for any; none where something in it is no tag. A tag that is none of ours is
/// no version.
pub(crate) fn tags(text: &str) -> Option<VersionTags> {
    if text.trim() == "*" {
        return Some(VersionTags::Any);
    }
    let mut versions = Vec::new();
    for tag in text.split(',').map(str::trim) {
        let inner = tag.strip_prefix("W/").unwrap_or(tag);
        let inner = inner.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'))?;
        versions.extend(inner.parse::<u64>());
    }
    Some(VersionTags::OneOf(versions))
}

fn parse_http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// The refusal of a request whose conditions do not hold.
pub(crate) fn failed(key: &ResourceKey, newest: u64) -> Error {
    let text = format!("{key} has version {newest}, which the conditions of the request rule out");
    Error::new(Category::Precondition, Issue::error(Key::StaleVersion, "", text))
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

/// What a client prefers to get back from each write of a Bundle; only what is necessary, if it does not say.
pub(crate) fn returned_in_bundle(headers: &HeaderMap) -> Return {
    let says = headers.get_all("prefer").iter().any(|value| value.to_str().is_ok_and(|text| text.contains("return=")));
    match Prefer::read(headers).returned {
        Return::Representation if !says => Return::Minimal,
        returned => returned,
    }
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
    fn reads_conditions() {
        let of = |pairs: &[(&'static str, &str)]| preconditions(&headers(pairs));
        let one_of = |versions: &[u64]| Some(VersionTags::OneOf(versions.to_vec()));
        let read = of(&[("if-match", "W/\"3\", \"4\""), ("if-none-match", "\"x\", W/\"5\"")]).unwrap();
        assert_eq!((read.is_version, read.is_no_version), (one_of(&[3, 4]), one_of(&[5])));
        assert_eq!(of(&[("if-match", "*")]).unwrap().is_version, Some(VersionTags::Any));
        let read =
            of(&[("if-unmodified-since", "Sat, 21 Nov 2026 10:00:00 GMT"), ("if-modified-since", "soon")]).unwrap();
        assert_eq!(read.unmodified_since.map(http_date).as_deref(), Some("Sat, 21 Nov 2026 10:00:00 GMT"));
        assert_eq!(read.modified_since, None);
        for bad in [
            ("if-match", "3"),
            ("if-match", "W/\"x\""),
            ("if-match", ""),
            ("if-unmodified-since", "soon"),
            ("if-schedule-tag-match", "x"),
        ] {
            assert!(of(&[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn reads_preferences() {
        let prefer = Prefer::read(&headers(&[("prefer", "respond-async, return=minimal; handling=lenient")]));
        assert_eq!(prefer, Prefer { returned: Return::Minimal, lenient: true });
        assert_eq!(Prefer::read(&headers(&[])).returned, Return::Representation);
    }
}
