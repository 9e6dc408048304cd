//! What is remembered of a change: who did what to which referral. Codes and names of rules, never anything of a person.

use jiff::Timestamp;

use crate::fhir::ResourceKey;
use crate::referral::plan::AuditEntry;
use crate::security::Caller;

/// An audit entry of this caller's request.
pub(super) fn audit(
    caller: &Caller,
    action: &'static str,
    subject: Option<&ResourceKey>,
    detail: String,
    at: Timestamp,
) -> AuditEntry {
    AuditEntry {
        at,
        action,
        client: caller.client.clone(),
        organization: caller.organization.clone(),
        request: caller.request.clone(),
        subject: subject.cloned(),
        detail,
    }
}
