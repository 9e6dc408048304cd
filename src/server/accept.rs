//! Which format the client wants (<https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1>,
//! <https://hl7.org/fhir/R4/http.html#mime-type>).
//!
//! On FHIR routes `_format` overrides Accept. The parameter `fhirVersion` may say 4.0, or 4.3: the resources that
//! travel here have the same shape in both. Any other version is another format.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, query_string};

/// What FHIR routes answer with, and the older names that mean the same.
const FHIR: &[&str] = &["application/fhir+json", "application/json", "text/json"];

/// Refuses a FHIR request that wants anything but JSON.
pub(crate) fn fhir(headers: &HeaderMap, query: Option<&str>) -> Result<()> {
    if let Some(query) = query.filter(|query| query.contains("_format"))
        && let Some(format) = query_string::value(query, "_format")?
    {
        return check_format(&format);
    }
    negotiate(headers, FHIR).map(|_| ())
}

/// Refuses a `_format` that is anything but JSON.
pub(crate) fn check_format(format: &str) -> Result<()> {
    // A plus sign that was not encoded arrives as a space.
    let format = format.replace(' ', "+");
    let plain = format.split(';').next().unwrap_or_default().trim();
    if plain == "json" || FHIR.contains(&plain) { Ok(()) } else { Err(refusal(&format)) }
}

/// The position in `offered` of what the client likes best; earlier ones win a tie.
pub(crate) fn negotiate(headers: &HeaderMap, offered: &[&str]) -> Result<usize> {
    let mut lines = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or_default());
    let accept = match (lines.next(), lines.next()) {
        (None | Some("" | "*/*"), None) => return Ok(0),
        (Some(only), None) => Cow::Borrowed(only),
        (first, second) => Cow::Owned(first.into_iter().chain(second).chain(lines).collect::<Vec<_>>().join(",")),
    };
    let mut best: Option<(usize, u16)> = None;
    for (position, kind) in offered.iter().enumerate() {
        let quality = quality(&accept, kind);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((position, quality));
        }
    }
    best.map(|(position, _)| position).ok_or_else(|| refusal(&accept))
}

/// How much `accept` likes the media type `kind`, in thousandths; the most specific range decides.
fn quality(accept: &str, kind: &str) -> u16 {
    let ranges = accept.split(',').filter_map(|range| {
        let mut parts = range.split(';').map(str::trim);
        let specific = specificity(parts.next()?, kind)?;
        let mut quality = 1000;
        for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
            match name.trim() {
                "q" => quality = thousandths(value.trim()),
                "fhirVersion" if !is_supported_version(value) => return None,
                _ => {}
            }
        }
        Some((specific, quality))
    });
    ranges.max_by_key(|(specific, _)| *specific).map_or(0, |(_, quality)| quality)
}

/// Is this a version of FHIR that is served?
pub(crate) fn is_supported_version(version: &str) -> bool {
    matches!(version.trim().trim_matches('"'), "4.0" | "4.0.1" | "4.3" | "4.3.0")
}

fn specificity(range: &str, kind: &str) -> Option<u8> {
    if range.eq_ignore_ascii_case(kind) {
        return Some(2);
    }
    let front = range.strip_suffix("/*")?;
    let (group, _) = kind.split_once('/')?;
    if front == "*" { Some(0) } else { front.eq_ignore_ascii_case(group).then_some(1) }
}

fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = fraction.chars().chain("000".chars()).take(3).collect::<String>();
    match whole {
        "1" => 1000,
        _ => digits.parse().unwrap_or(0),
    }
}

fn refusal(wanted: &str) -> Error {
    let wanted: String = wanted.chars().filter(|character| !character.is_control()).take(100).collect();
    let message = format!("cannot answer as \"{wanted}\"");
    Error::new(Category::NotAcceptable, Issue::error(Key::NotAcceptable, "", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &[&str]) -> HeaderMap {
        accept.iter().map(|value| (ACCEPT, value.parse().unwrap())).collect()
    }

    #[test]
    fn finds_the_best() {
        let offered = &["application/json", "text/csv"];
        for (accept, expected) in [
            (&[][..], Some(0)),
            (&["*/*"], Some(0)),
            (&["text/csv"], Some(1)),
            (&["text/*"], Some(1)),
            (&["text/csv;q=0.5, application/json"], Some(0)),
            (&["text/csv;q=0.5", "application/json;q=0.4"], Some(1)),
            (&["application/json;q=0, */*;q=0.1"], Some(1)),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Some(0)),
            (&["application/xml"], None),
            (&["application/json;q=0"], None),
        ] {
            assert_eq!(negotiate(&headers(accept), offered).ok(), expected, "{accept:?}");
        }
    }

    #[test]
    fn format_overrides_accept() {
        for (accept, query, good) in [
            ("application/fhir+json", None, true),
            ("application/fhir+json; fhirVersion=4.0", None, true),
            ("application/fhir+json; fhirVersion=4.3", None, true),
            ("application/fhir+json; fhirVersion=5.0", None, false),
            ("application/fhir+xml", None, false),
            ("application/fhir+xml", Some("_format=json"), true),
            ("application/fhir+json", Some("status=x&_format=xml"), false),
            ("*/*", Some("_format=application/fhir+json"), true),
            ("*/*", Some("_format=application%2Ffhir%2Bjson"), true),
        ] {
            let result = fhir(&headers(&[accept]), query);
            assert_eq!(result.is_ok(), good, "{accept} {query:?}");
            assert!(good || result.unwrap_err().category == Category::NotAcceptable);
        }
    }
}
