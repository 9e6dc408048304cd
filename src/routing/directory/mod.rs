//! The directory: who there is to send somebody to. Compiled from FHIR resources, indexed so that a referral looks only at
//! programs that help with its need and may serve its address. A directory does not change; the next version is made by an
//! [`update`], and shares all but what changed with the one before.
//!
//! How a program is written down (SDOHCC HealthcareService for Referral Management, section 2.9 of the facts):
//!
//! | HealthcareService | what it says |
//! |---|---|
//! | `providedBy` | the Organization whose program it is |
//! | `category.coding` | `us-core-category#sdoh`, and the SDOHCC category codes of the needs that it helps with |
//! | `program.coding` | its type: system `urn:handoff:fhir:CodeSystem:program-type`, code the folder under `profiles/programs/` |
//! | `coverageArea` | Locations with address.state, address.district (county) and address.postalCode, as far as they matter; none: everywhere |
//! | extension `...SDOHCC-ExtensionHealthcareServiceCapacityStatus` | `capacityStatus`: capacity, additional-assessment-required, waitlist, no-capacity |
//! | `type`, `serviceProvisionCode`, `characteristic` | the roles of the care team that it offers: system `urn:handoff:fhir:CodeSystem:care-team-role` |
//! | extension `urn:handoff:fhir:StructureDefinition:eligibility`, any number | one rule: `criterion`, `op` (valueCode), `value` (repeated for lists), `of`, `unit` (valueString), or `any` or `all` with `test`s that say the same; `strength` (required or preferred), `id`, `effective`, `source`; or `preset` alone, the name of rules of an `eligibility.yaml` |
//!
//! A program's own rule replaces the rules of its type (see [`super::rulebook`]) that have its id or ask first about what
//! it asks about.

mod offer_index;
pub mod update;

use std::sync::Arc;

use super::area::Locality;
use super::asked::RequestedServices;
use super::facts::FactBook;
use super::organization::{Organization, identifiers};
use super::program::{Program, local};
use super::rulebook::Rulebook;
use super::shared_map::SharedMap;
use crate::fhir::{Identifier, Issue, Node, Reference};
use crate::referral::Graph;

pub(super) use offer_index::{OfferEntry, OfferIndex, Programs, PurposeOffers};

/// What a reference names in the directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'d> {
    /// An Organization
    Organization(&'d Organization),
    /// A HealthcareService
    Program(&'d Arc<Program>),
}

/// Organizations and programs. See the module head.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// By id, so that nothing depends on the order in which resources came
    programs: Programs,
    organizations: SharedMap<Arc<str>, Arc<Organization>>,
    /// What the Locations name
    locations: SharedMap<Arc<str>, Locality>,
    /// The programs whose area a Location is part of
    by_location: SharedMap<Arc<str>, SharedMap<Arc<str>, ()>>,
    by_organization: SharedMap<Arc<str>, Programs>,
    /// Of several with one identifier it names none
    by_identifier: SharedMap<Identifier, Vec<DirectoryEntry>>,
    offers: OfferIndex,
    facts: Arc<FactBook>,
    asked: Arc<RequestedServices>,
    base: Option<Arc<str>>,
    findings: Vec<Issue>,
    placed: usize,
}

/// What an identifier leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DirectoryEntry {
    Organization(Arc<str>),
    Program(Arc<str>),
}

impl Directory {
    /// A directory without anybody, where facts are read as this book says.
    pub fn new(rulebook: &Rulebook) -> Self {
        Self { facts: rulebook.facts().clone(), asked: rulebook.asked().clone(), ..Self::default() }
    }

    /// Says at which base URL the directory is served, so that absolute references to it are known.
    #[must_use]
    pub fn served_at(mut self, base: impl Into<Arc<str>>) -> Self {
        self.base = Some(base.into());
        self
    }
}

// === reading ===

