//! A backend as a whole, for those who open one and hand out its parts.

use super::audit_log::AuditLog;
use super::credentials::Credentials;
use super::feed::Feed;
use super::health::Health;
use super::leases::Leases;
use super::resources::Resources;
use super::retention::Retention;

/// A store for every use. Whoever needs one use of it takes the trait of that use.
pub trait Store: Resources + Feed + Credentials + AuditLog + Health + Retention + Leases {}

impl<T: Resources + Feed + Credentials + AuditLog + Health + Retention + Leases> Store for T {}
