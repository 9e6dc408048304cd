//! The directory: who there is to send somebody to. Compiled once from FHIR resources, indexed so that a referral looks only
//! at programs that help with its need.
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

use std::collections::HashMap;
use std::sync::Arc;

use super::asked::{RequestedServices, ServiceRequirements};
use super::facts::FactBook;
use super::organization::{Organization, identifiers};
use super::program::{Program, ProgramContext, local};
use super::rulebook::Rulebook;
use crate::error::{Error, Result};
use crate::fhir::issue::any_error;
use crate::fhir::{Document, Identifier, Issue, Key, Node, Reference};
use crate::referral::Graph;

/// What a reference names in the directory.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'d> {
    /// An Organization
    Organization(&'d Organization),
    /// A HealthcareService
    Program(&'d Arc<Program>),
}

/// Organizations and programs. See the module head.
#[derive(Debug, Default)]
pub struct Directory {
    /// By id, so that nothing depends on the order in which resources came
    programs: Vec<Arc<Program>>,
    organizations: HashMap<String, Arc<Organization>>,
    by_id: HashMap<String, usize>,
    by_need: HashMap<String, Vec<usize>>,
    by_kind: HashMap<String, Vec<usize>>,
    by_role: HashMap<String, Vec<usize>>,
    by_organization: HashMap<String, Vec<usize>>,
    /// Identifiers of Organizations and HealthcareServices; None: of several, so of nobody
    by_identifier: HashMap<Identifier, Option<DirectoryEntry>>,
    facts: Arc<FactBook>,
    asked: Arc<RequestedServices>,
    base: Option<String>,
    findings: Vec<Issue>,
}

/// What an identifier leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum DirectoryEntry {
    Organization(String),
    Program(usize),
}

// === compiling ===

impl Directory {
    /// Compiles the Organizations, HealthcareServices and Locations among `resources`; others are passed over.
    ///
    /// # Errors
    /// Everything that makes a resource unusable, with path and place.
    pub fn compile<'n>(resources: impl IntoIterator<Item = Node<'n>>, rulebook: &Rulebook) -> Result<Self> {
        let mut issues = Vec::new();
        let mut services = Vec::new();
        let mut locations = HashMap::new();
        let mut organizations = HashMap::new();
        for resource in resources {
            let id = resource.str("id").map(std::borrow::Cow::into_owned);
            match (resource.str("resourceType").as_deref(), id) {
                (Some("HealthcareService"), _) => services.push(resource),
                (Some("Location"), Some(id)) => {
                    locations.insert(id, resource);
                }
                (Some("Organization"), Some(id)) => {
                    let read = Arc::new(Organization::read(&id, resource));
                    if organizations.insert(id, read).is_some() {
                        issues.push(Issue::error_at(Key::DirectoryInvalid, resource, "two Organizations have this id"));
                    }
                }
                (Some("Organization"), None) => {
                    let message = "an Organization of the directory needs an id";
                    issues.push(Issue::error_at(Key::DirectoryInvalid, resource, message));
                }
                _ => {}
            }
        }
        let around = ProgramContext { organizations: &organizations, locations: &locations, rulebook };
        let mut programs = Vec::new();
        for service in services {
            if let Some(program) = Program::read(service, &around, &mut issues) {
                programs.push((Arc::new(program), service));
            }
        }
        programs.sort_by(|(one, _), (other, _)| one.id.cmp(&other.id));
        for pair in programs.windows(2).filter(|pair| pair[0].0.id == pair[1].0.id) {
            issues.push(Issue::error_at(Key::DirectoryInvalid, pair[1].1, "two HealthcareServices have this id"));
        }
        if any_error(&issues) {
            return Err(Error::unprocessable(issues));
        }
        let (facts, asked) = (rulebook.facts().clone(), rulebook.asked().clone());
        let mut directory = Self { organizations, facts, asked, findings: issues, ..Self::default() };
        for (program, service) in programs {
            directory.add(program, service);
        }
        for organization in directory.organizations.values() {
            let named = DirectoryEntry::Organization(organization.id.clone());
            for identifier in &organization.identifiers {
                note(&mut directory.by_identifier, identifier.clone(), &named);
            }
        }
        Ok(directory)
    }

    /// Compiles the resources of a Bundle.
    ///
    /// # Errors
    /// As [`Directory::compile`], and for a document that is no Bundle.
    pub fn from_bundle(document: &Document, rulebook: &Rulebook) -> Result<Self> {
        let root = document.root();
        if !root.get("resourceType").is_some_and(|kind| kind.is_str("Bundle")) {
            let message = "expected a Bundle of Organizations, HealthcareServices and Locations";
            return Err(Error::refused(Key::NotAResource, "", message));
        }
        Self::compile(root.list("entry").filter_map(|entry| entry.get("resource")), rulebook)
    }

    /// Says at which base URL the directory is served, so that absolute references to it are known.
    #[must_use]
    pub fn served_at(mut self, base: impl Into<String>) -> Self {
        self.base = Some(base.into());
        self
    }

    fn add(&mut self, program: Arc<Program>, service: Node<'_>) {
        let position = self.programs.len();
        for need in &program.needs {
            self.by_need.entry(need.clone()).or_default().push(position);
        }
        self.by_kind.entry(program.kind.clone()).or_default().push(position);
        for role in &program.roles {
            self.by_role.entry(role.clone()).or_default().push(position);
        }
        self.by_organization.entry(program.organization.id.clone()).or_default().push(position);
        self.by_id.insert(program.id.clone(), position);
        for identifier in identifiers(service) {
            note(&mut self.by_identifier, identifier, &DirectoryEntry::Program(position));
        }
        self.programs.push(program);
    }
}

