//! Looks definitions up: decoded when they are first asked for, structures with a snapshot, value sets expanded, and kept
//! then.

use std::sync::Arc;

use super::code_system::CodeSystem;
use super::loaded::Definitions;
use super::resolve::{DefinitionLocation, ResolvedLocation};
use super::structure::{CORE_URL, Structure};
use super::value_set::ValueSet;
use super::view::{Resolved, View};
use super::{expand, snapshot};
use crate::fhir::{Issue, Key, Node};

impl Definitions {
    /// The structure with this canonical URL (`url` or `url|version`), or of the type with this name. It has a snapshot;
    /// [`Definitions::structure_issue`] says why one that is at hand cannot have one.
    pub fn structure(&self, type_name_or_canonical: &str) -> Option<Arc<Structure>> {
        self.view().structure(type_name_or_canonical)
    }

    /// The structure that comes nearest: one of another version, where the version named is not at hand.
    pub fn nearest_structure(&self, type_name_or_canonical: &str) -> Option<Resolved<Structure>> {
        self.view().nearest_structure(type_name_or_canonical)
    }

    /// Why a structure that is at hand cannot be used.
    pub fn structure_issue(&self, type_name_or_canonical: &str) -> Option<Issue> {
        self.view().structure_issue(type_name_or_canonical)
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
    pub fn compose_value_set(&self, resource: Node<'_>) -> ValueSet {
        expand::compose(self.view(), resource)
    }
}

// === structures ===

impl View<'_> {
    /// The structure with this canonical URL, or of the type with this name, of the version named if one is.
    pub fn structure(&self, type_name_or_canonical: &str) -> Option<Arc<Structure>> {
        self.nearest_structure(type_name_or_canonical).filter(|found| found.is_exact).map(|found| found.definition)
    }

    /// The structure that comes nearest: one of another version, where the version named is not at hand.
    pub fn nearest_structure(&self, type_name_or_canonical: &str) -> Option<Resolved<Structure>> {
        let resolved = self.resolve_structure(type_name_or_canonical)?;
        let definition = self.structure_at(resolved.location).ok()?;
        Some(Resolved { definition, is_exact: resolved.is_exact })
    }

    /// Why a structure that is at hand cannot be used.
    pub fn structure_issue(&self, type_name_or_canonical: &str) -> Option<Issue> {
        let resolved = self.resolve_structure(type_name_or_canonical)?;
        self.structure_at(resolved.location).err().map(|issue| *issue)
    }

    /// Where the content of an element is described: in itself, in the element of its structure whose content it shares,
    /// or in that of another structure, which a snapshot refers to by URL.
    pub fn content(&self, structure: &Arc<Structure>, index: u32) -> (Arc<Structure>, u32) {
        let element = structure.element(index);
        let other = element.and_then(|element| {
            let (source, id) = (element.content_source.as_deref()?, element.content_reference.as_deref()?);
            let source = self.nearest_structure(source)?.definition;
            source.position(id).map(|index| (source, index))
        });
        other.unwrap_or_else(|| (Arc::clone(structure), structure.content_of(index)))
    }

    fn resolve_structure(&self, type_name_or_canonical: &str) -> Option<ResolvedLocation> {
        if type_name_or_canonical.contains(':') {
            return self.resolve("StructureDefinition", type_name_or_canonical);
        }
        // Types are asked for by name again and again, also while documents are checked.
        let types = &self.definitions.types;
        if let Some(known) = types.read().ok().and_then(|types| types.get(type_name_or_canonical).copied()) {
            return Some(known);
        }
        let resolved = View::unscoped(self.definitions)
            .resolve("StructureDefinition", &format!("{CORE_URL}{type_name_or_canonical}"))?;
        if let Ok(mut types) = types.write() {
            types.insert(type_name_or_canonical.to_owned(), resolved);
        }
        Some(resolved)
    }

