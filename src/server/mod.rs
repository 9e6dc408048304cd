//! Layer 5: the server that the APIs stand on. Tables of routes, and what every request passes: `watch` (id, log,
//! counters), `authentication` (who calls), `dispatch` (turns and threads), bodies, conditions and formats of requests, and
//! the forms of answers. Before that stand `listen` and `connection`: how many there are, and how long they may take; `tls`,
//! `http1` and `http2`: what is spoken; `forwarded`: whom a proxy speaks for.
//! Health and metrics for operators are served from here.
//!
//! [`reply`] is the only place that turns an error into an answer. Nothing is decided here: no rule about referrals, no
//! SQL; and nothing here knows the APIs, which bring their tables of routes.

pub(crate) mod accept;
mod admission;
pub(crate) mod app_state;
pub(crate) mod authentication;
pub(crate) mod body;
mod body_size;
mod closing;
pub(crate) mod condition;
mod connection;
mod connection_slots;
mod content_coding;
mod dispatch;
pub(crate) mod entity_tag;
mod fair_queue;
mod forwarded;
mod held_bytes;
mod http1;
mod http2;
pub(crate) mod http_date;
mod listen;
pub(crate) mod load;
mod metrics;
mod metrics_text;
mod open_requests;
pub(crate) mod operations;
mod origin;
mod progress;
mod quotas;
pub(crate) mod remarks;
pub(crate) mod reply;
mod request_head;
mod request_id;
mod request_service;
mod request_span;
pub(crate) mod route;
mod router;
mod timed_read;
mod timed_write;
mod tls;
mod unanswered_metrics;
pub(crate) mod unserved;
mod waiting_line;
mod watch;
mod workers;

pub use admission::{Admission, ClientUpdates};
pub use app_state::Parts;
pub use authentication::Access;
pub use forwarded::TrustedProxies;
pub use route::{Endpoint, Route};
pub use router::{Routers, routers};
pub use tls::{PemFile, PemFiles, Tls, TlsConfig, first_certificate};