fn note(index: &mut HashMap<Identifier, Option<DirectoryEntry>>, identifier: Identifier, named: &DirectoryEntry) {
    let entry = index.entry(identifier).or_insert_with(|| Some(named.clone()));
    if entry.as_ref() != Some(named) {
        *entry = None;
    }
}

impl Directory {
    /// The organization with this id.
    pub fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(id).map(Arc::as_ref)
    }

    /// The program with this id.
    pub fn program(&self, id: &str) -> Option<&Program> {
        self.by_id.get(id).map(|position| self.programs[*position].as_ref())
    }

    /// All programs, by id.
    pub fn programs(&self) -> &[Arc<Program>] {
        &self.programs
    }

    /// How many organizations there are.
    pub fn organization_count(&self) -> usize {
        self.organizations.len()
    }

    /// What was found when it was compiled and did not stop it: warnings.
    pub fn findings(&self) -> &[Issue] {
        &self.findings
    }

    /// The programs of an organization, by id.
    pub(super) fn programs_of(&self, organization: &str) -> impl Iterator<Item = &Arc<Program>> {
        self.by_organization.get(organization).into_iter().flatten().map(|position| &self.programs[*position])
    }

    /// The programs that help with any of these needs, by id, each once.
    pub(super) fn programs_for(&self, needs: &[impl AsRef<str>]) -> Vec<&Arc<Program>> {
        self.at(needs.iter().filter_map(|need| self.by_need.get(need.as_ref())))
    }

    /// The programs that are of a type asked for, or offer a role asked for, by id, each once.
    pub(super) fn programs_asked_for(&self, wanted: &ServiceRequirements) -> Vec<&Arc<Program>> {
        let of_kinds = wanted.types.iter().filter_map(|kind| self.by_kind.get(kind));
        self.at(of_kinds.chain(wanted.roles.iter().filter_map(|role| self.by_role.get(role))))
    }

    /// The programs at these positions, in order, each once.
    fn at<'d>(&'d self, lists: impl Iterator<Item = &'d Vec<usize>>) -> Vec<&'d Arc<Program>> {
        let mut positions: Vec<usize> = Vec::new();
        let mut count = 0;
        for list in lists {
            positions.extend(list);
            count += 1;
        }
        if count > 1 {
            positions.sort_unstable();
            positions.dedup();
        }
        positions.into_iter().map(|position| &self.programs[position]).collect()
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
            "Organization" => self.organization(&local(text, "Organization")?).map(Target::Organization),
            "HealthcareService" => {
                let position = self.by_id.get(&local(text, "HealthcareService")?)?;
                Some(Target::Program(&self.programs[*position]))
            }
            _ => None,
        }
    }

    fn identified(&self, identifier: &Identifier) -> Option<Target<'_>> {
        match self.by_identifier.get(identifier)?.as_ref()? {
            DirectoryEntry::Organization(id) => self.organization(id).map(Target::Organization),
            DirectoryEntry::Program(position) => Some(Target::Program(&self.programs[*position])),
        }
    }
}
