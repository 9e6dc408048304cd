//! What the headers of a request make its effect depend on: If-Match, If-None-Match, If-Modified-Since and
//! If-Unmodified-Since (RFC 9110, section 13), If-None-Exist, Idempotency-Key; and what it would like to get back: Prefer
//! (<https://hl7.org/fhir/R4/http.html#ops>).
//!
//! Each route says which of them it takes ([`super::route`]), and one that it does not take is refused: to pass over it
//! would do what was not to be done. The standard has three ignored, and so they are: If-Modified-Since on what is no GET
//! or HEAD, or is no date; If-Range on a GET, where the whole is answered as it is without Range. An If-Unmodified-Since
//! that is no date is refused though the standard would have it ignored: whoever sends it wants nothing overwritten.

use axum::body::Body;
use axum::http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED,
};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::error::{Category, Error, Result};
use crate::fhir::precondition::{ConditionResult, Validators, VersionTags};
use crate::fhir::{Issue, Key, Preconditions};

use super::reply::Refusal;
use super::{entity_tag, http_date};

/// The header in which a client names a request that it may repeat.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The header that says by which search a create must find nothing.
pub(crate) const IF_NONE_EXIST: &str = "if-none-exist";

/// What every GET may depend on; the answer says what it is held against.
pub(crate) const OF_READS: &[&str] =
    &["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"];

/// What a change of something that has versions may depend on.
pub(crate) const OF_CHANGES: &[&str] = &["if-match", "if-none-match", "if-unmodified-since"];

/// What a create may depend on.
pub(crate) const OF_CREATES: &[&str] = &[IF_NONE_EXIST];

/// The text of a header; none if it is absent.
///
/// # Errors
/// If it cannot be read, or stands twice.
pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::incorrect(Key::Parameter, format!("the header {name} stands twice; send it once")));
    }
    let text = value.to_str().map(str::trim);
    text.map(Some).map_err(|_| Error::incorrect(Key::Parameter, format!("the header {name} is not printable ASCII")))
}

/// Refuses a part of what is to be stored (RFC 9110, 14.5): it would be taken for the whole.
///
/// # Errors
/// `Incorrect`.
pub(crate) fn check_whole(headers: &HeaderMap, method: &Method) -> Result<()> {
    if !headers.contains_key(CONTENT_RANGE) || *method == Method::GET || *method == Method::HEAD {
        return Ok(());
    }
    let text = "Content-Range says that a part is sent, and parts are not put together here, so nothing is done";
    let issue = Issue::error(Key::Parameter, "", text).hint("send the whole, without Content-Range");
    Err(Error::new(Category::Incorrect, issue))
}

/// Refuses a condition that the route does not take.
///
/// # Errors
/// With those that it takes.
pub(crate) fn check_taken(headers: &HeaderMap, method: &Method, taken: &[&str]) -> Result<()> {
    let is_ignored =
        |name: &HeaderName| *name == IF_MODIFIED_SINCE && *method != Method::GET && *method != Method::HEAD;
    let is_condition = |name: &HeaderName| name.as_str() == "if" || name.as_str().starts_with("if-");
    let mut conditions = headers.keys().filter(|name| is_condition(name) && !is_ignored(name));
    let Some(other) = conditions.find(|name| !taken.contains(&name.as_str())) else { return Ok(()) };
    let taken = if taken.is_empty() { "no condition".to_owned() } else { taken.join(", ") };
    let text = format!(
        "the condition {:.40} is not evaluated here, so nothing is done; this request takes {taken}",
        other.as_str()
    );
    Err(Error::incorrect(Key::Parameter, text))
}

/// The conditions of a request.
///
/// # Errors
/// For one that cannot be read.
pub(crate) fn preconditions(headers: &HeaderMap) -> Result<Preconditions> {
    let unmodified_since = match text(headers, IF_UNMODIFIED_SINCE.as_str())? {
        None => None,
        Some(text) => Some(http_date::read(text).ok_or_else(|| {
            let text = "If-Unmodified-Since is no time; expected the form Sat, 21 Nov 2026 10:00:00 GMT";
            Error::incorrect(Key::Parameter, text)
        })?),
    };
    Ok(Preconditions {
        is_version: tags(headers, &IF_MATCH, "If-Match")?,
        is_no_version: tags(headers, &IF_NONE_MATCH, "If-None-Match")?,
        unmodified_since,
        // RFC 9110, 13.1.3: one that is no date, or several, are as if they were not there.
        modified_since: text(headers, IF_MODIFIED_SINCE.as_str()).ok().flatten().and_then(http_date::read),
    })
}

/// The versions that all values of a header name.
fn tags(headers: &HeaderMap, name: &HeaderName, shown: &str) -> Result<Option<VersionTags>> {
    let values = headers.get_all(name).iter().map(|value| value.to_str()).collect::<std::result::Result<Vec<_>, _>>();
    let values = values.unwrap_or_else(|_| vec!["not ASCII"]);
    if values.is_empty() {
        return Ok(None);
    }
    entity_tag::read_list(&values.join(",")).map(Some).ok_or_else(|| {
        let text = format!("{shown} is no version; expected the form W/\"3\", a list of them, or *");
        Error::incorrect(Key::Parameter, text)
    })
}

