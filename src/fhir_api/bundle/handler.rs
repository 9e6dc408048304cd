//! A Bundle that is sent to the base. A repetition under the same `Idempotency-Key` changes nothing and is answered alike.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use crate::error::Result;
use crate::fhir::Document;
use crate::security::Caller;
use crate::server::app_state::{AppState, Base};
use crate::server::body::Resource;
use crate::server::condition;
use crate::server::reply::{self, Answer, FHIR_JSON};

use super::carry_out::BundleRequest;
use crate::fhir_api::service::FhirService;

/// Carries a Bundle out.
pub(in crate::fhir_api) async fn post(
    State(app_state): State<AppState>,
    caller: Caller,
    base: Base,
    headers: HeaderMap,
    Resource(document): Resource,
) -> Answer {
    let key = condition::idempotency_key(&headers)?;
    let service = app_state.extension::<Arc<FhirService>>()?;
    let request = BundleRequest { service, caller: &caller, base: &base, headers: &headers };
    let response = request.carry_out(document, key).await?;
    Ok(reply::body(StatusCode::OK, FHIR_JSON, response))
}

impl FhirService {
    /// Carries a transaction or batch out, for a caller that is not on the network, and answers with the response Bundle
    /// as JSON.
    ///
    /// # Errors
    /// For a transaction every finding, with its position; nothing is stored then. A batch answers entry by entry.
    pub async fn bundle(&self, caller: &Caller, document: Document, key: Option<&str>) -> Result<String> {
        let (base, headers) = (Base::of(self.base.clone()), HeaderMap::new());
        BundleRequest { service: self, caller, base: &base, headers: &headers }.carry_out(document, key).await
    }
}
