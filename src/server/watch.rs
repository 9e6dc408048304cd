//! What happens to every request, around its handler: it gets an id, is let in, and on its way out its refusal is
//! written down, it is counted, and one line is logged: method, route, status, time. The line holds the route's pattern,
//! never the path or the query: they name people.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, Span};

use crate::error::Result;
use crate::fhir::{Key, Preconditions, query_string};
use crate::security::Caller;
use crate::store::query::check_limits;

use super::accept;
use super::app_state::AppState;
use super::authentication;
use super::condition;
use super::dispatch;
use super::metrics::RouteLabels;
use super::reply::{self, Dialect, Refusal};
use super::request_head;
use super::request_id::RequestId;
use super::request_span::request_span;
use super::route::{Route, ServedMethod};

/// What is known about a path when the router is built.
#[derive(Debug)]
pub(crate) struct PathMethods {
    /// The pattern, as in the table of routes
    pub(crate) path: &'static str,
    /// The methods that are served
    pub(super) methods: Vec<ServedMethod>,
}

impl PathMethods {
    /// What serves this method.
    fn served(&self, method: &Method) -> Option<&ServedMethod> {
        let name = if method == Method::HEAD { "GET" } else { method.as_str() };
        self.methods.iter().find(|served| served.route.method == name)
    }
}

/// How errors are written on this path.
fn dialect(path: &str) -> Dialect {
    let is_fhir = path.strip_prefix("/fhir").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if is_fhir { Dialect::Fhir } else { Dialect::Problem }
}

/// The layer around the handlers of one path.
pub(crate) async fn watch(
    State((app_state, path_methods)): State<(AppState, Arc<PathMethods>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::new(app_state.ids.next(), request.headers());
    let method = name(request.method());
    let served = path_methods.served(request.method());
    let labels =
        served.map_or(RouteLabels::UNKNOWN, |it| RouteLabels { method: it.route.method, route: it.route.path });
    let dialect = dialect(request.uri().path());
    let span = request_span(&id, labels, request.headers());
    async {
        let admitted = admit(&app_state, served.map(|served| served.route), dialect, &mut request, &id).await;
        let caller = request.extensions().get::<Arc<Caller>>().cloned();
        let answered = match admitted {
            Ok(None) => dispatch::serve(&app_state, served, request, next).await,
            Ok(Some(conditions)) => dispatch::serve(&app_state, served, request, next)
                .await
                .map(|response| condition::hold(&conditions, response)),
            Err(error) => Err(error),
        };
        let response = answered.unwrap_or_else(|error| {
            app_state.metrics.count_refusal(error.issues.first().map_or(Key::Fault, |issue| issue.key));
            Refusal::from(error).into_response()
        });
        let (mut response, rules) = reply::render(response, dialect, &id.own);
        id.write(response.headers_mut());
        protect(response.headers_mut());
        let (status, duration) = (response.status().as_u16(), started.elapsed());
        app_state.metrics.count_request(labels, status, duration);
        Span::current().record("http.response.status_code", status);
        let duration_ms = milliseconds(duration);
        if let Some(rule) = rules {
            if let Some(caller) = caller.filter(|caller| is_remembered_here(caller, response.status())) {
                app_state.exchange.audit_trail().rejected(&caller, &rule, &format!("{method} {}", path_methods.path));
            }
            tracing::info!(method, route = path_methods.path, status, duration_ms, rule, "refused");
        } else {
            tracing::info!(method, route = path_methods.path, status, duration_ms, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// Lets the request in, and says what the answer to a read is to be held to.
async fn admit(
    app_state: &AppState,
    route: Option<Route>,
    dialect: Dialect,
    request: &mut Request,
    id: &RequestId,
) -> Result<Option<Preconditions>> {
    request_head::check(request, &app_state.limits.connections)?;
    // A method that is not served is refused by the router, for everybody alike.
    let Some(route) = route else { return Ok(None) };
    authentication::admit(app_state, route.access, request, id).await?;
    query_string::check_path(request.uri().path())?;
    // A query that cannot be read is refused by whoever reads it.
    if let Ok(parameters) = query_string::parse(request.uri().query().unwrap_or_default()) {
        check_limits(&parameters, &app_state.limits.content)?;
    }
    let headers = request.headers();
    condition::check_whole(headers, request.method())?;
    condition::check_taken(headers, request.method(), route.conditions)?;
    if dialect == Dialect::Fhir {
        accept::fhir(headers, request.uri().query())?;
    }
    if route.method != "GET" {
        // What changes something holds its conditions against what is stored when it is changed.
        return Ok(None);
    }
    let conditions = condition::preconditions(headers)?;
    Ok(Some(conditions).filter(|conditions| !conditions.is_empty()))
}

/// Is it to be remembered here that this request was refused? What the exchange has refused it has remembered itself. That
/// another was faster, that a version is an older one or that a client sends more than it may at a time is nobody's trespass.
fn is_remembered_here(caller: &Caller, status: StatusCode) -> bool {
    const ORDINARY: [StatusCode; 4] = [
        StatusCode::CONFLICT,
        StatusCode::PRECONDITION_FAILED,
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::REQUEST_TIMEOUT,
    ];
    status.is_client_error() && !ORDINARY.contains(&status) && !caller.refusal.is_remembered()
}

/// Answers are about people, and of one moment: nobody between keeps them, unless the handler says that it may be kept;
/// and nobody guesses what they are.
fn protect(headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// The method's name, as far as it is one that we know: a client may invent methods, and they do not go to the log.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_dialects_apart() {
        assert_eq!(dialect("/fhir"), Dialect::Fhir);
        assert_eq!(dialect("/fhir/Task"), Dialect::Fhir);
        assert_eq!(dialect("/fhirx"), Dialect::Problem);
        assert_eq!(dialect("/agency/v1/referrals"), Dialect::Problem);
    }
}
