//! An element as a structure defines it, with what surrounds it: what rules and slicings are compiled from.

use std::borrow::Cow;
use std::sync::Arc;

use super::part::{Part, structure_key};
use super::registry::Registry;
use crate::definitions::View;
use crate::definitions::structure::{Element, Structure, TypeRef};
use crate::fhir::RuleSource;

/// One definition of an element, with what surrounds it.
#[derive(Clone, Copy)]
pub(super) struct Definition<'a> {
    pub(super) registry: &'a Registry,
    pub(super) structure: &'a Arc<Structure>,
    pub(super) index: u32,
    pub(super) element: &'a Element,
}

/// Parts with their structures, as far as those are at hand.
pub(super) type ResolvedParts = Vec<(Arc<Structure>, u32)>;

impl Definition<'_> {
    /// Where it is written.
    pub(super) fn origin(&self) -> Arc<RuleSource> {
        let Structure { url, version, .. } = &**self.structure;
        let profile = version.as_ref().map_or_else(|| url.clone(), |version| format!("{url}|{version}"));
        Arc::new(RuleSource { profile, element: self.element.id.clone(), constraint: None })
    }

    /// The definitions as its package sees them.
    pub(super) fn view(&self) -> View<'_> {
        self.registry.definitions().view_for(self.structure)
    }

    /// Canonical URLs with the versions that are meant where they are written, as far as that is known.
    pub(super) fn with_versions(&self, canonicals: &[String]) -> Vec<String> {
        let view = self.view();
        let name =
            |canonical: &String| view.structure(canonical).map_or_else(|| canonical.clone(), |it| structure_key(&it));
        canonicals.iter().map(name).collect()
    }

    /// What it says about the inside in place. Content that it shares with another element is that of the type: what a
    /// profile says about the other is not said about this one.
    pub(super) fn inside(&self) -> Option<Part> {
        if let Some(id) = self.element.content_reference.as_deref().filter(|_| self.element.children.is_empty()) {
            let of_type = match &self.element.content_source {
                Some(source) => self.view().nearest_structure(source)?.definition,
                None => self.registry.definitions().structure(&self.structure.type_name)?,
            };
            return Some(Part { structure: structure_key(&of_type), element: of_type.position(id)? });
        }
        (!self.element.children.is_empty()).then(|| self.part())
    }

    /// It as a part of a schema.
    pub(super) fn part(&self) -> Part {
        Part::of(self.structure, self.index)
    }

    /// What it says about this type; nothing if it does not allow it.
    pub(super) fn type_ref<'t>(&'t self, allowed: &'t TypeRef) -> Option<Cow<'t, TypeRef>> {
        let types = &self.element.types;
        // Types are left out where the content is another element's; a resource may be narrowed to its own type.
        if types.is_empty() || allowed.code == "Resource" {
            return Some(Cow::Borrowed(allowed));
        }
        types.iter().find(|known| known.code == allowed.code).map(Cow::Borrowed)
    }
}

/// The structures of parts; a part whose structure is not at hand is left out.
pub(super) fn resolve_parts(registry: &Registry, parts: &[Part]) -> ResolvedParts {
    let at_hand = |part: &Part| Some((registry.definitions().structure(&part.structure)?, part.element));
    parts.iter().filter_map(at_hand).collect()
}

/// What parts say, each as a definition.
pub(super) fn definitions<'a>(
    registry: &'a Registry,
    structures: &'a [(Arc<Structure>, u32)],
) -> impl Iterator<Item = Definition<'a>> {
    structures.iter().filter_map(move |(structure, index)| {
        Some(Definition { registry, structure, index: *index, element: structure.element(*index)? })
    })
}
