//! The table of routes of the agency API, and the document that is made from it.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::StatusCode;

use crate::server::Access::{Agency, Anyone, Client};
use crate::server::body::BodyKind;
use crate::server::condition::OF_CHANGES;
use crate::server::load::Load;
use crate::server::reply::{self, Answer, JSON};
use crate::server::{Endpoint, Route};

use super::{
    eligibility, events, explanation, openapi, programs, record, referral, referrals, schemas, sheet, timeline,
    vocabularies,
};

/// Every route of the agency API.
pub fn routes() -> Vec<Endpoint> {
    vec![
        // --- referrals as records
        Endpoint::get(Agency, "/agency/v1/referrals", referrals::list),
        Endpoint::get(Agency, "/agency/v1/referrals/{id}", referral::get),
        Endpoint::put(Agency, "/agency/v1/referrals/{id}", record::put).depending_on(OF_CHANGES),
        Endpoint::post(Agency, "/agency/v1/referrals/{id}/events", events::raise_event).depending_on(OF_CHANGES),
        Endpoint::get(Agency, "/agency/v1/referrals/{id}/explanation", explanation::get),
        Endpoint::get(Agency, "/agency/v1/referrals/{id}/eligibility", eligibility::get),
        Endpoint::get(Client, "/agency/v1/referrals/{id}/timeline", timeline::get).costs(Load::List),
        Endpoint::get(Agency, "/agency/v1/referrals/{id}/status", vocabularies::status),
        Endpoint::post(Agency, "/agency/v1/sheets/{type}", sheet::take).takes(BodyKind::Sheet).costs(Load::Long),
        // --- programs
        Endpoint::get(Agency, "/agency/v1/programs", programs::list),
        Endpoint::put(Agency, "/agency/v1/programs/{id}/capacity", programs::set_capacity).depending_on(OF_CHANGES),
        // --- what records and events look like
        Endpoint::get(Client, "/agency/v1/events", events::codes),
        Endpoint::get(Client, "/agency/v1/vocabularies", vocabularies::list),
        Endpoint::get(Client, "/agency/v1/schemas", schemas::list),
        Endpoint::get(Client, "/agency/v1/schemas/{type}", schemas::one),
        Endpoint::get(Anyone, "/agency/v1/openapi.json", document),
    ]
}

/// The OpenAPI document of these routes, made once.
async fn document() -> Answer {
    static DOCUMENT: OnceLock<Bytes> = OnceLock::new();
    let text = match DOCUMENT.get() {
        Some(text) => text.clone(),
        None => {
            let routes: Vec<Route> = routes().into_iter().map(|endpoint| endpoint.route).collect();
            let text = openapi::text(&routes)?;
            DOCUMENT.get_or_init(|| text).clone()
        }
    };
    Ok(reply::body(StatusCode::OK, JSON, text))
}
