//! The definitions as one package sees them: its references are answered by itself and by what it depends on first.
//!
//! Everything that [`Definitions`] answers goes through a view, an unscoped one where no package is named. A view also knows
//! what is being made on its behalf, so that definitions that are based on each other in a circle come to an end.

use std::sync::Arc;

use super::loaded::Definitions;
use super::resolve::{self, DefinitionLocation, ResolvedLocation};
use super::structure::Structure;

/// Profiles based on profiles, value sets made of value sets: deeper than this is no design.
const MAX_DEPTH: usize = 32;

/// See the module head.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) definitions: &'a Definitions,
    layer: Option<u32>,
    pub(super) in_progress: Option<&'a InProgress<'a>>,
}

/// What is being made, and on behalf of what.
#[derive(Debug)]
pub(super) struct InProgress<'a> {
    location: DefinitionLocation,
    depth: usize,
    outer: Option<&'a InProgress<'a>>,
}

/// A definition, and whether it is of the version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<T> {
    /// The definition
    pub definition: Arc<T>,
    /// The version is the one named, or none was named
    pub is_exact: bool,
}

impl<'a> View<'a> {
    pub(super) fn unscoped(definitions: &'a Definitions) -> Self {
        Self { definitions, layer: None, in_progress: None }
    }

    pub(super) fn for_package(definitions: &'a Definitions, package: &str) -> Self {
        let layer = definitions.layers.iter().rposition(|layer| &**layer.label() == package);
        Self { definitions, layer: layer.map(|layer| layer as u32), in_progress: None }
    }

    /// The view of what stands at `location` while it is made; nothing where that is being made already, or too deep.
    pub(super) fn nested(&self, location: DefinitionLocation) -> Option<NestedView<'_>> {
        let depth = self.in_progress.map_or(1, |in_progress| in_progress.depth + 1);
        let mut open = self.in_progress;
        while let Some(in_progress) = open {
            if in_progress.location == location {
                return None;
            }
            open = in_progress.outer;
        }
        (depth <= MAX_DEPTH).then_some(NestedView {
            definitions: self.definitions,
            in_progress: InProgress { location, depth, outer: self.in_progress },
        })
    }

    /// The definition of this kind that `canonical` means in the package of this view.
    pub(super) fn resolve(&self, kind: &str, canonical: &str) -> Option<ResolvedLocation> {
        resolve::resolve(&self.definitions.layers(), kind, canonical, self.layer)
    }
}

/// A view that is making something.
pub(super) struct NestedView<'a> {
    definitions: &'a Definitions,
    in_progress: InProgress<'a>,
}

impl NestedView<'_> {
    /// What the thing that is being made sees.
    pub(super) fn view(&self) -> View<'_> {
        View {
            definitions: self.definitions,
            layer: Some(self.in_progress.location.layer),
            in_progress: Some(&self.in_progress),
        }
    }
}

impl Definitions {
    /// The definitions as this structure's package sees them: what the structure refers to is asked for here.
    pub fn view_for(&self, structure: &Structure) -> View<'_> {
        View::for_package(self, &structure.package)
    }

    /// The definitions as nobody in particular sees them.
    pub(super) fn view(&self) -> View<'_> {
        View::unscoped(self)
    }
}
