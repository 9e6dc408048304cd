//! The router over tables of routes: each path with its methods, each request watched, and an answer for what no table
//! has.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use tower_http::catch_panic::CatchPanicLayer;

use super::app_state::{AppState, Parts};
use super::operations;
use super::reply::Refusal;
use super::route::Endpoint;
use super::unserved;
use super::watch::{PathMethods, watch};

/// What is served, by the listener that serves it.
pub struct Routers {
    /// For clients
    pub api: Router,
    /// For operators alone, without a token
    pub operations: Router,
}

/// The routers that serve these routes with these parts.
pub fn routers(endpoints: Vec<Endpoint>, parts: Parts) -> Routers {
    let app_state = AppState::new(parts);
    Routers { api: router(endpoints, &app_state), operations: router(operations::open_routes(), &app_state) }
}

fn router(endpoints: Vec<Endpoint>, app_state: &AppState) -> Router {
    let mut router = Router::new();
    for (path_methods, handlers) in by_path(endpoints) {
        let path = path_methods.path;
        let layer = from_fn_with_state((app_state.clone(), Arc::new(path_methods)), watch);
        let handlers = handlers.fallback(other_method).layer(CatchPanicLayer::custom(Refusal::panicked)).layer(layer);
        router = router.route(path, handlers);
    }
    let unmatched = Arc::new(PathMethods { path: "other", methods: Vec::new() });
    router
        .fallback(no_route.layer(from_fn_with_state((app_state.clone(), unmatched), watch)))
        .with_state(app_state.clone())
}

/// The routes of each path together.
fn by_path(endpoints: Vec<Endpoint>) -> Vec<(PathMethods, MethodRouter<AppState>)> {
    let mut paths: Vec<(PathMethods, MethodRouter<AppState>)> = Vec::new();
    for Endpoint { route, handler } in endpoints {
        match paths.iter_mut().find(|(known, _)| known.path == route.path) {
            Some((known, handlers)) => {
                known.methods.push(route);
                *handlers = std::mem::take(handlers).merge(handler);
            }
            None => paths.push((PathMethods { path: route.path, methods: vec![route] }, handler)),
        }
    }
    paths
}

/// A method that the path does not serve. The router adds `Allow`.
async fn other_method(request: Request) -> Response {
    if request.method() == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    Refusal::method(unserved::method(request.method().as_str())).into_response()
}

/// A path that is not in the table.
async fn no_route() -> Refusal {
    unserved::path().into()
}
