//! What is remembered of a change: who did what to which referral. Codes and names of rules, never anything of a person.

use jiff::Timestamp;

use crate::fhir::ResourceKey;
use crate::referral::Party;
use crate::referral::plan::{AuditEntry, AuditOutcome, Plan, Share};
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
        action: action.into(),
        outcome: if action == "refused" || action == "forbidden" { AuditOutcome::Refused } else { AuditOutcome::Done },
        client: caller.client.clone(),
        organization: caller.organization.clone(),
        request: caller.request.clone(),
        correlation: caller.correlation.clone(),
        subject: subject.cloned(),
        entities: Vec::new(),
        detail,
    }
}

/// That consent was asked whether an organization (not named: whoever it would have been) sees a referral, and the answer.
pub(super) fn consent_asked(
    caller: &Caller,
    task: &ResourceKey,
    organization: &str,
    permitted: bool,
    at: Timestamp,
) -> AuditEntry {
    let (outcome, detail) =
        if permitted { (AuditOutcome::Done, "permitted") } else { (AuditOutcome::Refused, "denied") };
    let named = (!organization.is_empty()).then(|| ResourceKey::new("Organization", organization));
    let entities = named.into_iter().collect();
    AuditEntry { outcome, entities, ..audit(caller, "consent", Some(task), detail.to_owned(), at) }
}

/// Adds to the plan which organizations get to see which referrals by it, and which no longer do.
pub(super) fn add_disclosures(plan: &mut Plan, caller: &Caller, at: Timestamp) {
    let mut entries = Vec::new();
    for Share { task, before, after, .. } in &plan.shares {
        let (before, parties) = (&before.parties, &after.parties);
        // Whoever sends a referral knows it.
        let is_own = |organization: &str, party| {
            before.is_empty() && party == Party::Requester && organization == caller.organization
        };
        let seen = parties.iter().filter(|with| !before.contains(with) && !is_own(&with.organization, with.party));
        let unseen = before.iter().filter(|with| !parties.contains(with));
        for (action, with) in seen.map(|with| ("disclosed", with)).chain(unseen.map(|with| ("withdrawn", with))) {
            let entities = vec![ResourceKey::new("Organization", with.organization.as_str())];
            let detail = format!("as {}", with.party.code());
            entries.push(AuditEntry { entities, ..audit(caller, action, Some(task), detail, at) });
        }
    }
    plan.audit.extend(entries);
}
