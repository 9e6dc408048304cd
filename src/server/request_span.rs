//! The span of a request: what every line of the log about it begins with, and what a trace of it is made of.
//!
//! With the feature `opentelemetry` it has the names that traces use
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), and goes on the trace that the client began
//! (<https://www.w3.org/TR/trace-context/>). The route's pattern stands for the path, which names people.

use axum::http::HeaderMap;
use tracing::Span;
use tracing::field::Empty;

use super::metrics::RouteLabels;
use super::request_id::RequestId;

/// The span of a request that this route serves.
#[cfg(not(feature = "opentelemetry"))]
pub(super) fn request_span(id: &RequestId, _: RouteLabels, _: &HeaderMap) -> Span {
    tracing::info_span!("request", id = id.own, correlation = id.correlation, client = Empty)
}

/// The span of a request that this route serves.
#[cfg(feature = "opentelemetry")]
pub(super) fn request_span(id: &RequestId, route: RouteLabels, headers: &HeaderMap) -> Span {
    use opentelemetry::propagation::TextMapPropagator as _;
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    let RouteLabels { method, route } = route;
    let span = tracing::info_span!(
        "request",
        id = id.own,
        correlation = id.correlation,
        client = Empty,
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = Empty,
    );
    let headers = opentelemetry_http::HeaderExtractor(headers);
    // Where nothing is traced there is no trace to go on.
    let _ = span.set_parent(opentelemetry_sdk::propagation::TraceContextPropagator::new().extract(&headers));
    span
}
