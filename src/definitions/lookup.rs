//! Looks definitions up: decoded when they are first asked for, structures with a snapshot, value sets expanded, and kept
//! then.

use std::sync::Arc;

use super::code_system::CodeSystem;
use super::loaded::Definitions;
use super::resolve::{Hit, Spot};
use super::structure::{CORE, Structure};
use super::value_set::ValueSet;
use super::view::{Found, View};
use super::{expand, snapshot};
use crate::fhir::{Issue, Key, Node};

impl Definitions {
    /// The structure with this canonical URL (`url` or `url|version`), or of the type with this name. It has a snapshot;
    /// [`Definitions::problem`] says why one that is at hand cannot have one.
    pub fn structure(&self, type_name_or_canonical: &str) -> Option<Arc<Structure>> {
        self.view().structure(type_name_or_canonical)
    }

    /// The structure that comes nearest: one of another version, where the version named is not at hand.
    pub fn look_up(&self, type_name_or_canonical: &str) -> Option<Found<Structure>> {
        self.view().look_up(type_name_or_canonical)
    }

    /// Why a structure that is at hand cannot be used.
    pub fn problem(&self, type_name_or_canonical: &str) -> Option<Issue> {
        self.view().problem(type_name_or_canonical)
    }

    /// The code system with this canonical URL.
    pub fn code_system(&self, canonical: &str) -> Option<Arc<CodeSystem>> {
        self.view().code_system(canonical)
    }

    /// The value set with this canonical URL, expanded as far as the code systems at hand allow.
    pub fn value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        self.view().value_set(canonical)
    }

    /// The value set that a resource describes which belongs to no package: one that is contained in another.
    pub fn value_set_of(&self, resource: Node<'_>) -> ValueSet {
        expand::compose(self.view(), resource)
    }
}

// === structures ===

impl View<'_> {
    /// The structure with this canonical URL, or of the type with this name, of the version named if one is.
    pub fn structure(&self, type_name_or_canonical: &str) -> Option<Arc<Structure>> {
        self.look_up(type_name_or_canonical).filter(|found| found.exact).map(|found| found.definition)
    }

    /// The structure that comes nearest: one of another version, where the version named is not at hand.
    pub fn look_up(&self, type_name_or_canonical: &str) -> Option<Found<Structure>> {
        let hit = self.resolve_structure(type_name_or_canonical)?;
        let definition = self.structure_at(hit.spot).ok()?;
        Some(Found { definition, exact: hit.exact })
    }

    /// Why a structure that is at hand cannot be used.
    pub fn problem(&self, type_name_or_canonical: &str) -> Option<Issue> {
        let hit = self.resolve_structure(type_name_or_canonical)?;
        self.structure_at(hit.spot).err().map(|issue| *issue)
    }

    /// Where the content of an element is described: in itself, in the element of its structure whose content it shares,
    /// or in that of another structure, which a snapshot refers to by URL.
    pub fn content(&self, structure: &Arc<Structure>, index: u32) -> (Arc<Structure>, u32) {
        let element = structure.element(index);
        let other = element.and_then(|element| {
            let (source, id) = (element.content_source.as_deref()?, element.content_reference.as_deref()?);
            let source = self.look_up(source)?.definition;
            source.position(id).map(|index| (source, index))
        });
        other.unwrap_or_else(|| (Arc::clone(structure), structure.content_of(index)))
    }

    fn resolve_structure(&self, type_name_or_canonical: &str) -> Option<Hit> {
        if type_name_or_canonical.contains(':') {
            return self.resolve("StructureDefinition", type_name_or_canonical);
        }
        // Types are asked for by name again and again, also while documents are checked.
        let types = &self.definitions.types;
        if let Some(known) = types.read().ok().and_then(|types| types.get(type_name_or_canonical).copied()) {
            return Some(known);
        }
        let hit = View::of_nobody(self.definitions)
            .resolve("StructureDefinition", &format!("{}{type_name_or_canonical}", CORE))?;
        if let Ok(mut types) = types.write() {
            types.insert(type_name_or_canonical.to_owned(), hit);
        }
        Some(hit)
    }

    /// The structure at `spot`, with a snapshot in any case.
    fn structure_at(&self, spot: Spot) -> Result<Arc<Structure>, Box<Issue>> {
        let unusable = |text: &str| Box::new(Issue::error(Key::DefinitionInvalid, "", text));
        let layer = self.definitions.layers.get(spot.layer as usize);
        let given = layer.and_then(|layer| Some((layer, layer.structure(spot.line)?)));
        let (layer, structure) = given.ok_or_else(|| unusable("the definition cannot be read"))?;
        if !structure.is_differential {
            return Ok(structure);
        }
        if let Some(known) = self.definitions.snapshot(spot) {
            return known;
        }
        let Some(inner) = self.within(spot) else {
            let text = format!("{} cannot be used: it is based on itself, or on too many others", structure.url);
            return Err(unusable(&text));
        };
        let made = layer.with(spot.line, |node| snapshot::generate(inner.view(), &structure, node));
        let made = made.unwrap_or_else(|| Err(unusable("the definition cannot be read"))).map(Arc::new);
        // What failed inside of another may have failed for being inside of it.
        if made.is_ok() || self.making.is_none() { self.definitions.keep_snapshot(spot, made) } else { made }
    }
}

