//! The next version of a directory: what changed is read and put in its place, and everything else is shared with the version
//! before. The first version is an update of a directory without anybody.

use std::sync::Arc;

use super::{Directory, DirectoryEntry};
use crate::error::{Error, Result};
use crate::fhir::issue::any_error;
use crate::fhir::{Document, Identifier, Issue, Key, Node};
use crate::routing::area::Locality;
use crate::routing::offer::Offer;
use crate::routing::organization::Organization;
use crate::routing::program::{Program, ProgramContext, area_of};
use crate::routing::rulebook::Rulebook;
use crate::routing::shared_map::SharedMap;

/// A directory that is being made. See the module head.
#[derive(Debug)]
pub struct DirectoryUpdate<'b> {
    directory: Directory,
    rulebook: &'b Rulebook,
    /// Is it made from nothing? Then each id may come once.
    is_first: bool,
    issues: Vec<Issue>,
}

impl Directory {
    /// Compiles the Organizations, HealthcareServices and Locations among `resources`; others are passed over.
    ///
    /// # Errors
    /// Everything that makes a resource unusable, with path and place.
    pub fn compile<'n>(resources: impl IntoIterator<Item = Node<'n>>, rulebook: &Rulebook) -> Result<Self> {
        let mut update = Self::new(rulebook).update(rulebook);
        let mut services = Vec::new();
        for resource in resources {
            // Whoever is named comes before those that name it.
            if resource.get("resourceType").is_some_and(|kind| kind.is_str("HealthcareService")) {
                services.push(resource);
            } else {
                update.add(resource);
            }
        }
        for service in services {
            update.add(service);
        }
        update.finish()
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

    /// Begins the next version of this directory, by the rules of this book.
    pub fn update<'b>(&self, rulebook: &'b Rulebook) -> DirectoryUpdate<'b> {
        DirectoryUpdate::of(self, rulebook)
    }
}

impl<'b> DirectoryUpdate<'b> {
    pub(super) fn of(before: &Directory, rulebook: &'b Rulebook) -> Self {
        let is_first = before.resource_count() == 0;
        let directory = Directory { findings: Vec::new(), placed: 0, ..before.clone() };
        Self { directory, rulebook, is_first, issues: Vec::new() }
    }

    /// Adds an Organization, a Location or a HealthcareService, in the place of the one with its id; others are passed over.
    /// Whoever is named by another comes before it.
    pub fn add(&mut self, resource: Node<'_>) {
        let id = resource.str("id");
        match (resource.str("resourceType").as_deref(), id) {
            (Some("HealthcareService"), _) => self.add_service(resource),
            (Some("Location"), Some(id)) => self.add_location(&id, resource),
            (Some("Organization"), Some(id)) => self.add_organization(&id, resource),
            (Some("Organization"), None) => {
                let message = "an Organization of the directory needs an id";
                self.issues.push(Issue::error_at(Key::DirectoryInvalid, resource, message));
            }
            _ => {}
        }
    }

    /// The directory.
    ///
    /// # Errors
    /// Everything that makes a resource unusable, with path and place.
    pub fn finish(self) -> Result<Directory> {
        if any_error(&self.issues) {
            return Err(Error::unprocessable(self.issues));
        }
        Ok(Directory { findings: self.issues, ..self.directory })
    }

    fn add_organization(&mut self, id: &str, resource: Node<'_>) {
        let organization = Arc::new(Organization::read(id, resource));
        let id = organization.id.clone();
        let before = self.directory.organizations.insert(id.clone(), organization.clone());
        let named = DirectoryEntry::Organization(id.clone());
        if let Some(before) = before {
            if self.is_first {
                let message = "two Organizations have this id";
                self.issues.push(Issue::error_at(Key::DirectoryInvalid, resource, message));
            }
            self.forget(&before.identifiers, &named);
        }
        self.remember(&organization.identifiers, &named);
        let programs: Vec<Arc<Program>> = self.directory.programs_of(&id).cloned().collect();
        for program in programs {
            self.place(Program { organization: organization.clone(), ..Program::clone(&program) });
        }
    }

    fn add_location(&mut self, id: &str, resource: Node<'_>) {
        let id: Arc<str> = id.into();
        let locality = Locality::of_location(resource);
        let before = self.directory.locations.insert(id.clone(), locality.clone());
        if before.is_none() || before == Some(locality) {
            return;
        }
        let covering = self.directory.by_location.get(&id).cloned().unwrap_or_default();
        for program in
            covering.keys().filter_map(|program| self.directory.programs.get(program)).cloned().collect::<Vec<_>>()
        {
            let area = area_of(&program.coverage, &self.directory.locations);
            let offer = Arc::new(Offer { area, ..Offer::clone(&program.offer) });
            self.place(Program { offer, ..Program::clone(&program) });
        }
    }

    fn add_service(&mut self, resource: Node<'_>) {
        let Directory { organizations, locations, .. } = &self.directory;
        let around = ProgramContext { organizations, locations, rulebook: self.rulebook };
        let Some(program) = Program::read(resource, &around, &mut self.issues) else { return };
        if self.is_first && self.directory.program(&program.id).is_some() {
            let message = "two HealthcareServices have this id";
            self.issues.push(Issue::error_at(Key::DirectoryInvalid, resource, message));
        }
        self.place(program);
    }

    /// Puts a program into every index, in the place of the one with its id.
    fn place(&mut self, program: Program) {
        let named = DirectoryEntry::Program(program.id.clone());
        if let Some(before) = self.directory.programs.get(&program.id).cloned() {
            self.take_out(&before, &program, &named);
        }
        let directory = &mut self.directory;
        let program = Arc::new(Program { offer: directory.offers.shared(program.offer.clone()), ..program });
        let id = &program.id;
        directory.placed += 1;
        directory.programs.insert(id.clone(), program.clone());
        directory.by_organization.get_or_default(&program.organization.id).insert(id.clone(), program.clone());
        for location in program.locations() {
            directory.by_location.get_or_default(location).insert(id.clone(), ());
        }
        directory.offers.add(&program);
        self.remember(&program.identifiers, &named);
    }

    /// Takes out what was known of a program.
    fn take_out(&mut self, before: &Program, now: &Program, named: &DirectoryEntry) {
        let directory = &mut self.directory;
        directory.offers.remove(before);
        if before.organization.id != now.organization.id {
            let of_organization = &mut directory.by_organization;
            of_organization.reduce(&before.organization.id, |it| _ = it.remove(&before.id), SharedMap::is_empty);
        }
        for location in before.locations() {
            directory.by_location.reduce(location, |it| _ = it.remove(&before.id), SharedMap::is_empty);
        }
        self.forget(&before.identifiers, named);
    }

    fn remember(&mut self, identifiers: &[Identifier], named: &DirectoryEntry) {
        for identifier in identifiers {
            let known = self.directory.by_identifier.get_or_default(identifier);
            if !known.contains(named) {
                known.push(named.clone());
            }
        }
    }

    fn forget(&mut self, identifiers: &[Identifier], named: &DirectoryEntry) {
        for identifier in identifiers {
            let by_identifier = &mut self.directory.by_identifier;
            by_identifier.reduce(identifier, |known| known.retain(|one| one != named), Vec::is_empty);
        }
    }
}
