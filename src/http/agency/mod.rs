//! The agency API, version 1: referrals as program records, for systems that do not speak FHIR. `openapi.json` describes
//! it to people and tools; the table of routes is what is served, and a test compares the two.

pub(super) mod eligibility;
pub(super) mod events;
pub(super) mod explanation;
pub(super) mod openapi;
pub(super) mod programs;
pub(super) mod record;
pub(super) mod referral;
pub(super) mod referrals;
pub(super) mod schemas;
mod sheet;

use axum::extract::FromRequestParts;
use axum::http::header::ETAG;
use axum::http::request::Parts as Head;
use axum::response::Response;

use crate::error::{Error, Result};
use crate::exchange::Record;
use crate::fhir::Key;

use super::accept;
use super::condition;
use super::edge::Edge;
use super::query;
use super::reply::{self, Refusal};

/// A record with its version.
fn versioned(record: &Record) -> Response {
    reply::with(reply::json(&record.value), ETAG, &condition::tag(record.version))
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Shape {
    Json,
    Csv,
}

impl FromRequestParts<Edge> for Shape {
    type Rejection = Refusal;

    /// The shape that the client accepts.
    async fn from_request_parts(head: &mut Head, _: &Edge) -> Result<Self, Refusal> {
        let position = accept::among(&head.headers, &[reply::JSON, sheet::CSV])?;
        Ok(if position == 0 { Self::Json } else { Self::Csv })
    }
}

/// Reads the query of a route that has these parameters and no others.
fn parameters(query: Option<&str>, known: &[&str]) -> Result<Vec<(String, String)>> {
    let pairs = query::pairs(query.unwrap_or_default())?;
    match pairs.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        None => Ok(pairs),
        Some((name, _)) => {
            let said = format!("there is no parameter {name:.40}; this takes {}", known.join(", "));
            Err(Error::incorrect(Key::Parameter, said))
        }
    }
}