    /// The structure at `location`, with a snapshot in any case.
    fn structure_at(&self, location: DefinitionLocation) -> Result<Arc<Structure>, Box<Issue>> {
        let unusable = |text: &str| Box::new(Issue::error(Key::DefinitionInvalid, "", text));
        let layer = self.definitions.layers.get(location.layer as usize);
        let given = layer.and_then(|layer| Some((layer, layer.structure(location.line)?)));
        let (layer, structure) = given.ok_or_else(|| unusable("the definition cannot be read"))?;
        if !structure.is_differential {
            return Ok(structure);
        }
        if let Some(known) = self.definitions.snapshot(location) {
            return known;
        }
        let Some(inner) = self.nested(location) else {
            let text = format!("{} cannot be used: it is based on itself, or on too many others", structure.url);
            return Err(unusable(&text));
        };
        let made = layer.read_with(location.line, |node| snapshot::generate(inner.view(), &structure, node));
        let made = made.unwrap_or_else(|| Err(unusable("the definition cannot be read"))).map(Arc::new);
        // What failed inside of another may have failed for being inside of it.
        if made.is_ok() || self.in_progress.is_none() { self.definitions.cache_snapshot(location, made) } else { made }
    }
}

// === codes ===

impl View<'_> {
    /// The code system with this canonical URL, of the version named if one is.
    pub fn code_system(&self, canonical: &str) -> Option<Arc<CodeSystem>> {
        self.nearest_code_system(canonical).filter(|found| found.is_exact).map(|found| found.definition)
    }

    /// The code system that comes nearest: one of another version, where the version named is not at hand.
    pub fn nearest_code_system(&self, canonical: &str) -> Option<Resolved<CodeSystem>> {
        let resolved = self.resolve("CodeSystem", canonical)?;
        let layer = self.definitions.layers.get(resolved.location.layer as usize)?;
        Some(Resolved { definition: layer.code_system(resolved.location.line)?, is_exact: resolved.is_exact })
    }

    /// The value set with this canonical URL, of the version named if one is; expanded as far as the code systems at
    /// hand allow.
    pub fn value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        self.nearest_value_set(canonical).filter(|found| found.is_exact).map(|found| found.definition)
    }

    /// The value set that comes nearest: one of another version, where the version named is not at hand.
    pub fn nearest_value_set(&self, canonical: &str) -> Option<Resolved<ValueSet>> {
        let Some(resolved) = self.resolve("ValueSet", canonical) else {
            let definition = self.definitions.implicit_value_set(canonical)?;
            return Some(Resolved { definition, is_exact: true });
        };
        let definition = self.value_set_at(resolved.location)?;
        Some(Resolved { definition, is_exact: resolved.is_exact })
    }

    fn value_set_at(&self, location: DefinitionLocation) -> Option<Arc<ValueSet>> {
        if let Some(known) = self.definitions.value_sets.read().ok().and_then(|cached| cached.get(&location).cloned()) {
            return Some(known);
        }
        let inner = self.nested(location)?;
        let layer = self.definitions.layers.get(location.layer as usize)?;
        let made = Arc::new(layer.read_with(location.line, |node| expand::compose(inner.view(), node))?);
        // Of sets that import each other in a circle one lacks another; it says so, and goes on saying so.
        self.definitions.cache_value_set(location, &made);
        Some(made)
    }
}

impl Definitions {
    /// The value set of all codes of a system, which no ValueSet resource describes.
    fn implicit_value_set(&self, canonical: &str) -> Option<Arc<ValueSet>> {
        if let Some(known) = self.implicit_sets.read().ok().and_then(|cached| cached.get(canonical).cloned()) {
            return Some(known);
        }
        // What is not found is not kept: whoever sends documents could fill the memory with it.
        let made = Arc::new(expand::implicit(self.view(), canonical)?);
        if let Ok(mut cached) = self.implicit_sets.write() {
            cached.entry(canonical.to_owned()).or_insert_with(|| Arc::clone(&made));
        }
        Some(made)
    }
}
