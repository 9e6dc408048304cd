//! What the provisions of a Consent rule for a disclosure
//! (<https://hl7.org/fhir/R4/consent-definitions.html#Consent.provision>): a rule with its exceptions, asked for every resource
//! that would be disclosed. Which conditions they are made under is told by [`super::condition`].
//!
//! It must not know what several Consents mean together; that is [`super::consent`]'s.

use super::condition::conditions;
use super::disclosure::{Disclosure, ProvisionKind};
use super::recipient::names_recipient;
use crate::fhir::{Node, Truth};
use crate::referral::Resource;

/// Resources that say nothing about the person.
const ABOUT_NOBODY: &[&str] =
    &["Organization", "Practitioner", "PractitionerRole", "Location", "HealthcareService", "Consent"];

/// What a Consent says about the disclosure.
#[derive(Debug, Clone, Copy)]
pub(super) struct ProvisionDecision<'n> {
    pub(super) kind: ProvisionKind,
    /// The element that says so
    pub(super) node: Node<'n>,
    /// Does it name the recipient?
    pub(super) names_recipient: bool,
    /// The conditions that could not be decided
    undecided: Option<&'static str>,
    rejected: bool,
}

// === ruling ===

impl<'n> ProvisionDecision<'n> {
    fn new(kind: ProvisionKind, node: Node<'n>) -> Self {
        Self { kind, node, names_recipient: false, undecided: None, rejected: false }
    }

    /// The person refused to give this Consent.
    pub(super) fn refused(consent: Node<'n>, names_recipient: bool) -> Self {
        Self {
            names_recipient,
            rejected: true,
            ..Self::new(ProvisionKind::Deny, consent.get("status").unwrap_or(consent))
        }
    }

    /// Why not, for people.
    pub(super) fn reason(&self) -> String {
        match (self.rejected, self.undecided, self.kind) {
            (true, _, _) => "the person refused to consent to the disclosure".to_owned(),
            (false, None, ProvisionKind::Elsewhere) => {
                "the Consent permits other disclosures than this one (other recipients, purposes or data)".to_owned()
            }
            (false, Some(what), ProvisionKind::Elsewhere) => {
                format!(
                    "whether the Consent's permit covers this disclosure cannot be decided by its {what}, so it does not count"
                )
            }
            (false, None, _) => "a Consent denies the disclosure".to_owned(),
            (false, Some(what), _) => {
                format!(
                    "whether a Consent's denial concerns this disclosure cannot be decided by its {what}, so it is heeded"
                )
            }
        }
    }
}

/// What a Consent with this root provision says about everything that the referral discloses, where its policy opts in, opts
/// out or says neither. Nothing, where its root is a denial that concerns something else.
pub(super) fn rule<'n>(
    consent: Node<'n>,
    root: Option<Node<'n>>,
    policy: Option<ProvisionKind>,
    disclosure: &Disclosure<'_>,
) -> Option<ProvisionDecision<'n>> {
    let base = policy.unwrap_or(ProvisionKind::Permit);
    let stated = consent.get("policyRule").unwrap_or(consent);
    let Some(root) = root else { return Some(ProvisionDecision::new(base, stated)) };
    let mut whole: Option<ProvisionDecision<'n>> = None;
    for resource in disclosure.referral.graph.all().filter(|one| !ABOUT_NOBODY.contains(&one.kind())) {
        let message = match_provision(root, kind_of(root, base), disclosure, resource);
        // Where the root does not apply, the policy does.
        let message = match (message, policy) {
            (None, Some(policy)) => Some(ProvisionDecision::new(policy, stated)),
            (Some(ProvisionDecision { kind: ProvisionKind::Elsewhere, .. }), Some(ProvisionKind::Deny)) => {
                Some(ProvisionDecision::new(ProvisionKind::Deny, stated))
            }
            (message, _) => message,
        };
        whole = match (whole, message) {
            (_, Some(message)) if message.kind == ProvisionKind::Deny => return Some(message),
            (Some(before), Some(message)) if before.kind == ProvisionKind::Permit => Some(ProvisionDecision {
                names_recipient: before.names_recipient && message.names_recipient,
                ..message
            }),
            (before, message) => before.or(message),
        };
    }
    whole
}

/// The provision's type; without one, what it is an exception to or from.
pub(super) fn kind_of(provision: Node<'_>, otherwise: ProvisionKind) -> ProvisionKind {
    match provision.str("type").as_deref() {
        Some("deny") => ProvisionKind::Deny,
        Some("permit") => ProvisionKind::Permit,
        _ => otherwise,
    }
}

/// What this provision, with its exceptions, says about one resource. A permit that does not apply says so, a denial
/// that does not apply says nothing.
fn match_provision<'n>(
    provision: Node<'n>,
    kind: ProvisionKind,
    disclosure: &Disclosure<'_>,
    resource: &Resource,
) -> Option<ProvisionDecision<'n>> {
    let conditions = conditions(provision, kind, disclosure, resource);
    let answer = Truth::all(conditions.iter().map(|(_, answer)| *answer));
    let undecided = conditions.iter().find(|(_, answer)| *answer == Truth::Unknown).map(|(name, _)| *name);
    let names_recipient =
        provision.get("actor").is_some() && names_recipient(provision, kind, disclosure) == Truth::Yes;
    let ruling = match (kind, answer) {
        (ProvisionKind::Deny, Truth::No) => return None,
        (ProvisionKind::Deny, Truth::Unknown) => {
            ProvisionDecision { names_recipient, undecided, ..ProvisionDecision::new(ProvisionKind::Deny, provision) }
        }
        (_, Truth::Yes) => ProvisionDecision { names_recipient, ..ProvisionDecision::new(kind, provision) },
        (_, Truth::No) => return Some(ProvisionDecision::new(ProvisionKind::Elsewhere, provision)),
        (_, Truth::Unknown) => {
            return Some(ProvisionDecision {
                undecided,
                ..ProvisionDecision::new(ProvisionKind::Elsewhere, provision)
            });
        }
    };
    let opposite = if kind == ProvisionKind::Deny { ProvisionKind::Permit } else { ProvisionKind::Deny };
    let exceptions = provision.list("provision").filter_map(|inner| {
        match_provision(inner, kind_of(inner, opposite), disclosure, resource)
            .filter(|found| found.kind != ProvisionKind::Elsewhere)
    });
    // Among exceptions a denial wins.
    let mut best = ruling;
    for exception in exceptions {
        if exception.kind == ProvisionKind::Deny {
            return Some(exception);
        }
        best = ProvisionDecision { names_recipient: exception.names_recipient || ruling.names_recipient, ..exception };
    }
    Some(best)
}
