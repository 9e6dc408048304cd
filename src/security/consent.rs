//! May this referral be disclosed to that organization? Reads the Consents that travel with it
//! (<https://hl7.org/fhir/R4/consent.html>, SDOHCC Consent, section 2.7 of the facts).
//!
//! - Only Consents about the referral's person and about disclosure count (scope `patient-privacy`, or category `IDSCL`);
//!   those about research, advance directives and the like do not.
//! - `active` counts within its period; `rejected` is the person's refusal; every other status says nothing by itself.
//! - The root provision is the rule and nested provisions are its exceptions, as deep as they go; [`super::provision`] tells
//!   what they rule for this disclosure. Without a provision an active Consent permits, unless its policyRule opts out.
//! - A referral leaves whole or not at all, so everything in it has to be permitted.
//! - What cannot be decided blocks, and is said: a deny that may apply denies, a permit that may not apply does not permit. So
//!   does a permit that is made out to others.
//! - A refusal stands unless a newer permit (by dateTime) that is as specific outdoes it: one that names the recipient is
//!   outdone only by a permit that names it too.
//! - A permit that was taken back (inactive, entered-in-error) or has run out is no permit, and where none stands beside it
//!   what it permitted is refused: whoever agreed once and no longer does is not as one who never was asked.
//! - Where no Consent says anything, the policy decides.
//!
//! Pure: the time is passed in. Nothing of what a Consent says about a person is repeated.

use jiff::Timestamp;

use super::disclosure::{Disclosure, ProvisionKind};
use super::provision::{ProvisionDecision, kind_of, rule};
use super::recipient::names_recipient;
use crate::fhir::{Identifier, Node, Truth, period};
use crate::referral::Referral;
use crate::referral::consent_rule::{is_about_disclosure, opts_out};

pub use super::disclosure::Recipient;

/// What holds where no Consent says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// Nothing leaves
    Required,
    /// The disclosure is permitted
    #[default]
    Optional,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsentDecision {
    /// It may leave
    Permitted {
        /// Why, for people
        why: &'static str,
    },
    /// It may not
    Refused {
        /// Why, for people
        reason: String,
        /// The element that says so; "" where nothing does
        path: String,
    },
}

/// What one Consent by itself says about a disclosure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentVoice {
    /// It permits it; whether it names the recipient, and since when
    Permits {
        /// Does it name the recipient?
        names_recipient: bool,
        /// As early as it may have been given
        given: Timestamp,
    },
    /// It does not
    Refuses,
    /// It permitted it, and does no longer
    Lapsed,
    /// It is about something else
    Silent,
}

/// What this Consent by itself says about the disclosure of `referral` to `recipient`, as of `at`.
pub fn voice<'r>(
    referral: &Referral<'_>,
    consent: Node<'_>,
    recipient: impl Into<Recipient<'r>>,
    at: Timestamp,
) -> ConsentVoice {
    let recipient = recipient.into();
    let disclosure = Disclosure { referral, recipient: &recipient, at };
    if !is_about(referral, consent) || !is_about_disclosure(consent) {
        return ConsentVoice::Silent;
    }
    match read(consent, &disclosure) {
        Some(Finding { ruling, given }) if ruling.kind == ProvisionKind::Permit => {
            ConsentVoice::Permits { names_recipient: ruling.names_recipient, given }
        }
        Some(_) => ConsentVoice::Refuses,
        None if is_lapsed_permit(consent, &disclosure) => ConsentVoice::Lapsed,
        None => ConsentVoice::Silent,
    }
}

/// What one Consent says about this disclosure.
struct Finding<'n> {
    ruling: ProvisionDecision<'n>,
    /// When it was given: a permit as early, a refusal as late as its date allows
    given: Timestamp,
}

