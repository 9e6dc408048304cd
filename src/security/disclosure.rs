//! What is asked of a Consent: what would be disclosed, to whom and when.

use jiff::Timestamp;

use crate::fhir::Identifier;
use crate::referral::Referral;
use crate::routing::Organization;

/// Who would receive the referral.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// Id of the Organization
    pub organization: &'a str,
    /// By what other systems know it
    pub identifiers: &'a [Identifier],
}

impl<'a> From<&'a str> for Recipient<'a> {
    fn from(organization: &'a str) -> Self {
        Self { organization, identifiers: &[] }
    }
}

impl<'a> From<&'a String> for Recipient<'a> {
    fn from(organization: &'a String) -> Self {
        organization.as_str().into()
    }
}

impl<'a> From<&'a Organization> for Recipient<'a> {
    fn from(organization: &'a Organization) -> Self {
        Self { organization: &organization.id, identifiers: &organization.identifiers }
    }
}

/// What would be disclosed, to whom and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disclosure<'d> {
    pub(super) referral: &'d Referral<'d>,
    pub(super) recipient: &'d Recipient<'d>,
    pub(super) at: Timestamp,
}

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProvisionKind {
    Permit,
    Deny,
    /// Permits something, and not this
    Elsewhere,
}
