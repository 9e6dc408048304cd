//! One program: a HealthcareService, compiled. How it is written down is told in [`super::directory`].

use std::sync::Arc;

use super::area::{Area, Locality};
use super::asked::TEAM_ROLES;
use super::offer::{Offer, Purpose};
use super::organization::{Organization, identifiers};
use super::program_rules::{extensions, own_rules};
use super::rule::Rule;
use super::rulebook::Rulebook;
use super::shared_map::SharedMap;
use crate::fhir::{Identifier, Issue, Key, Node, Reference};
use crate::referral::task::{SDOHCC_CODES, coded};

/// The CodeSystem of program types.
pub const PROGRAM_TYPES: &str = "urn:handoff:fhir:CodeSystem:program-type";
/// The type of a program that names none, and of a referral to an organization without programs.
pub const GENERIC: &str = "generic";
/// The SDOHCC extension that holds the capacity.
pub const CAPACITY: &str =
    "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus";

/// Can the program take somebody? From worst to best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capacity {
    /// No
    Full,
    /// Not said
    Unknown,
    /// Not now
    Waitlist,
    /// After an assessment
    AssessmentRequired,
    /// Yes
    Free,
}

impl Capacity {
    /// The one with this SDOHCC code.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "capacity" => Some(Self::Free),
            "additional-assessment-required" => Some(Self::AssessmentRequired),
            "waitlist" => Some(Self::Waitlist),
            "no-capacity" => Some(Self::Full),
            _ => None,
        }
    }
}

/// How a program stands: what of it changes from day to day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    /// Does it run, and its organization?
    pub active: bool,
    /// Can it take somebody?
    pub capacity: Capacity,
}

/// A program that referrals can go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// Id of the HealthcareService
    pub id: Arc<str>,
    /// Name, "" where it has none
    pub name: Arc<str>,
    /// Whose program it is
    pub organization: Arc<Organization>,
    /// Does it run?
    pub active: bool,
    /// Can it take somebody?
    pub capacity: Capacity,
    /// What it offers, to whom and where
    pub offer: Arc<Offer>,
    /// By what other systems know it
    pub(super) identifiers: Box<[Identifier]>,
    /// What its service area is made of
    pub(super) coverage: Box<[Coverage]>,
}

/// One place of a service area, as it is written down.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Coverage {
    /// The Location of the directory with this id
    Location(Arc<str>),
    /// A Location that came with the program
    Contained(Locality),
    /// Something in words
    Text,
}

/// What a program's references are looked up in while it is read.
pub(super) struct ProgramContext<'s> {
    pub(super) organizations: &'s SharedMap<Arc<str>, Arc<Organization>>,
    pub(super) locations: &'s SharedMap<Arc<str>, Locality>,
    pub(super) rulebook: &'s Rulebook,
}

impl Program {
    /// Reads a HealthcareService. What makes it unusable is an error among `issues`, what makes it less useful a warning.
    pub(super) fn read(service: Node<'_>, around: &ProgramContext<'_>, issues: &mut Vec<Issue>) -> Option<Self> {
        let id = service.str("id");
        if id.is_none() {
            issues.push(Issue::error_at(
                Key::DirectoryInvalid,
                service,
                "a HealthcareService of the directory needs an id",
            ));
        }
        let organization = provider(service, around, issues);
        let codings = service.list("program").flat_map(|program| program.list("coding"));
        let mut kind = codings.filter(|coding| coding.get("system").is_some_and(|of| of.is_str(PROGRAM_TYPES)));
        let kind = kind.find_map(|coding| coding.str("code")).map_or(GENERIC.into(), |code| Arc::from(&*code));
        let needs = needs(service, issues);
        let coverage = coverage(service, around, issues);
        let own = own_rules(service, &kind, around.rulebook, issues);
        let shared = around.rulebook.rules(&kind).iter();
        let shared: Vec<Arc<Rule>> = shared.filter(|rule| !own.iter().any(|own| own.replaces(rule))).cloned().collect();
        let purpose = Arc::new(Purpose { needs, kind, roles: roles(service) });
        let area = area_of(&coverage, around.locations);
        Some(Self {
            id: id?.into(),
            name: service.str("name").unwrap_or_default().into(),
            active: service.get("active").and_then(Node::as_bool).unwrap_or(true),
            organization: organization?,
            capacity: capacity(service, issues),
            offer: Arc::new(Offer { purpose, area, rules: own.into_iter().chain(shared).collect() }),
            identifiers: identifiers(service).collect(),
            coverage: coverage.into(),
        })
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        Standing { active: self.active && self.organization.active, capacity: self.capacity }
    }

    /// Code of its type: the folder under `profiles/programs/`.
    pub fn kind(&self) -> &str {
        &self.offer.purpose.kind
    }

    /// Who is eligible.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.offer.rules
    }

    /// The Locations of the directory that its service area is made of.
    pub(super) fn locations(&self) -> impl Iterator<Item = &Arc<str>> {
        self.coverage.iter().filter_map(|covered| match covered {
            Coverage::Location(id) => Some(id),
            Coverage::Contained(_) | Coverage::Text => None,
        })
    }
}

