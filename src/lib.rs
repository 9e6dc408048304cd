//! Handoff: a FHIR gateway for closed-loop social-care referrals.
//!
//! # Layout
//! ```text
//! layer 0  error, fhir, shipped, yaml          words everybody uses, data that comes with the program
//! layer 1  referral, record, fhirpath,
//!          definitions                         the domain, the record's shape, the language, the packages
//! layer 2  profile, mapping, routing, sheet,
//!          hmis                                pure engines over documents
//! layer 3  store, security, terminology        SQL; tokens, scopes, consent, audit; a server that knows codes
//! layer 4  exchange                            READ THIS FIRST: a message's way in, back and out
//! layer 5  server                              routes, authentication, bodies, conditions, answers, metrics
//! layer 6  fhir_api, agency_api                the edges: FHIR for EHRs, records for agencies
//! layer 7  app, cli                            wiring; the only code that knows everything
//! ```
//! Imports go down, never up or sideways; `tests/layers.rs` holds that. Layers 0 to 2 are pure: no clock, no socket,
//! no SQL; time and ids are passed in.

pub mod agency_api;
pub mod app;
pub mod cli;
pub mod definitions;
pub mod error;
pub mod exchange;
pub mod fhir;
pub mod fhir_api;
pub mod fhirpath;
pub mod hmis;
pub mod mapping;
pub mod profile;
pub mod record;
pub mod referral;
pub mod routing;
pub mod security;
pub mod server;
pub mod sheet;
pub mod shipped;
pub mod store;
pub mod terminology;
pub mod yaml;