impl Directory {
    /// The organization with this id.
    pub fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(id).map(Arc::as_ref)
    }

    /// The program with this id.
    pub fn program(&self, id: &str) -> Option<&Arc<Program>> {
        self.programs.get(id)
    }

    /// All programs, by id.
    pub fn programs(&self) -> impl Iterator<Item = &Arc<Program>> {
        self.programs.values()
    }

    /// How many resources it is made of: Organizations, Locations and HealthcareServices.
    pub fn resource_count(&self) -> usize {
        self.organizations.len() + self.locations.len() + self.programs.len()
    }

    /// How many entries its indexes have: as many as if it had been compiled at once, whatever was in it before.
    pub fn index_size(&self) -> usize {
        self.by_organization.len() + self.by_location.len() + self.by_identifier.len() + self.offers.size()
    }

    /// How many organizations there are.
    pub fn organization_count(&self) -> usize {
        self.organizations.len()
    }

    /// How many programs were put in their places to make this version of the one before.
    pub fn placed(&self) -> usize {
        self.placed
    }

    /// What was found when this version was made and did not stop it: warnings.
    pub fn findings(&self) -> &[Issue] {
        &self.findings
    }

    /// The programs of an organization, by id.
    pub fn programs_of(&self, organization: &str) -> impl Iterator<Item = &Arc<Program>> {
        self.by_organization.get(organization).into_iter().flat_map(SharedMap::values)
    }

    /// What is offered.
    pub(super) fn offers(&self) -> &OfferIndex {
        &self.offers
    }

    /// Where facts about people are read.
    pub fn facts(&self) -> &FactBook {
        &self.facts
    }

    /// The codes by which types and roles are asked for.
    pub(super) fn asked(&self) -> &RequestedServices {
        &self.asked
    }

    /// What a Reference names in this directory: by type and id, by an absolute URL of this gateway, by identifier, or
    /// through a resource of `graph` (an Organization that came along and has a known identifier; a PractitionerRole,
    /// which stands for its organization).
    pub fn resolve(&self, reference: Node<'_>, graph: &Graph) -> Option<Target<'_>> {
        let text = reference.str("reference");
        let literal = text.as_deref().and_then(|text| self.literal(text));
        literal.or_else(|| self.identified(&Identifier::read(reference.get("identifier")?)?)).or_else(|| {
            let resource = graph.target(reference)?.node();
            match resource.str("resourceType")?.as_ref() {
                "Organization" | "HealthcareService" => identifiers(resource).find_map(|named| self.identified(&named)),
                "PractitionerRole" => {
                    let named = resource.get("organization")?;
                    // One step and no further: what a role names is an Organization.
                    self.literal(&named.str("reference").unwrap_or_default())
                        .or_else(|| self.identified(&Identifier::read(named.get("identifier")?)?))
                        .or_else(|| {
                            identifiers(graph.follow(resource, "organization")?.node())
                                .find_map(|named| self.identified(&named))
                        })
                }
                _ => None,
            }
        })
    }

    fn literal(&self, text: &str) -> Option<Target<'_>> {
        let parsed = Reference::parse(text)?;
        let here = match &parsed {
            Reference::Relative { .. } => true,
            Reference::Absolute { .. } => parsed.local(self.base.as_deref()).is_some(),
            _ => false,
        };
        if !here {
            // Elsewhere's ids are not ours, but a URL may be an identifier of ours.
            return self.identified(&Identifier { system: "urn:ietf:rfc:3986".to_owned(), value: text.to_owned() });
        }
        match parsed.kind()? {
            "Organization" => self.organization(local(text, "Organization")?).map(Target::Organization),
            "HealthcareService" => self.program(local(text, "HealthcareService")?).map(Target::Program),
            _ => None,
        }
    }

    fn identified(&self, identifier: &Identifier) -> Option<Target<'_>> {
        match self.by_identifier.get(identifier)?.as_slice() {
            [DirectoryEntry::Organization(id)] => self.organization(id).map(Target::Organization),
            [DirectoryEntry::Program(id)] => self.program(id).map(Target::Program),
            _ => None,
        }
    }
}
