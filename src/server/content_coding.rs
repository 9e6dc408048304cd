//! Content codings (<https://www.rfc-editor.org/rfc/rfc9110#section-8.4>): gzip, of bodies that come and of answers that go.
//!
//! A body is unpacked as it comes, up to the limit of bodies, and only so far beyond its own size; what grows more is no
//! message. An answer is packed where the client asks for it and it is long enough to gain by it, so a held poll that has
//! nothing to say never is. Packing tells the length of what an answer repeats (<https://breachattack.com>): no token is ever
//! in an answer, and none is sent by a browser on its own.

use std::io::{self, Write};

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::Response;
use flate2::Compression;
use flate2::write::{GzEncoder, MultiGzDecoder};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};
use crate::limits::KILOBYTE;

use super::body_size::too_large;

/// The coding that is read and written.
pub(super) const GZIP: &str = "gzip";
/// The shortest answer that is packed.
const MIN_PACKED: usize = KILOBYTE;
/// How many times its own size a body may have. Messages of hundreds of entries that are much alike stay far below.
pub(super) const MAX_RATIO: usize = 100;
/// What a body may have in any case.
const MIN_ALLOWED: usize = 64 * KILOBYTE;

// === bodies ===

/// Is the body packed?
///
/// # Errors
/// `MediaType` for a coding that is not read.
pub(super) fn is_packed(headers: &HeaderMap) -> Result<bool> {
    let mut codings = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or("?").split(',').map(str::trim).collect::<Vec<_>>())
        .filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity"));
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if is_gzip(coding) => Ok(true),
        (Some(coding), more) => {
            let shown: String = coding.chars().filter(|character| !character.is_control()).take(40).collect();
            let several = if more.is_some() { " and others" } else { "" };
            let message = format!("the body has the content coding \"{shown}\"{several}; gzip is read, once, and none");
            let issue =
                Issue::error(Key::MediaType, "", message).hint("send Content-Encoding: gzip, or the body as it is");
            Err(Error::new(Category::MediaType, issue))
        }
    }
}

fn is_gzip(coding: &str) -> bool {
    coding.eq_ignore_ascii_case(GZIP) || coding.eq_ignore_ascii_case("x-gzip")
}

/// A body that is unpacked as it comes.
pub(super) struct Unpacker {
    decoder: MultiGzDecoder<Bounded>,
    packed: usize,
    most: usize,
}

/// Takes so many bytes and no more.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    allowed: usize,
    is_over: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.allowed {
            self.is_over = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Unpacker {
    /// For a body that has `most` bytes at most.
    pub(super) fn new(most: usize) -> Self {
        Self { decoder: MultiGzDecoder::new(Bounded::default()), packed: 0, most }
    }

    /// The most memory that a body takes which is announced with this length.
    pub(super) fn most_of(announced: Option<usize>, most: usize) -> usize {
        announced.map_or(most, |length| allowed(length, most))
    }

    /// Takes what came next.
    ///
    /// # Errors
    /// `TooLarge` for what unpacks to too much; `Incorrect` for what is no gzip.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Result<()> {
        self.packed += chunk.len();
        self.decoder.get_mut().allowed = allowed(self.packed, self.most);
        self.decoder.write_all(chunk).map_err(|error| self.refused(&error))
    }

    /// The whole body.
    ///
    /// # Errors
    /// As [`Unpacker::take`], and where its end is missing.
    pub(super) fn finish(mut self) -> Result<Vec<u8>> {
        self.decoder.try_finish().map_err(|error| self.refused(&error))?;
        Ok(std::mem::take(&mut self.decoder.get_mut().bytes))
    }

    fn refused(&self, error: &io::Error) -> Error {
        let bounded = self.decoder.get_ref();
        if !bounded.is_over {
            let message = format!("the body is no complete gzip, as its Content-Encoding says: {error}");
            return Error::incorrect(Key::JsonSyntax, message);
        }
        if bounded.allowed >= self.most {
            return too_large(self.most + 1, self.most);
        }
        let message = format!("the body unpacks to more than {MAX_RATIO} times its size; send it as it is");
        Error::new(Category::TooLarge, Issue::error(Key::TooLarge, "", message))
    }
}

/// How much so many packed bytes may come to.
fn allowed(packed: usize, most: usize) -> usize {
    packed.saturating_mul(MAX_RATIO).max(MIN_ALLOWED).min(most)
}

// === answers ===

/// How the client wants its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    gzip: bool,
    /// Only the head of the answer
    head: bool,
}

