//! The definitions as one package sees them: its references are answered by itself and by what it depends on first.
//!
//! Everything that [`Definitions`] answers goes through a view, that of nobody where nothing is said. A view also knows
//! what is being made on its behalf, so that definitions that are based on each other in a circle come to an end.

use std::sync::Arc;

use super::loaded::Definitions;
use super::resolve::{self, Hit, Spot};
use super::structure::Structure;

/// Profiles based on profiles, value sets made of value sets: deeper than this is no design.
const MAX_DEPTH: usize = 32;

/// See the module head.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub(super) definitions: &'a Definitions,
    layer: Option<u32>,
    pub(super) making: Option<&'a Making<'a>>,
}

/// What is being made, and on behalf of what.
#[derive(Debug)]
pub(super) struct Making<'a> {
    spot: Spot,
    depth: usize,
    outer: Option<&'a Making<'a>>,
}

/// A definition, and whether it is of the version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The definition
    pub definition: Arc<T>,
    /// The version is the one named, or none was named
    pub exact: bool,
}

impl<'a> View<'a> {
    pub(super) fn of_nobody(definitions: &'a Definitions) -> Self {
        Self { definitions, layer: None, making: None }
    }

    pub(super) fn of_package(definitions: &'a Definitions, package: &str) -> Self {
        let layer = definitions.layers.iter().rposition(|layer| &**layer.label() == package);
        Self { definitions, layer: layer.map(|layer| layer as u32), making: None }
    }

    /// The view of what stands at `spot` while it is made; nothing where that is being made already, or too deep.
    pub(super) fn within(&self, spot: Spot) -> Option<Inner<'_>> {
        let depth = self.making.map_or(1, |making| making.depth + 1);
        let mut open = self.making;
        while let Some(making) = open {
            if making.spot == spot {
                return None;
            }
            open = making.outer;
        }
        (depth <= MAX_DEPTH)
            .then_some(Inner { definitions: self.definitions, making: Making { spot, depth, outer: self.making } })
    }

    /// The definition of this kind that `canonical` means in the package of this view.
    pub(super) fn resolve(&self, kind: &str, canonical: &str) -> Option<Hit> {
        resolve::resolve(&self.definitions.layers(), kind, canonical, self.layer)
    }
}

/// A view that is making something.
pub(super) struct Inner<'a> {
    definitions: &'a Definitions,
    making: Making<'a>,
}

impl Inner<'_> {
    /// What the thing that is being made sees.
    pub(super) fn view(&self) -> View<'_> {
        View { definitions: self.definitions, layer: Some(self.making.spot.layer), making: Some(&self.making) }
    }
}

impl Definitions {
    /// The definitions as this structure's package sees them: what the structure refers to is asked for here.
    pub fn seen_from(&self, structure: &Structure) -> View<'_> {
        View::of_package(self, &structure.package)
    }

    /// The definitions as nobody in particular sees them.
    pub(super) fn view(&self) -> View<'_> {
        View::of_nobody(self)
    }
}
