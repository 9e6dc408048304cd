//! The one place that turns an [`Error`] into an answer, and a few forms of success.
//!
//! A handler fails with a [`Refusal`], which only carries the error. [`render`] writes it down on the way out, where the
//! route's dialect and the request's id are known: an OperationOutcome (<https://hl7.org/fhir/R4/operationoutcome.html>)
//! on FHIR routes, a problem document (<https://www.rfc-editor.org/rfc/rfc9457>) elsewhere. The text of our own
//! failures goes to the log and not to the client.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::{Category, Error};
use crate::fhir::authored::operation_outcome;
use crate::fhir::issue::{put_worst_first, rules_that_refused};
use crate::fhir::{Issue, Key};

use super::content_coding::GZIP;

/// The media type of FHIR resources.
pub(crate) const FHIR_JSON: &str = "application/fhir+json";
/// The media type of the agency API.
pub(crate) const JSON: &str = "application/json";

/// How an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// As an OperationOutcome
    Fhir,
    /// As a problem document
    Problem,
}

/// A handler's failure, on its way to [`render`].
#[derive(Debug)]
pub(crate) struct Refusal {
    error: Error,
    status: StatusCode,
}

/// What a handler answers.
pub(crate) type Answer = Result<Response, Refusal>;

/// The error inside a refused answer.
#[derive(Debug, Clone)]
struct Refused(Arc<Error>);

/// The rules that refused what an answer says itself that it is refused.
#[derive(Debug, Clone)]
struct RefusingRules(String);

impl From<Error> for Refusal {
    fn from(mut error: Error) -> Self {
        put_worst_first(&mut error.issues);
        let status = status(error.category);
        Self { error, status }
    }
}

impl From<Box<Issue>> for Refusal {
    fn from(issue: Box<Issue>) -> Self {
        Error::from(issue).into()
    }
}

impl Refusal {
    /// The status that it is answered with.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// Why.
    pub(crate) fn error(&self) -> &Error {
        &self.error
    }

    /// No such method on this route; `Allow` says which ones there are.
    pub(crate) fn method(error: Error) -> Self {
        Self { error, status: StatusCode::METHOD_NOT_ALLOWED }
    }

    /// A handler panicked. What it said may hold a person's data, so it is neither shown nor kept; the panic hook of the
    /// program names the place in the code.
    pub(crate) fn panicked(_: Box<dyn Any + Send>) -> Response {
        Self::from(Error::fault("a handler panicked")).into_response()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(Refused(Arc::new(self.error)));
        response
    }
}

/// What a category means over HTTP.
fn status(category: Category) -> StatusCode {
    match category {
        Category::Usage | Category::Incorrect => StatusCode::BAD_REQUEST,
        Category::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Category::Unauthenticated => StatusCode::UNAUTHORIZED,
        Category::Forbidden => StatusCode::FORBIDDEN,
        Category::NotFound => StatusCode::NOT_FOUND,
        Category::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Category::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
        Category::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Category::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Category::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Category::Timeout => StatusCode::REQUEST_TIMEOUT,
        Category::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Category::Precondition => StatusCode::PRECONDITION_FAILED,
        Category::Conflict => StatusCode::CONFLICT,
        Category::Unreachable | Category::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Category::Fault => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What a category is called in a problem document.
fn title(category: Category) -> &'static str {
    match category {
        Category::Usage | Category::Incorrect => "the request cannot be read",
        Category::Unreachable => "what it needs cannot be reached",
        Category::Unprocessable => "the request is against the rules",
        Category::Unauthenticated => "the client is not known",
        Category::Forbidden => "the client may not do this",
        Category::NotFound => "not there, or not for this client",
        Category::Unsupported => "no such operation",
        Category::NotAcceptable => "the wanted format is not served",
        Category::MediaType => "the sent format is not read",
        Category::TooLarge => "the request is too large",
        Category::HeadTooLarge => "the head of the request is too large",
        Category::Timeout => "the request did not arrive in time",
        Category::TooManyRequests { .. } => "too many requests of one client",
        Category::Precondition => "the named version is not the newest",
        Category::Conflict => "another request was faster",
        Category::Busy => "not at the moment",
        Category::Fault => "the gateway failed",
    }
}

/// Writes a refused answer down; any other answer passes. Also gives the names of the rules that refused it, for the log.
pub(crate) fn render(response: Response, dialect: Dialect, request: &str) -> (Response, Option<String>) {
    let Some(Refused(error)) = response.extensions().get::<Refused>().cloned() else {
        let rules = response.extensions().get::<RefusingRules>().map(|RefusingRules(rules)| rules.clone());
        return (response, rules);
    };
    let (mut head, _) = response.into_parts();
    head.extensions.clear();
    let rules = rules_that_refused(&error.issues);
    let issues = &*shown(&error, request);
    let (kind, text) = match dialect {
        Dialect::Fhir => (FHIR_JSON, operation_outcome::to_text(issues)),
        Dialect::Problem => {
            ("application/problem+json", problem(error.category, head.status, issues, request).to_string())
        }
    };
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    match error.category {
        Category::Unauthenticated => {
            head.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"handoff\""));
        }
        Category::Busy => {
            head.headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after(&error)));
        }
        Category::TooManyRequests { after } => {
            head.headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(after)));
        }
        Category::MediaType => {
            head.headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(GZIP));
        }
        // The rest of it may still be on its way, and is not waited for.
        Category::Timeout => {
            head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    (Response::from_parts(head, Body::from(text)), Some(rules))
}

