//! What a table of routes is made of: a method of a path, whom it is open to, what it may depend on, and its handler. The
//! router, the CapabilityStatement, the metrics and the tests read the tables; a route that stands in none of them does
//! not exist.

use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post, put};

use super::app_state::AppState;
use super::authentication::Access;
use super::condition;

/// One method of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// The method
    pub method: &'static str,
    /// The pattern of the path
    pub path: &'static str,
    /// Whom it is open to
    pub access: Access,
    /// The conditions that a request may bring, as headers; any other is refused
    pub conditions: &'static [&'static str],
}

/// A route with its handler.
pub struct Endpoint {
    /// What is served
    pub route: Route,
    pub(super) handler: MethodRouter<AppState>,
}

impl Endpoint {
    /// Answers GET, and HEAD as well, under the conditions of all reads.
    pub(crate) fn get<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self { route: Route { method: "GET", path, access, conditions: condition::OF_READS }, handler: get(handler) }
    }

    /// Answers POST.
    pub(crate) fn post<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self { route: Route { method: "POST", path, access, conditions: &[] }, handler: post(handler) }
    }

    /// Answers PUT.
    pub(crate) fn put<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self { route: Route { method: "PUT", path, access, conditions: &[] }, handler: put(handler) }
    }

    /// Evaluates these conditions.
    pub(crate) fn depending_on(mut self, conditions: &'static [&'static str]) -> Self {
        self.route.conditions = conditions;
        self
    }
}