/// May `referral` be disclosed to `recipient`, as of `at`? A recipient given by its id alone is not known by the
/// identifiers that a Consent may name it with; give the directory's Organization where there is one.
pub fn permits<'r>(
    referral: &Referral<'_>,
    consents: &[Node<'_>],
    recipient: impl Into<Recipient<'r>>,
    policy: Policy,
    at: Timestamp,
) -> ConsentDecision {
    let recipient = recipient.into();
    let disclosure = Disclosure { referral, recipient: &recipient, at };
    let is_about = |consent: &&Node<'_>| is_about(referral, **consent) && is_about_disclosure(**consent);
    let about: Vec<Node<'_>> = consents.iter().filter(is_about).copied().collect();
    let findings: Vec<Finding<'_>> = about.iter().filter_map(|consent| read(*consent, &disclosure)).collect();
    let permits = || findings.iter().filter(|finding| finding.ruling.kind == ProvisionKind::Permit);
    let outdone = |deny: &Finding<'_>| {
        permits()
            .any(|permit| permit.given > deny.given && (permit.ruling.names_recipient || !deny.ruling.names_recipient))
    };
    let standing = findings.iter().find(|finding| finding.ruling.kind == ProvisionKind::Deny && !outdone(finding));
    if let Some(Finding { ruling, .. }) = standing {
        return ConsentDecision::Refused { reason: ruling.reason(), path: ruling.node.path() };
    }
    if permits().next().is_some() {
        return ConsentDecision::Permitted { why: "an active Consent permits the disclosure" };
    }
    if let Some(Finding { ruling, .. }) = findings.first() {
        return ConsentDecision::Refused { reason: ruling.reason(), path: ruling.node.path() };
    }
    if let Some(lapsed) = about.iter().find(|consent| is_lapsed_permit(**consent, &disclosure)) {
        let reason = "the Consent that permitted the disclosure was taken back or has run out".to_owned();
        return ConsentDecision::Refused { reason, path: lapsed.get("status").unwrap_or(*lapsed).path() };
    }
    match policy {
        Policy::Required => ConsentDecision::Refused {
            reason: "no Consent permits the disclosure, and this gateway requires one".to_owned(),
            path: String::new(),
        },
        Policy::Optional => ConsentDecision::Permitted { why: "no Consent stands against the disclosure" },
    }
}

/// What this Consent says; nothing where it is not in force or its rule does not concern this disclosure.
fn read<'n>(consent: Node<'n>, disclosure: &Disclosure<'_>) -> Option<Finding<'n>> {
    let given = consent.str("dateTime").and_then(|text| period::instants(&text));
    let provision = consent.get("provision");
    let ruling = match consent.str("status").as_deref() {
        Some("rejected") => {
            // Somebody else's refusal is not ours; one that names nobody is everybody's.
            let actors = provision.filter(|root| root.get("actor").is_some());
            let named = actors.map(|root| names_recipient(root, ProvisionKind::Permit, disclosure));
            (named != Some(Truth::No)).then(|| ProvisionDecision::refused(consent, named == Some(Truth::Yes)))
        }
        Some("active") => {
            in_force(provision, disclosure.at).then(|| rule(consent, provision, base(consent), disclosure)).flatten()
        }
        _ => None,
    }?;
    let (first, last) = given.unwrap_or((Timestamp::MIN, Timestamp::MAX));
    Some(Finding { given: if ruling.kind == ProvisionKind::Deny { last } else { first }, ruling })
}

/// Did the Consent permit this disclosure, and does no longer?
fn is_lapsed_permit(consent: Node<'_>, disclosure: &Disclosure<'_>) -> bool {
    let provision = consent.get("provision");
    let end = provision.and_then(|root| root.get("period")?.str("end"));
    let is_over = || end.and_then(|end| period::instants(&end)).is_some_and(|(_, last)| last < disclosure.at);
    let lapsed = match consent.str("status").as_deref() {
        Some("inactive" | "entered-in-error") => true,
        Some("active") => is_over(),
        _ => false,
    };
    let kind = provision.map(|root| kind_of(root, ProvisionKind::Permit)).or(base(consent));
    lapsed
        && kind != Some(ProvisionKind::Deny)
        && provision.is_none_or(|root| names_recipient(root, ProvisionKind::Permit, disclosure) != Truth::No)
}

/// Is the root's period not over and begun? What cannot be read does not end a Consent; its provisions decide.
fn in_force(root: Option<Node<'_>>, at: Timestamp) -> bool {
    root.and_then(|root| root.get("period")).is_none_or(|time| period::includes(time, at) != Truth::No)
}

/// What the Consent's base policy does: opt in, opt out, or neither is said.
fn base(consent: Node<'_>) -> Option<ProvisionKind> {
    opts_out(consent).map(|out| if out { ProvisionKind::Deny } else { ProvisionKind::Permit })
}

/// Is the Consent the referral's person's own? One whose patient cannot be told is, if the request stands on it.
fn is_about(referral: &Referral<'_>, consent: Node<'_>) -> bool {
    let graph = referral.graph;
    if let Some(found) = graph.follow(consent, "patient") {
        let subject = graph.follow(referral.request.node(), "subject");
        return referral.patients().iter().any(|patient| patient.url == found.url)
            || found.url == referral.person.url
            || subject.is_some_and(|subject| subject.url == found.url);
    }
    if let Some(identifier) = consent.get("patient").and_then(|patient| Identifier::read(patient.get("identifier")?)) {
        let mut own = referral.person.node().list("identifier").filter_map(Identifier::read);
        return own.any(|own| own == identifier);
    }
    let supporting = graph.follow_each(referral.request.node(), "supportingInfo");
    supporting.into_iter().any(|resource| resource.node() == consent)
}
