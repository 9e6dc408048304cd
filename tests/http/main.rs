//! The edge through real sockets: who is let in, what bad input gets, what the interactions of FHIR and the agency API
//! answer, how the server stops.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]
// Modules of one test share what they need by `pub`.
#![allow(unreachable_pub)]

mod agency;
mod audit;
mod authentication;
mod bad_input;
mod batch_gets;
mod bounds;
mod bundles;
mod capabilities;
#[path = "../certificates/mod.rs"]
mod certificates;
mod codings;
mod compartments;
mod conformance;
mod content_bounds;
mod cursors;
mod damaged;
mod fhir;
mod findings;
mod gateway;
mod growth;
mod http2;
mod log;
mod operations;
mod parties;
mod poll;
mod preconditions;
mod referral;
#[path = "../scale/mod.rs"]
mod scale;
mod search;
mod sheets;
mod source_status;
mod stop;
mod store_fails;
mod tls;
mod validate;
