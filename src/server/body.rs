//! Bodies of requests: bounded in bytes and time, of a media type that is read, parsed once
//! (<https://hl7.org/fhir/R4/http.html#mime-type>).
//!
//! A body is received whole, of a caller that may send it, before its handler runs ([`receive`]); the handler takes and
//! parses it, on the thread that it runs on.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key};
use crate::limits::KILOBYTE;
use crate::yielding;

use super::accept;
use super::app_state::AppState;
use super::body_size::too_large;
use super::content_coding::{self, Unpacker};
use super::fair_queue::Turn;
use super::reply::Refusal;

/// How much of a packed body is unpacked at once: a millisecond's work, whatever it holds.
const UNPACKED_AT_ONCE: usize = 4 * KILOBYTE;

/// The media types of FHIR resources.
const RESOURCE: &[&str] = &["application/fhir+json", "application/json", "text/json"];
/// The media type of the agency API.
const PLAIN: &[&str] = &["application/json"];
/// The media types of sheets: their own, and that of a file of any kind, for clients that cannot name it. They come in
/// whatever charset a spreadsheet writes; their reader finds it out.
const SHEET: &[&str] = &["text/csv", "application/octet-stream"];
/// The media type of a search by POST.
const FORM: &[&str] = &["application/x-www-form-urlencoded"];

/// The bodies that a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// None, and one that is sent is not read
    None,
    /// A FHIR resource
    Resource,
    /// A JSON value of the agency API
    Json,
    /// A sheet
    Sheet,
    /// An urlencoded form
    Form,
}

impl BodyKind {
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Resource => RESOURCE,
            Self::Json => PLAIN,
            Self::Sheet => SHEET,
            Self::Form => FORM,
        }
    }
}

/// What was received of a body.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) bytes: usize,
    /// The memory that it was given
    _held: Option<Turn>,
}

/// Receives the body of a request, if its route takes one, and puts it in its place.
///
/// # Errors
/// For a media type that the route does not take, and for a body that is too large, takes too long or ends early.
pub(crate) async fn receive(
    app_state: &AppState,
    kind: BodyKind,
    client: &str,
    request: Request,
) -> Result<(Request, Received)> {
    if kind == BodyKind::None || request.body().is_end_stream() {
        return Ok((request, Received { bytes: 0, _held: None }));
    }
    let body_time = app_state.limits.requests.body_time;
    if let Err(refused) = check_kind(request.headers(), kind.media_types()) {
        let (head, body) = request.into_parts();
        // What has no body has no media type that could be wrong.
        if kind == BodyKind::Form && has_no_body(body, body_time).await {
            return Ok((Request::from_parts(head, Body::empty()), Received { bytes: 0, _held: None }));
        }
        return Err(refused);
    }
    let most = app_state.limits.document.bytes;
    let announced = content_length(request.headers());
    if let Some(length) = announced.filter(|length| *length > most) {
        return Err(too_large(length, most));
    }
    let is_packed = content_coding::is_packed(request.headers())?;
    let room = if is_packed { Unpacker::most_of(announced, most) } else { announced.unwrap_or(most) };
    let mut held = app_state.held_bytes.hold_body(client, room).await?;
    let (mut head, body) = request.into_parts();
    let collected = async { if is_packed { unpack(body, most).await } else { collect(body, announced, most).await } };
    let Ok(bytes) = tokio::time::timeout(body_time, collected).await else {
        let message = format!("the body did not arrive within {body_time:?} (limit body-seconds)");
        return Err(Error::new(Category::Timeout, Issue::error(Key::Timeout, "", message)));
    };
    let bytes = bytes?;
    let length = bytes.len();
    if let Some(held) = &mut held {
        held.reduce_to(length.div_ceil(KILOBYTE));
    }
    if is_packed {
        // What the handler finds is neither packed nor of the length that was announced.
        head.headers.remove(CONTENT_ENCODING);
        head.headers.remove(CONTENT_LENGTH);
    }
    Ok((Request::from_parts(head, Body::from(bytes)), Received { bytes: length, _held: held }))
}

/// A FHIR resource, or what claims to be one.
#[derive(Debug)]
pub(crate) struct Resource(pub(crate) Document);

/// A JSON value of the agency API.
#[derive(Debug)]
pub(crate) struct Json(pub(crate) Document);

/// A sheet of the agency API, as it came.
#[derive(Debug)]
pub(crate) struct Sheet(pub(crate) Vec<u8>);

/// An urlencoded form, as text; empty for a request without a body.
#[derive(Debug)]
pub(crate) struct FormBody(pub(crate) String);

impl FromRequest<AppState> for Resource {
    type Rejection = Refusal;

