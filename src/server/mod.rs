//! Layer 5: the server that the APIs stand on. Tables of routes, and what every request passes: `watch` (id, log,
//! counters), `authentication` (who calls), bodies, conditions and formats of requests, and the forms of answers.
//! Health and metrics for operators are served from here.
//!
//! [`reply`] is the only place that turns an error into an answer. Nothing is decided here: no rule about referrals, no
//! SQL; and nothing here knows the APIs, which bring their tables of routes.

pub(crate) mod accept;
mod admission;
pub(crate) mod app_state;
pub(crate) mod authentication;
pub(crate) mod body;
pub(crate) mod condition;
pub(crate) mod entity_tag;
pub(crate) mod http_date;
mod metrics;
pub(crate) mod operations;
pub(crate) mod remarks;
pub(crate) mod reply;
mod request_id;
pub(crate) mod route;
mod router;
pub(crate) mod unserved;
mod watch;

pub use admission::{Admission, ClientUpdates};
pub use app_state::Parts;
pub use authentication::Access;
pub use route::{Endpoint, Route};
pub use router::{Routers, routers};
