//! The table of routes: what is served, to whom, and by which handler. The router, the CapabilityStatement, the metrics
//! and the tests read it; a route that is not here does not exist.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::{Category, Error};
use crate::fhir::{Issue, Key};

use super::app_state::{AppState, Parts};
use super::authentication::Access::{self, Agency, Anyone, Client, Party};
use super::reply::Refusal;
use super::watch::{PathMethods, watch};
use super::{agency, fhir, operations};

/// One method of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method
    pub method: &'static str,
    /// The pattern of the path
    pub path: &'static str,
    /// Whom it is open to
    pub access: Access,
}

/// Every route with its handler. GET routes answer HEAD as well.
fn table() -> Vec<(Route, MethodRouter<AppState>)> {
    fn row(
        access: Access,
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<AppState>,
    ) -> (Route, MethodRouter<AppState>) {
        (Route { method, path, access }, handler)
    }
    vec![
        // --- FHIR: the whole system
        row(Anyone, "GET", "/fhir/metadata", get(fhir::metadata::metadata)),
        row(Party, "POST", "/fhir", post(fhir::transaction::transaction)),
        row(Party, "POST", "/fhir/", post(fhir::transaction::transaction)),
        row(Client, "POST", "/fhir/$validate", post(fhir::validate::any)),
        // --- FHIR: a type
        row(Party, "GET", "/fhir/{type}", get(fhir::search::get)),
        row(Party, "POST", "/fhir/{type}", post(fhir::create::create)),
        row(Party, "POST", "/fhir/{type}/_search", post(fhir::search::post)),
        row(Client, "POST", "/fhir/{type}/$validate", post(fhir::validate::typed)),
        // --- FHIR: a resource
        row(Party, "GET", "/fhir/{type}/{id}", get(fhir::read::read)),
        row(Party, "PUT", "/fhir/{type}/{id}", put(fhir::update::update)),
        row(Party, "GET", "/fhir/{type}/{id}/_history", get(fhir::history::history)),
        row(Party, "GET", "/fhir/{type}/{id}/_history/{version}", get(fhir::vread::vread)),
        row(Client, "GET", "/fhir/{type}/{id}/$validate", get(fhir::validate::stored)),
        row(Client, "POST", "/fhir/{type}/{id}/$validate", post(fhir::validate::instance)),
        // --- FHIR: our own definitions, which everybody reads and nobody writes
        row(Client, "GET", "/fhir/StructureDefinition", get(fhir::conformance::get)),
        row(Client, "POST", "/fhir/StructureDefinition/_search", post(fhir::conformance::post)),
        row(Client, "GET", "/fhir/StructureDefinition/{id}", get(fhir::conformance::read)),
        row(Client, "GET", "/fhir/ValueSet", get(fhir::conformance::get)),
        row(Client, "POST", "/fhir/ValueSet/_search", post(fhir::conformance::post)),
        row(Client, "GET", "/fhir/ValueSet/{id}", get(fhir::conformance::read)),
        row(Client, "GET", "/fhir/CodeSystem", get(fhir::conformance::get)),
        row(Client, "POST", "/fhir/CodeSystem/_search", post(fhir::conformance::post)),
        row(Client, "GET", "/fhir/CodeSystem/{id}", get(fhir::conformance::read)),
        // --- agencies: referrals as records
        row(Agency, "GET", "/agency/v1/referrals", get(agency::referrals::list)),
        row(Agency, "GET", "/agency/v1/referrals/{id}", get(agency::referral::get)),
        row(Agency, "PUT", "/agency/v1/referrals/{id}", put(agency::record::put)),
        row(Agency, "POST", "/agency/v1/referrals/{id}/events", post(agency::events::raise_event)),
        row(Agency, "GET", "/agency/v1/referrals/{id}/explanation", get(agency::explanation::get)),
        row(Agency, "GET", "/agency/v1/referrals/{id}/eligibility", get(agency::eligibility::get)),
        row(Agency, "GET", "/agency/v1/referrals/{id}/status", get(agency::vocabularies::status)),
        row(Agency, "POST", "/agency/v1/sheets/{type}", post(agency::sheet::take)),
        // --- agencies: programs
        row(Agency, "GET", "/agency/v1/programs", get(agency::programs::list)),
        row(Agency, "PUT", "/agency/v1/programs/{id}/capacity", put(agency::programs::set_capacity)),
        // --- agencies: what records and events look like
        row(Client, "GET", "/agency/v1/events", get(agency::events::codes)),
        row(Client, "GET", "/agency/v1/vocabularies", get(agency::vocabularies::list)),
        row(Client, "GET", "/agency/v1/schemas", get(agency::schemas::list)),
        row(Client, "GET", "/agency/v1/schemas/{type}", get(agency::schemas::one)),
        row(Anyone, "GET", "/agency/v1/openapi.json", get(agency::openapi::document)),
        // --- operations
        row(Anyone, "GET", "/healthz", get(operations::alive)),
        row(Anyone, "GET", "/readyz", get(operations::ready)),
        row(Anyone, "GET", "/metrics", get(operations::metrics)),
    ]
}

/// Every route, in the order of the table.
pub fn all() -> Vec<Route> {
    table().into_iter().map(|(route, _)| route).collect()
}

/// The router over these parts.
pub fn router(parts: Parts) -> Router {
    let app_state = AppState::new(parts);
    let mut paths: Vec<(PathMethods, MethodRouter<AppState>)> = Vec::new();
    for (route, handler) in table() {
        let method = (route.method, route.access);
        match paths.iter_mut().find(|(known, _)| known.path == route.path) {
            Some((known, handlers)) => {
                known.methods.push(method);
                *handlers = std::mem::take(handlers).merge(handler);
            }
            None => paths.push((PathMethods { path: route.path, methods: vec![method] }, handler)),
        }
    }
    let mut router = Router::new();
    for (path_methods, handlers) in paths {
        let path = path_methods.path;
        let layer = from_fn_with_state((app_state.clone(), Arc::new(path_methods)), watch);
        let handlers = handlers.fallback(other_method).layer(CatchPanicLayer::custom(Refusal::panicked)).layer(layer);
        router = router.route(path, handlers);
    }
    let unmatched = Arc::new(PathMethods { path: "other", methods: Vec::new() });
    router.fallback(no_route.layer(from_fn_with_state((app_state.clone(), unmatched), watch))).with_state(app_state)
}

/// A method that the path does not serve. The router adds `Allow`.
async fn other_method(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let message = match *request.method() {
        Method::DELETE => fhir::NO_DELETE,
        Method::PATCH => "PATCH is not served: read the resource, change it, and PUT it with If-Match",
        _ => "the method is not served here; the Allow header lists those that are",
    };
    let issue = Issue::error(Key::NotSupported, "", message);
    Refusal::method(Error::new(Category::Unsupported, issue)).into_response()
}

/// A path that is not in the table.
async fn no_route() -> Refusal {
    let issue = Issue::error(Key::NotFound, "", "there is nothing at this address")
        .hint("FHIR is served under /fhir (see /fhir/metadata), the agency API under /agency/v1 (see /agency/v1/openapi.json)");
    Error::new(Category::NotFound, issue).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_describes_the_gateway_is_open_to_anyone() {
        let open: Vec<&str> = all().iter().filter(|route| route.access == Anyone).map(|route| route.path).collect();
        assert_eq!(open, ["/fhir/metadata", "/agency/v1/openapi.json", "/healthz", "/readyz", "/metrics"]);
    }
}
