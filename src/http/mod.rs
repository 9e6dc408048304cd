//! Layer 5: the edge. FHIR for EHRs (`fhir`), records for agencies (`agency`), health and metrics for operators.
//!
//! `route` is the table of everything that is served. A request passes `watch` (id, log, counters) and `authentication` (who
//! calls), reaches one handler, which asks the exchange and writes what it got. [`reply`] is the only place that turns
//! an error into an answer. Nothing is decided here: no rule about referrals, no SQL.

mod accept;
mod agency;
mod app_state;
mod authentication;
mod body;
mod condition;
mod fhir;
mod metrics;
mod operations;
mod reply;
mod route;
mod watch;

pub use app_state::Parts;
pub use authentication::Access;
pub use route::{Route, all as routes, router};