/// Where a program with this coverage serves.
pub(super) fn area_of(coverage: &[Coverage], locations: &SharedMap<Arc<str>, Locality>) -> Area {
    let localities = coverage.iter().filter_map(|covered| match covered {
        Coverage::Location(id) => locations.get(&**id),
        Coverage::Contained(locality) => Some(locality),
        Coverage::Text => None,
    });
    let localities: Vec<Locality> = localities.filter(|locality| !locality.is_empty()).cloned().collect();
    match (coverage.is_empty(), localities.is_empty()) {
        (true, _) => Area::Anywhere,
        (false, true) => Area::TextOnly,
        (false, false) => Area::Localities(localities),
    }
}

/// `Type/id` of a literal reference; the directory is one closed set, so the base of an absolute one does not matter.
pub(super) fn local<'t>(reference: &'t str, kind: &str) -> Option<&'t str> {
    match Reference::parse(reference)? {
        Reference::Relative { kind: of, id, .. } | Reference::Absolute { restful: Some((_, of, id)), .. } => {
            (of == kind).then_some(id)
        }
        _ => None,
    }
}

fn provider(service: Node<'_>, around: &ProgramContext<'_>, issues: &mut Vec<Issue>) -> Option<Arc<Organization>> {
    let named = service.get("providedBy").and_then(|by| by.str("reference"));
    let found = named.and_then(|text| around.organizations.get(local(&text, "Organization")?));
    if found.is_none() {
        let at = service.get("providedBy").unwrap_or(service);
        let message = "providedBy has to reference an Organization of the directory as Organization/id";
        issues.push(Issue::error_at(Key::DirectoryInvalid, at, message));
    }
    found.cloned()
}

fn needs(service: Node<'_>, issues: &mut Vec<Issue>) -> Vec<Arc<str>> {
    let mut needs: Vec<Arc<str>> = Vec::new();
    for coding in service.list("category").flat_map(|concept| concept.list("coding")) {
        if coding.get("system").is_some_and(|of| of.is_str(SDOHCC_CODES))
            && let Some(code) = coding.str("code").filter(|code| !needs.iter().any(|need| **need == **code))
        {
            needs.push(code.into());
        }
    }
    if needs.is_empty() {
        let message = "the program names no SDOHCC category in category.coding, so nothing is ever routed to it";
        issues.push(warning(service, message));
    }
    needs
}

fn coverage(service: Node<'_>, around: &ProgramContext<'_>, issues: &mut Vec<Issue>) -> Vec<Coverage> {
    let mut coverage = Vec::new();
    for covered in service.list("coverageArea") {
        let Some(text) = covered.str("reference") else {
            coverage.push(Coverage::Text);
            continue;
        };
        let contained = text.strip_prefix('#').and_then(|id| {
            service.list("contained").find(|inner| inner.get("id").is_some_and(|inner| inner.is_str(id)))
        });
        let known = || around.locations.get_entry(local(&text, "Location")?);
        let (one, at, is_empty) = match (contained, known()) {
            (Some(location), _) => {
                let locality = Locality::of_location(location);
                let is_empty = locality.is_empty();
                (Coverage::Contained(locality), location, is_empty)
            }
            (None, Some((id, locality))) => (Coverage::Location(id.clone()), covered, locality.is_empty()),
            (None, None) => {
                let message = "coverageArea has to reference a Location of the directory as Location/id";
                issues.push(Issue::error_at(Key::DirectoryInvalid, covered, message));
                continue;
            }
        };
        if is_empty {
            let message =
                "the service area's Location has no address.state, address.district or address.postalCode to compare";
            issues.push(warning(at, message));
        }
        coverage.push(one);
    }
    coverage
}

fn capacity(service: Node<'_>, issues: &mut Vec<Issue>) -> Capacity {
    let Some(status) = extensions(service, CAPACITY).flat_map(|outer| extensions(outer, "capacityStatus")).next()
    else {
        return Capacity::Unknown;
    };
    let code = coded(status.get("valueCodeableConcept"), SDOHCC_CODES);
    let known = code.and_then(|code| Capacity::from_code(&code));
    if known.is_none() {
        let message = "unknown capacity; expected capacity, additional-assessment-required, waitlist or no-capacity";
        issues.push(warning(status, message));
    }
    known.unwrap_or(Capacity::Unknown)
}

/// The roles of the care team among what it offers.
fn roles(service: Node<'_>) -> Vec<Arc<str>> {
    let mut roles: Vec<Arc<str>> = Vec::new();
    for name in ["type", "serviceProvisionCode", "characteristic"] {
        for coding in service.list(name).flat_map(|concept| concept.list("coding")) {
            if coding.get("system").is_some_and(|of| of.is_str(TEAM_ROLES))
                && let Some(code) = coding.str("code").filter(|code| !roles.iter().any(|role| **role == **code))
            {
                roles.push(code.into());
            }
        }
    }
    roles
}

fn warning(node: Node<'_>, text: &str) -> Issue {
    Issue::warning(Key::DirectoryInvalid, node.path(), text).at(node.position())
}
