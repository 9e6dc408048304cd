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
use tokio::net::TcpListener;
use tokio::sync::watch as channel;
use tokio::task::JoinSet;
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::Result;

use super::app_state::{AppState, Parts};
use super::connection::Serving;
use super::connection_slots::ConnectionSlots;
use super::listen;
use super::operations;
use super::reply::Refusal;
use super::route::{Endpoint, ServedMethod};
use super::tls::Tls;
use super::unserved;
use super::watch::{PathMethods, watch};

/// What is served, by the listener that serves it.
pub struct Routers {
    /// For clients
    pub api: Router,
    /// For operators alone, without a token
    pub operations: Router,
    app_state: AppState,
}

/// The routers that serve these routes with these parts.
///
/// # Errors
/// If the threads for long work cannot be started.
pub fn routers(endpoints: Vec<Endpoint>, parts: Parts) -> Result<Routers> {
    let app_state = AppState::new(parts)?;
    let (api, operations) = (router(endpoints, &app_state), router(operations::open_routes(), &app_state));
    Ok(Routers { api, operations, app_state })
}

impl Routers {
    /// Serves clients at these listeners, until `stopping` turns true; then until all that was asked has been answered.
    pub async fn serve_api(&self, listeners: Vec<TcpListener>, stopping: channel::Receiver<bool>) {
        self.serve(&self.api, self.app_state.tls.clone(), listeners, stopping).await;
    }

    /// Serves operators, likewise, and in plain HTTP. Their connections are counted for themselves: however many clients there
    /// are, they get in.
    pub async fn serve_operations(&self, listeners: Vec<TcpListener>, stopping: channel::Receiver<bool>) {
        self.serve(&self.operations, None, listeners, stopping).await;
    }

    async fn serve(
        &self,
        router: &Router,
        tls: Option<Tls>,
        listeners: Vec<TcpListener>,
        stopping: channel::Receiver<bool>,
    ) {
        let metrics = &self.app_state.metrics;
        let slots = ConnectionSlots::new(self.app_state.limits.connections, metrics.connections());
        let proxies = self.app_state.proxies.clone();
        let serving = Serving { router: router.clone(), proxies, tls, handshakes: metrics.handshakes() };
        let mut listening = JoinSet::new();
        for listener in listeners {
            listening.spawn(listen::serve(listener, serving.clone(), slots.clone(), stopping.clone()));
        }
        while listening.join_next().await.is_some() {}
    }
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
    for Endpoint { route, body, load, handler } in endpoints {
        let method = ServedMethod { route, body, load };
        match paths.iter_mut().find(|(known, _)| known.path == route.path) {
            Some((known, handlers)) => {
                known.methods.push(method);
                *handlers = std::mem::take(handlers).merge(handler);
            }
            None => paths.push((PathMethods { path: route.path, methods: vec![method] }, handler)),
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