/// After how many seconds to try again: somebody has to see to a store that takes nothing.
fn retry_after(error: &Error) -> &'static str {
    match error.issues.first().map(|issue| issue.key) {
        Some(Key::StoreFull | Key::StoreUnusable | Key::StoreSchema | Key::StoreDamaged | Key::StoreStopped) => "30",
        _ => "1",
    }
}

/// In whole seconds, never too early (<https://www.rfc-editor.org/rfc/rfc9110#field.retry-after>).
fn whole_seconds(after: Duration) -> u64 {
    after.as_secs() + u64::from(after.subsec_nanos() > 0 || after.is_zero())
}

/// What a client is shown of an error. The text of our own failures goes to the log alone.
pub(crate) fn shown<'e>(error: &'e Error, request: &str) -> Cow<'e, [Issue]> {
    if error.category != Category::Fault {
        return Cow::Borrowed(&error.issues);
    }
    tracing::error!(error = %error, "the gateway failed");
    let message = format!("the gateway failed; the operator finds the reason under request {request}");
    Cow::Owned(vec![Issue::error(Key::Fault, "", message)])
}

fn problem(category: Category, status: StatusCode, issues: &[Issue], request: &str) -> Value {
    let list: Vec<Value> = issues.iter().map(issue_member).collect();
    let first = issues.first();
    json!({
        "type": format!("urn:handoff:problem:{}", first.map_or("fault", |issue| issue.key.name())),
        "title": title(category),
        "status": status.as_u16(),
        "detail": first.map_or("", |issue| issue.text.as_str()),
        "instance": request,
        "issues": list,
    })
}

/// One issue, as the agency API writes it.
fn issue_member(issue: &Issue) -> Value {
    let mut value = json!({
        "severity": issue.severity.code(),
        "key": issue.key.name(),
        "text": issue.text,
        "mend": issue.fix(),
        "fix": issue.fix(),
    });
    if !issue.path.is_empty() {
        value["path"] = json!(issue.path);
    }
    if let Some(position) = issue.position {
        value["line"] = json!(position.line);
        value["column"] = json!(position.column);
    }
    if let Some(rule) = issue.rule() {
        value["rule"] = json!(rule);
    }
    value
}

// === successes ===

/// An answer with a body.
pub(crate) fn body(status: StatusCode, kind: &'static str, text: impl Into<Body>) -> Response {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// 200 with a value of the agency API.
pub(crate) fn json(value: &Value) -> Response {
    body(StatusCode::OK, JSON, value.to_string())
}

/// Says for the log which rules refused what this answer is about.
pub(crate) fn refused_by(mut response: Response, rules: String) -> Response {
    response.extensions_mut().insert(RefusingRules(rules));
    response
}

/// Adds a header. A value that cannot be one is left out: ours are dates, versions, and addresses that were read from
/// the same kind of header.
pub(crate) fn with(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fhir::SourcePosition;

    #[test]
    fn a_problem_names_the_place_and_the_mend() {
        let issue =
            Issue::error(Key::Missing, "Task.focus", "Task has no focus").at(SourcePosition { line: 3, column: 5 });
        let value = problem(Category::Unprocessable, StatusCode::UNPROCESSABLE_ENTITY, &[issue], "r-1");
        assert_eq!(value["type"], "urn:handoff:problem:missing");
        assert_eq!(value["status"], 422);
        assert_eq!(value["instance"], "r-1");
        assert_eq!(value["issues"][0]["path"], "Task.focus");
        assert_eq!((&value["issues"][0]["line"], &value["issues"][0]["column"]), (&json!(3), &json!(5)));
        assert_eq!(value["issues"][0]["mend"], "add the element");
    }

    #[test]
    fn a_fault_keeps_its_text_to_itself() {
        for dialect in [Dialect::Fhir, Dialect::Problem] {
            let refused = Refusal::from(Error::fault("disk secret-7 is full")).into_response();
            let (response, rules) = render(refused, dialect, "r-1");
            assert_eq!((response.status().as_u16(), rules.as_deref()), (500, Some("fault")));
            assert!(!format!("{response:?}").contains("secret-7"));
        }
    }

    #[test]
    fn every_category_has_its_own_status_but_for_none() {
        assert_eq!(status(Category::Busy), StatusCode::SERVICE_UNAVAILABLE);
        let (response, _) = render(Refusal::from(Error::not_found("Task/1")).into_response(), Dialect::Fhir, "r");
        assert_eq!(response.headers()[CONTENT_TYPE], FHIR_JSON);
        let (response, _) = render(StatusCode::NO_CONTENT.into_response(), Dialect::Fhir, "r");
        assert_eq!(response.status(), 204);
    }
}
