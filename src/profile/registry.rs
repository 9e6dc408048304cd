//! Which schemas there are: each has a number and the parts that it is made of. What they hold is compiled elsewhere.
//!
//! Schemas refer to each other by number, in circles too (an extension holds extensions), so compiling one only hands out
//! numbers for those it refers to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::amendments::{Amendment, Amendments};
use super::append_only_table::AppendOnlyTable;
use super::part::{Part, SchemaRef, structure_key};
use crate::definitions::structure::{Element, Structure};
use crate::definitions::{CodeSystem, Definitions};
use crate::fhirpath::Model;

/// More names than this that are no profile's are not kept: messages may hold any number of them.
const MAX_UNKNOWN: usize = 10_000;

/// See the module head.
#[derive(Debug)]
pub(super) struct Registry {
    definitions: Arc<Definitions>,
    amendments: Amendments,
    /// Which parts have which number; locked only while something is compiled.
    numbers: Mutex<HashMap<Vec<Part>, SchemaRef>>,
    /// The parts by number
    parts: AppendOnlyTable<Vec<Part>>,
    /// The code systems that were asked for, those that are complete
    systems: RwLock<HashMap<Box<str>, Option<Arc<CodeSystem>>>>,
    /// What came of adding a profile to a schema
    derived: RwLock<HashMap<SchemaRef, HashMap<Box<str>, Derived>>>,
}

/// A schema and a profile besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Derived {
    /// What a resource has to meet both of them
    Schema(SchemaRef),
    /// The same with another version of the profile, since the one named is not at hand: which
    Other(SchemaRef, String),
    /// The profile is the type itself, which adds nothing
    Same,
    /// The profile is not at hand, or cannot be used: why, if that is known
    NotAtHand(Option<String>),
    /// The profile is one of another type: of which
    OfType(String),
}

impl Registry {
    /// The resource types get the first numbers, in the order of the definitions.
    pub(super) fn new(definitions: Arc<Definitions>) -> Self {
        let registry = Self {
            definitions,
            amendments: Amendments::default(),
            numbers: Mutex::default(),
            parts: AppendOnlyTable::new(),
            systems: RwLock::default(),
            derived: RwLock::default(),
        };
        for name in registry.definitions.resource_types() {
            registry.number_of(vec![Part { structure: name.clone(), element: 0 }]);
        }
        registry
    }

    /// The same, with these amendments. Nothing may have been compiled yet.
    pub(super) fn amended(self, amendments: Amendments) -> Self {
        Self { amendments, ..self }
    }

    /// What is meant by the rules about an element, of its own profile and of those that it is derived from.
    pub(super) fn amendments(&self, structure: &Arc<Structure>, element: &Element) -> Vec<&Amendment> {
        let mut found = Vec::new();
        let mut next = Some(Arc::clone(structure));
        // No chain of profiles is longer.
        for _ in 0..16 {
            let Some(structure) = next.filter(|structure| structure.is_profile) else { break };
            let of_profile = self.amendments.of(&structure.url).iter();
            found.extend(of_profile.filter(|amendment| amendment.element == element.id));
            next = structure.base.as_ref().and_then(|base| self.definitions.view_for(&structure).structure(base));
        }
        found
    }

    /// What is compiled from.
    pub(super) fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// The schema of a resource type.
    pub(super) fn resource(&self, type_name: &str) -> Option<SchemaRef> {
        let types = self.definitions.resource_types();
        types.binary_search_by(|known| known.as_str().cmp(type_name)).ok().map(|position| SchemaRef(position as u32))
    }

    /// The schema of a type, of which the name is known to be one.
    pub(super) fn of_type(&self, type_name: &str) -> SchemaRef {
        self.number_of(vec![Part { structure: type_name.to_owned(), element: 0 }])
    }

    /// Is it the type, or derived from it?
    pub(super) fn is_a(&self, kind: &str, ancestor: &str) -> bool {
        kind == ancestor || self.definitions.is_a(kind, ancestor)
    }

    /// The schema with a profile besides. Worked out once for each pair.
    pub(super) fn derive(&self, base: SchemaRef, canonical: &str) -> Derived {
        let known = self.derived.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&base).and_then(|of_base| of_base.get(canonical)) {
            return known.clone();
        }
        drop(known);
        let derived = self.derive_uncached(base, canonical);
        let mut known = self.derived.write().unwrap_or_else(PoisonError::into_inner);
        let of_base = known.entry(base).or_default();
        if of_base.len() < MAX_UNKNOWN || matches!(derived, Derived::Schema(_)) {
            of_base.insert(canonical.into(), derived.clone());
        }
        derived
    }

    fn derive_uncached(&self, base: SchemaRef, canonical: &str) -> Derived {
        let Some(found) = self.definitions.nearest_structure(canonical) else {
            let problem = self.definitions.structure_issue(canonical);
            return Derived::NotAtHand(problem.map(|issue| issue.text));
        };
        let structure = found.definition;
        let mut parts = self.parts(base);
        let Some(of) = parts.first().map(|first| first.structure.clone()) else { return Derived::NotAtHand(None) };
        if !self.is_a(&of, &structure.type_name) {
            return Derived::OfType(structure.type_name.clone());
        }
        if !structure.is_profile {
            return Derived::Same;
        }
        let part = Part::of(&structure, 0);
        if !parts.contains(&part) {
            parts.push(part);
        }
        let schema = self.number_of(parts);
        if found.is_exact { Derived::Schema(schema) } else { Derived::Other(schema, structure_key(&structure)) }
    }

    /// The code system with this URL, if all its codes are at hand.
    pub(super) fn code_system(&self, url: &str) -> Option<Arc<CodeSystem>> {
        let known = self.systems.read().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        known.unwrap_or_else(|| {
            let found = self.definitions.code_system(url).filter(|system| system.is_complete);
            let mut known = self.systems.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() < MAX_UNKNOWN || found.is_some() {
                known.insert(url.into(), found.clone());
            }
            found
        })
    }

    /// The schema with a part besides.
    pub(super) fn with_part(&self, base: SchemaRef, part: &Part) -> SchemaRef {
        let mut parts = self.parts(base);
        if !parts.contains(part) {
            parts.push(part.clone());
        }
        self.number_of(parts)
    }

    /// What the schema with this number is made of.
    pub(super) fn parts(&self, number: SchemaRef) -> Vec<Part> {
        self.parts.get(number.0).cloned().unwrap_or_default()
    }

    /// The number of the schema that is made of these parts.
    pub(super) fn number_of(&self, parts: Vec<Part>) -> SchemaRef {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let next = SchemaRef(numbers.len() as u32);
        let known = *numbers.entry(parts.clone()).or_insert(next);
        if known == next
            && let Some(slot) = self.parts.slot(next.0)
        {
            slot.get_or_init(|| parts);
        }
        known
    }
}