// === codes ===

impl View<'_> {
    /// The code system with this canonical URL, of the version named if one is.
    pub fn code_system(&self, canonical: &str) -> Option<Arc<CodeSystem>> {
        self.look_up_code_system(canonical).filter(|found| found.exact).map(|found| found.definition)
    }

    /// The code system that comes nearest: one of another version, where the version named is not at hand.
    pub fn look_up_code_system(&self, canonical: &str) -> Option<Found<CodeSystem>> {
        let hit = self.resolve("CodeSystem", canonical)?;
        let layer = self.definitions.layers.get(hit.spot.layer as usize)?;
        Some(Found { definition: layer.code_system(hit.spot.line)?, exact: hit.exact })
    }

    /// The value set with this canonical URL, of the version named if one is; expanded as far as the code systems at
    /// hand allow.
    pub fn value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        self.look_up_value_set(canonical).filter(|found| found.exact).map(|found| found.definition)
    }

    /// The value set that comes nearest: one of another version, where the version named is not at hand.
    pub fn look_up_value_set(&self, canonical: &str) -> Option<Found<ValueSet>> {
        let Some(hit) = self.resolve("ValueSet", canonical) else {
            let definition = self.definitions.implicit_value_set(canonical)?;
            return Some(Found { definition, exact: true });
        };
        let definition = self.value_set_at(hit.spot)?;
        Some(Found { definition, exact: hit.exact })
    }

    fn value_set_at(&self, spot: Spot) -> Option<Arc<ValueSet>> {
        if let Some(known) = self.definitions.value_sets.read().ok().and_then(|kept| kept.get(&spot).cloned()) {
            return Some(known);
        }
        let inner = self.within(spot)?;
        let layer = self.definitions.layers.get(spot.layer as usize)?;
        let made = Arc::new(layer.with(spot.line, |node| expand::compose(inner.view(), node))?);
        // Of sets that import each other in a circle one lacks another; it says so, and goes on saying so.
        self.definitions.keep_value_set(spot, &made);
        Some(made)
    }
}

impl Definitions {
    /// The value set of all codes of a system, which no ValueSet resource describes.
    fn implicit_value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        if let Some(known) = self.implicit_sets.read().ok().and_then(|kept| kept.get(canonical).cloned()) {
            return Some(known);
        }
        // What is not found is not kept: whoever sends documents could fill the memory with it.
        let made = Arc::new(expand::implicit(self.view(), canonical)?);
        if let Ok(mut kept) = self.implicit_sets.write() {
            kept.entry(canonical.to_owned()).or_insert_with(|| Arc::clone(&made));
        }
        Some(made)
    }
}
