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
use crate::server::load::Load;
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
    let service = app_state.extension::<Arc<FhirService>>()?.clone();
    // Its GETs give as much as they would alone, so it waits for its turn as they would.
    let load = if has_reads(&document) { Load::List } else { Load::Short };
    let client = caller.client.clone();
    let carried_out = async move {
        let key = condition::idempotency_key(&headers)?;
        let request = BundleRequest { service: &service, caller: &caller, base: &base, headers: &headers };
        request.carry_out(document, key).await
    };
    let response = app_state.workers.run(load, &client, carried_out).await??;
    Ok(reply::body(StatusCode::OK, FHIR_JSON, response))
}

/// Does an entry of the Bundle read?
fn has_reads(bundle: &Document) -> bool {
    let requests = bundle.root().list("entry").filter_map(|entry| entry.get("request"));
    let mut methods = requests.filter_map(|request| request.get("method"));
    methods.any(|method| method.is_str("GET") || method.is_str("HEAD"))
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