    async fn from_request(request: Request, app_state: &AppState) -> Result<Self, Refusal> {
        Ok(Self(document(request, app_state, RESOURCE).await?))
    }
}

impl OptionalFromRequest<AppState> for Resource {
    type Rejection = Refusal;

    /// None for a request without a body.
    async fn from_request(request: Request, app_state: &AppState) -> Result<Option<Self>, Refusal> {
        if request.body().is_end_stream() {
            return Ok(None);
        }
        <Self as FromRequest<AppState>>::from_request(request, app_state).await.map(Some)
    }
}

impl FromRequest<AppState> for Json {
    type Rejection = Refusal;

    async fn from_request(request: Request, app_state: &AppState) -> Result<Self, Refusal> {
        Ok(Self(document(request, app_state, PLAIN).await?))
    }
}

impl FromRequest<AppState> for Sheet {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Refusal> {
        Ok(Self(read(request, SHEET).await?))
    }
}

impl FromRequest<AppState> for FormBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Refusal> {
        // Without a body all of the search stands in the address.
        let is_empty = request.body().is_end_stream();
        let bytes = if is_empty { Vec::new() } else { read(request, FORM).await? };
        let text = String::from_utf8(bytes);
        Ok(Self(text.map_err(|_| Error::incorrect(Key::Parameter, "the form is not UTF-8"))?))
    }
}

async fn document(request: Request, app_state: &AppState, kinds: &[&str]) -> Result<Document, Refusal> {
    let bytes = read(request, kinds).await?;
    Ok(Document::parse_bytes(&bytes, app_state.limits.document)?)
}

/// Takes the body that was received.
async fn read(request: Request, kinds: &[&str]) -> Result<Vec<u8>> {
    check_kind(request.headers(), kinds)?;
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(chunk) = next_chunk(&mut body).await? {
        // It is there in one piece, so this copies nothing.
        bytes = if bytes.is_empty() { Vec::from(chunk) } else { [bytes, Vec::from(chunk)].concat() };
    }
    Ok(bytes)
}

/// Is the body of one of these media types, in UTF-8, and of a FHIR version that is served?
fn check_kind(headers: &HeaderMap, kinds: &[&str]) -> Result<()> {
    let refuse = |message: String| {
        let hint = format!("send Content-Type: {}", kinds[0]);
        Err(Error::new(Category::MediaType, Issue::error(Key::MediaType, "", message).hint(hint)))
    };
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return refuse(format!("the request has no Content-Type; expected {}", kinds.join(" or ")));
    };
    let value = value.to_str().unwrap_or_default();
    let mut parts = value.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    if !kinds.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        let kind: String = kind.chars().take(100).collect();
        return refuse(format!("the body is \"{kind}\"; expected {}", kinds.join(" or ")));
    }
    for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
        let value = value.trim_matches('"');
        if kinds != SHEET && name.eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
            return refuse("the body's charset is not utf-8, which is the only one of JSON".to_owned());
        }
        if name.eq_ignore_ascii_case("fhirVersion") && !accept::is_supported_version(value) {
            return refuse("the body is of another version of FHIR; expected R4 (fhirVersion=4.0)".to_owned());
        }
    }
    Ok(())
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Does nothing come before the body ends?
async fn has_no_body(mut body: Body, body_time: Duration) -> bool {
    let ends = async {
        loop {
            match next_chunk(&mut body).await {
                Ok(Some(chunk)) if chunk.is_empty() => {}
                Ok(None) => return true,
                _ => return false,
            }
        }
    };
    tokio::time::timeout(body_time, ends).await.unwrap_or(false)
}

async fn collect(mut body: Body, announced: Option<usize>, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = next_chunk(&mut body).await? {
        if bytes.len() + chunk.len() > most {
            return Err(too_large(bytes.len() + chunk.len(), most));
        }
        bytes.extend_from_slice(&chunk);
        yielding::count_copied(chunk.len());
    }
    Ok(bytes)
}

/// The same of a body that is packed. Others have their turn between its parts.
async fn unpack(mut body: Body, most: usize) -> Result<Vec<u8>> {
    let (mut unpacker, mut received) = (Unpacker::new(most), 0);
    while let Some(chunk) = next_chunk(&mut body).await? {
        received += chunk.len();
        if received > most {
            return Err(too_large(received, most));
        }
        for part in chunk.chunks(UNPACKED_AT_ONCE) {
            unpacker.take(part)?;
            tokio::task::yield_now().await;
        }
    }
    unpacker.finish()
}

async fn next_chunk(body: &mut Body) -> Result<Option<Bytes>> {
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Error::incorrect(Key::JsonSyntax, "the body ended before it was complete"))?;
        if let Ok(chunk) = frame.into_data() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}