impl Wanted {
    /// By a request of this method with these headers (<https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3>).
    pub(super) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let (mut named, mut any) = (None, None);
        for value in headers.get_all(ACCEPT_ENCODING) {
            for element in value.to_str().unwrap_or_default().split(',') {
                let mut parts = element.split(';').map(str::trim);
                let coding = parts.next().unwrap_or_default();
                let is_refused = parts.any(|parameter| {
                    let weight = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="));
                    weight.is_some_and(|weight| weight.trim().chars().all(|digit| matches!(digit, '0' | '.')))
                });
                if is_gzip(coding) {
                    named = Some(!is_refused);
                } else if coding == "*" {
                    any = Some(!is_refused);
                }
            }
        }
        Self { gzip: named.or(any).unwrap_or(false), head: *method == Method::HEAD }
    }
}

/// The answer as the client wants it.
///
/// # Errors
/// A fault, if it cannot be packed.
pub(super) async fn pack(response: Response, wanted: Wanted) -> Result<Response> {
    if !is_worth_packing(response.headers()) {
        return Ok(response);
    }
    let mut response = response;
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    if !wanted.gzip {
        return Ok(response);
    }
    if wanted.head {
        // As the answer to a GET would have it.
        let length = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: usize| length >= MIN_PACKED) {
            say_packed(response.headers_mut());
        }
        return Ok(response);
    }
    if response.body().size_hint().exact().is_none_or(|length| length < MIN_PACKED as u64) {
        return Ok(response);
    }
    let (mut head, body) = response.into_parts();
    let plain = to_bytes(body, usize::MAX).await.map_err(Error::fault)?;
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 8), Compression::fast());
    encoder.write_all(&plain).map_err(Error::fault)?;
    let packed = encoder.finish().map_err(Error::fault)?;
    say_packed(&mut head.headers);
    Ok(Response::from_parts(head, Body::from(packed)))
}

fn say_packed(headers: &mut HeaderMap) {
    headers.remove(CONTENT_LENGTH);
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(GZIP));
}

/// Text, that is not packed yet.
fn is_worth_packing(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_text =
        kind.starts_with("text/") || kind.contains("json") || kind.starts_with("application/openmetrics-text");
    is_text && !headers.contains_key(CONTENT_ENCODING)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: &[u8], most: usize) -> Result<Vec<u8>> {
        let mut unpacker = Unpacker::new(most);
        for chunk in bytes.chunks(1000) {
            unpacker.take(chunk)?;
        }
        unpacker.finish()
    }

    #[test]
    fn a_body_is_unpacked_within_its_limits() {
        let text = "a line of a message\n".repeat(1000).into_bytes();
        assert_eq!(unpack(&packed(&text), text.len()).unwrap(), text);
        let twice = [packed(b"one "), packed(b"and another")].concat();
        assert_eq!(unpack(&twice, 100).unwrap(), b"one and another");
        let error = unpack(&packed(&text), text.len() - 1).unwrap_err();
        assert!(error.category == Category::TooLarge && error.issues[0].text.contains("limit body-mb"), "{error}");
        for bytes in [&packed(&text)[..50], &text, b"", &[packed(b"one"), b"rest".to_vec()].concat()] {
            let error = unpack(bytes, 100_000).unwrap_err();
            assert!(
                error.category == Category::Incorrect && error.issues[0].text.contains("no complete gzip"),
                "{error}"
            );
        }
    }

    #[test]
    fn what_grows_too_much_is_stopped_early() {
        let bomb = packed(&vec![b' '; 50_000_000]);
        let mut unpacker = Unpacker::new(100_000_000);
        let error = unpacker.take(&bomb[..1000]).unwrap_err();
        assert!(error.category == Category::TooLarge && error.issues[0].text.contains("100 times"), "{error}");
        assert!(unpacker.decoder.get_ref().bytes.len() <= 1000 * MAX_RATIO);
        assert_eq!(Unpacker::most_of(Some(1000), usize::MAX), 1000 * MAX_RATIO);
        assert_eq!((Unpacker::most_of(Some(1), usize::MAX), Unpacker::most_of(None, 7)), (MIN_ALLOWED, 7));
    }

    #[test]
    fn the_client_says_whether_it_wants_gzip() {
        for (text, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5, br", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.000", false),
            ("*;q=0", false),
            ("br, identity", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(text))]);
            assert_eq!(Wanted::of(&Method::GET, &headers).gzip, expected, "{text}");
        }
    }

    #[test]
    fn one_coding_is_read() {
        for (text, expected) in [
            ("gzip", Some(true)),
            ("X-GZip", Some(true)),
            ("identity", Some(false)),
            ("", Some(false)),
            ("br", None),
            ("gzip, gzip", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, HeaderValue::from_static(text))]);
            assert_eq!(is_packed(&headers).ok(), expected, "{text}");
        }
    }
}
