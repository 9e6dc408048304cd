//! What a table of routes is made of: a method of a path, whom it is open to, and its handler. The router, the
//! CapabilityStatement, the metrics and the tests read the tables; a route that stands in none of them does not exist.

use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post, put};

use super::app_state::AppState;
use super::authentication::Access;

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

/// A route with its handler.
pub struct Endpoint {
    /// What is served
    pub route: Route,
    pub(super) handler: MethodRouter<AppState>,
}

impl Endpoint {
    /// Answers GET, and HEAD as well.
    pub(crate) fn get<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self { route: Route { method: "GET", path, access }, handler: get(handler) }
    }

    /// Answers POST.
    pub(crate) fn post<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self { route: Route { method: "POST", path, access }, handler: post(handler) }
    }

    /// Answers PUT.
    pub(crate) fn put<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self { route: Route { method: "PUT", path, access }, handler: put(handler) }
    }
}