/// The answer to a read, held to the conditions of its request: whole, 304 without a body, or 412. It is held against the
/// version and the time that the answer itself says.
pub(crate) fn hold(conditions: &Preconditions, mut response: Response) -> Response {
    if response.status() != StatusCode::OK {
        // RFC 9110, 13.2.1: what is refused in any case is refused for that.
        return response;
    }
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let found = Validators {
        version: header(ETAG).and_then(entity_tag::read),
        updated: header(LAST_MODIFIED).and_then(http_date::read),
    };
    match conditions.of_read(found) {
        ConditionResult::Holds => response,
        ConditionResult::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(CONTENT_TYPE);
            response.headers_mut().remove(CONTENT_LENGTH);
            response.headers_mut().remove(CONTENT_ENCODING);
            response
        }
        result @ (ConditionResult::Fails | ConditionResult::Unknowable) => {
            Refusal::from(failed(result, found)).into_response()
        }
    }
}

/// The refusal of a read whose conditions do not hold.
pub(crate) fn failed(result: ConditionResult, found: Validators) -> Error {
    match (result, found.version) {
        (ConditionResult::Unknowable, _) => {
            let text = "what is asked for has no time of its own that If-Unmodified-Since could be held against";
            Error::incorrect(Key::Parameter, text)
        }
        (_, Some(version)) => {
            let text = format!("it has version {version}, which the conditions of the request rule out");
            Error::new(Category::Precondition, Issue::error(Key::StaleVersion, "", text))
        }
        (_, None) => {
            let text = "what is asked for has no version, so it is none that If-Match names";
            Error::new(Category::Precondition, Issue::error(Key::StaleVersion, "", text))
        }
    }
}

/// The key under which a repetition of the request changes nothing.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>> {
    text(headers, IDEMPOTENCY_KEY)
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
        pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn reads_conditions() {
        let of = |pairs: &[(&'static str, &str)]| preconditions(&headers(pairs));
        let one_of = |versions: &[u64]| Some(VersionTags::OneOf(versions.to_vec()));
        let read = of(&[("if-match", "W/\"3\", \"4\""), ("if-none-match", "\"x\", W/\"5\"")]).unwrap();
        assert_eq!((read.is_version, read.is_no_version), (one_of(&[3, 4]), one_of(&[5])));
        assert_eq!(of(&[("if-none-match", "3")]).unwrap().is_no_version, one_of(&[3]));
        assert_eq!(of(&[("if-match", "*")]).unwrap().is_version, Some(VersionTags::Any));
        let read =
            of(&[("if-unmodified-since", "Sat, 21 Nov 2026 10:00:00 GMT"), ("if-modified-since", "soon")]).unwrap();
        assert_eq!(read.unmodified_since.map(http_date::write).as_deref(), Some("Sat, 21 Nov 2026 10:00:00 GMT"));
        assert_eq!(read.modified_since, None);
        for bad in [
            ("if-match", "W/3"),
            ("if-match", "W/\"x"),
            ("if-match", ""),
            ("if-none-match", "three"),
            ("if-none-match", "\"3\", *"),
            ("if-unmodified-since", "soon"),
        ] {
            assert!(of(&[bad]).is_err(), "{bad:?}");
        }
        let mut twice = headers(&[("if-unmodified-since", "Sat, 21 Nov 2026 10:00:00 GMT")]);
        twice.append("if-unmodified-since", "Sun, 22 Nov 2026 10:00:00 GMT".parse().unwrap());
        assert!(preconditions(&twice).is_err());
        let mut two = headers(&[("if-match", "\"1\"")]);
        two.append("if-match", "\"2\"".parse().unwrap());
        assert_eq!(preconditions(&two).unwrap().is_version, one_of(&[1, 2]));
    }

    #[test]
    fn what_a_route_does_not_take_is_refused() {
        for (name, method, taken, good) in [
            ("if-match", Method::PUT, OF_CHANGES, true),
            ("if-none-exist", Method::POST, OF_CREATES, true),
            ("if-range", Method::GET, OF_READS, true),
            ("if-modified-since", Method::POST, &[][..], true),
            ("if-modified-since", Method::PUT, OF_CHANGES, true),
            ("if-match", Method::POST, OF_CREATES, false),
            ("if-none-exist", Method::PUT, OF_CHANGES, false),
            ("if-none-exist", Method::GET, OF_READS, false),
            ("if-range", Method::PUT, OF_CHANGES, false),
            ("if", Method::PUT, OF_CHANGES, false),
            ("if-schedule-tag-match", Method::GET, OF_READS, false),
        ] {
            assert_eq!(check_taken(&headers(&[(name, "x")]), &method, taken).is_ok(), good, "{name} {method}");
        }
    }

    #[test]
    fn a_part_is_not_taken_for_the_whole() {
        let part = headers(&[("content-range", "bytes 0-9/20")]);
        for (method, headers, good) in [
            (Method::PUT, &part, false),
            (Method::POST, &part, false),
            (Method::GET, &part, true),
            (Method::PUT, &headers(&[("range", "bytes=0-9")]), true),
        ] {
            assert_eq!(check_whole(headers, &method).is_ok(), good, "{method}");
        }
    }

    #[test]
    fn reads_preferences() {
        let prefer = Prefer::read(&headers(&[("prefer", "respond-async, return=minimal; handling=lenient")]));
        assert_eq!(prefer, Prefer { returned: Return::Minimal, lenient: true });
        assert_eq!(Prefer::read(&headers(&[])).returned, Return::Representation);
    }
}
