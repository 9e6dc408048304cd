//! The table of routes of the agency API.

use crate::server::Access::{Agency, Anyone, Client};
use crate::server::Endpoint;
use crate::server::condition::OF_CHANGES;

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
        Endpoint::get(Client, "/agency/v1/referrals/{id}/timeline", timeline::get),
        Endpoint::get(Agency, "/agency/v1/referrals/{id}/status", vocabularies::status),
        Endpoint::post(Agency, "/agency/v1/sheets/{type}", sheet::take),
        // --- programs
        Endpoint::get(Agency, "/agency/v1/programs", programs::list),
        Endpoint::put(Agency, "/agency/v1/programs/{id}/capacity", programs::set_capacity).depending_on(OF_CHANGES),
        // --- what records and events look like
        Endpoint::get(Client, "/agency/v1/events", events::codes),
        Endpoint::get(Client, "/agency/v1/vocabularies", vocabularies::list),
        Endpoint::get(Client, "/agency/v1/schemas", schemas::list),
        Endpoint::get(Client, "/agency/v1/schemas/{type}", schemas::one),
        Endpoint::get(Anyone, "/agency/v1/openapi.json", openapi::document),
    ]
}
