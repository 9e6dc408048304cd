//! What a table of routes is made of: a method of a path, whom it is open to, what it may depend on, and its handler. The
//! router, the CapabilityStatement, the metrics and the tests read the tables; a route that stands in none of them does
//! not exist.

use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post, put};

use super::app_state::AppState;
use super::authentication::Access;
use super::body::BodyKind;
use super::condition;
use super::load::Load;

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

/// What is known of a method of a path when the router is built.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServedMethod {
    pub(super) route: Route,
    /// The bodies that it takes
    pub(super) body: BodyKind,
    /// What it may cost, unless its body is so large that it is long anyway
    pub(super) load: Load,
}

/// A route with its handler.
pub struct Endpoint {
    /// What is served
    pub route: Route,
    pub(super) body: BodyKind,
    pub(super) load: Load,
    pub(super) handler: MethodRouter<AppState>,
}

impl Endpoint {
    /// Answers GET, and HEAD as well, under the conditions of all reads.
    pub(crate) fn get<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self::new("GET", access, path, get(handler))
    }

    /// Answers POST.
    pub(crate) fn post<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self::new("POST", access, path, post(handler))
    }

    /// Answers PUT.
    pub(crate) fn put<T: 'static>(access: Access, path: &'static str, handler: impl Handler<T, AppState>) -> Self {
        Self::new("PUT", access, path, put(handler))
    }

    fn new(method: &'static str, access: Access, path: &'static str, handler: MethodRouter<AppState>) -> Self {
        let body = match method {
            "GET" => BodyKind::None,
            _ if path.starts_with("/fhir") => BodyKind::Resource,
            _ => BodyKind::Json,
        };
        let load = if method == "GET" { Load::Short } else { Load::Write };
        let conditions = if method == "GET" { condition::OF_READS } else { &[] };
        Self { route: Route { method, path, access, conditions }, body, load, handler }
    }

    /// Takes other bodies than its API usually does.
    pub(crate) fn takes(self, body: BodyKind) -> Self {
        Self { body, ..self }
    }

    /// May cost more than a few milliseconds.
    pub(crate) fn costs(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// Evaluates these conditions.
    pub(crate) fn depending_on(mut self, conditions: &'static [&'static str]) -> Self {
        self.route.conditions = conditions;
        self
    }
}
