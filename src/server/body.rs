//! Bodies of requests: bounded in bytes and time, of a media type that is read, parsed once
//! (<https://hl7.org/fhir/R4/http.html#mime-type>).

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, OptionalFromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key};

use super::accept;
use super::app_state::AppState;
use super::reply::Refusal;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Of a body that is too large, this many times the limit is read and thrown away, so that a client that sends before
/// it listens still gets to hear the answer.
const DRAINED: usize = 4;

/// The media types of FHIR resources.
const RESOURCE: &[&str] = &["application/fhir+json", "application/json", "text/json"];
/// The media type of the agency API.
const PLAIN: &[&str] = &["application/json"];
/// The media types of sheets: their own, and that of a file of any kind, for clients that cannot name it. They come in
/// whatever charset a spreadsheet writes; their reader finds it out.
const SHEET: &[&str] = &["text/csv", "application/octet-stream"];
/// The media type of a search by POST.
const FORM: &[&str] = &["application/x-www-form-urlencoded"];

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

    async fn from_request(request: Request, app_state: &AppState) -> Result<Self, Refusal> {
        Ok(Self(read(request, app_state, SHEET).await?))
    }
}

impl FromRequest<AppState> for FormBody {
    type Rejection = Refusal;

    async fn from_request(request: Request, app_state: &AppState) -> Result<Self, Refusal> {
        let bytes = match check_kind(request.headers(), FORM) {
            Ok(()) => read(request, app_state, FORM).await?,
            // What has no body has no media type that could be wrong: all of the search stands in the address.
            Err(_) if has_no_body(request.into_body()).await => Vec::new(),
            Err(refused) => return Err(refused.into()),
        };
        let text = String::from_utf8(bytes);
        Ok(Self(text.map_err(|_| Error::incorrect(Key::Parameter, "the form is not UTF-8"))?))
    }
}

async fn document(request: Request, app_state: &AppState, kinds: &[&str]) -> Result<Document, Refusal> {
    let bytes = read(request, app_state, kinds).await?;
    Ok(Document::parse_bytes(&bytes, app_state.limits.document)?)
}

async fn read(request: Request, app_state: &AppState, kinds: &[&str]) -> Result<Vec<u8>> {
    check_kind(request.headers(), kinds)?;
    let content_length = content_length(request.headers());
    tokio::time::timeout(BODY_TIMEOUT, collect(request.into_body(), content_length, app_state.limits.document.bytes))
        .await
        .unwrap_or_else(|_| {
            let message = format!("the body did not arrive within {} seconds", BODY_TIMEOUT.as_secs());
            Err(Error::incorrect(Key::JsonSyntax, message))
        })
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
async fn has_no_body(mut body: Body) -> bool {
    let ends = async {
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            if frame.is_err() || frame.is_ok_and(|frame| frame.data_ref().is_some_and(|data| !data.is_empty())) {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(BODY_TIMEOUT, ends).await.unwrap_or(false)
}

async fn collect(mut body: Body, content_length: Option<usize>, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(content_length.unwrap_or(0).min(limit));
    let mut length = 0_usize;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| Error::incorrect(Key::JsonSyntax, "the body ended before it was complete"))?;
        let Ok(chunk) = frame.into_data() else { continue };
        length += chunk.len();
        if length <= limit {
            bytes.extend_from_slice(&chunk);
        } else if length > limit.saturating_mul(DRAINED) {
            break;
        }
    }
    if length <= limit {
        return Ok(bytes);
    }
    let length = content_length.unwrap_or(length);
    let message = format!("the body has {length} bytes or more; at most {limit} are read");
    Err(Error::new(Category::TooLarge, Issue::error(Key::TooLarge, "", message)))
}
