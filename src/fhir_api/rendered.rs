//! An answer, before it is known whether it goes out alone or as an entry of a Bundle.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::http::header::{ETAG, LAST_MODIFIED, LOCATION};
use axum::response::Response;
use jiff::Timestamp;

use crate::error::Result;
use crate::exchange::Remarks;
use crate::fhir::precondition::{ConditionResult, Validators};
use crate::fhir::{Issue, Key, Preconditions};
use crate::server::app_state::Base;
use crate::server::reply::{self, FHIR_JSON};
use crate::server::{condition, entity_tag, http_date, remarks};
use crate::store::Stored;

/// What a request is answered.
#[derive(Debug, Clone)]
pub(super) struct Rendered {
    pub(super) status: StatusCode,
    /// The resource that is answered
    pub(super) body: Option<Bytes>,
    /// The version that is spoken of, and when it was made
    pub(super) version: Option<(u64, Timestamp)>,
    /// Where the version is, relative to the base
    pub(super) location: Option<String>,
    /// What there is to say about a write: in a Bundle beside the answer, alone in a header
    pub(super) issues: Vec<Issue>,
    /// In a Bundle that is said even if there is nothing to say
    pub(super) tells_outcome: bool,
}

impl Rendered {
    /// 200 with this resource.
    pub(super) fn ok(body: impl Into<Bytes>) -> Self {
        let (version, location, issues) = (None, None, Vec::new());
        Self { status: StatusCode::OK, body: Some(body.into()), version, location, issues, tells_outcome: false }
    }

    /// A resource as it is stored, with its version and date.
    pub(super) fn resource(stored: &Stored) -> Self {
        let version = Some((stored.version, stored.updated));
        Self { version, ..Self::ok(stored.document.text().to_owned()) }
    }

    /// The answer to a read that is an entry of a Bundle, held to the conditions of its request as one of its own is.
    ///
    /// # Errors
    /// 412, where they rule it out.
    pub(super) fn held_to(self, conditions: &Preconditions) -> Result<Self> {
        let found = self.version.map_or(Validators::default(), |(version, updated)| Validators::of(version, updated));
        match conditions.of_read(found) {
            ConditionResult::Holds => Ok(self),
            ConditionResult::NotModified => Ok(Self { status: StatusCode::NOT_MODIFIED, body: None, ..self }),
            result @ (ConditionResult::Fails | ConditionResult::Unknowable) => Err(condition::failed(result, found)),
        }
    }

    /// As the answer to a request of its own.
    pub(super) fn into_response(self, base: &Base) -> Response {
        let mut response = match self.body {
            Some(body) => reply::body(self.status, FHIR_JSON, body),
            None => {
                let mut response = Response::default();
                *response.status_mut() = self.status;
                response
            }
        };
        // What nobody could check is said to those who ask for it.
        let told: Vec<Issue> = self.issues.into_iter().filter(|issue| issue.key != Key::NotChecked).collect();
        response = remarks::with(response, &Remarks::of(&told));
        if let Some(location) = self.location {
            response = reply::with(response, LOCATION, &format!("{}/{location}", base.fhir()));
        }
        if let Some((version, updated)) = self.version {
            response = reply::with(response, ETAG, &entity_tag::write(version));
            response = reply::with(response, LAST_MODIFIED, &http_date::write(updated));
        }
        response
    }
}
