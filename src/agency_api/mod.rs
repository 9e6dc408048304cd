//! The agency API, version 1: referrals as program records, for systems that do not speak FHIR. `openapi.json` describes
//! it to people and tools; the table of routes is what is served, and a test compares the two.

mod eligibility;
mod events;
mod explanation;
mod openapi;
mod programs;
mod query;
mod record;
mod record_reply;
mod referral;
mod referrals;
mod routes;
mod schemas;
mod shape;
mod sheet;
mod timeline;
mod vocabularies;

pub use routes::routes;
