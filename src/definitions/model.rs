//! The types that expressions ask for, answered from the definitions at hand.
//!
//! An element that is defined in place has its path as its type: `Patient.contact`.

use std::borrow::Cow;
use std::sync::Arc;

use crate::fhirpath::Model;

use super::Definitions;
use super::structure::Structure;

impl Model for Definitions {
    fn element(&self, parent: &str, name: &str) -> Option<Cow<'_, str>> {
        let (structure, index) = self.place(parent)?;
        let child = structure.child(index, name)?;
        match (child.choice, &types(&structure, child.index)[..]) {
            (Some(picked), _) => Some(Cow::Owned(picked.code.clone())),
            (None, [only]) => Some(Cow::Owned(only.clone())),
            // A choice, and the name does not say which.
            (None, _) => None,
        }
    }

    fn types(&self, parent: &str, name: &str) -> Option<Vec<Cow<'_, str>>> {
        let (structure, index) = self.place(parent)?;
        // An expression names a choice by its stem: `value`, never `valueString`.
        let child = structure.child(index, name).filter(|child| child.choice.is_none());
        Some(child.map_or_else(Vec::new, |child| types(&structure, child.index)).into_iter().map(Cow::Owned).collect())
    }

    fn is_a(&self, kind: &str, ancestor: &str) -> bool {
        if kind == ancestor {
            return true;
        }
        // Nothing derives from a type of resource that can be instantiated: most questions end here.
        if self.is_resource_type(ancestor) {
            return false;
        }
        if kind.contains('.') {
            return ["BackboneElement", "Element"].contains(&ancestor);
        }
        let mut kind = Cow::Borrowed(kind);
        // No chain of types is longer; profiles that are based on each other could be.
        for _ in 0..16 {
            if kind == ancestor {
                return true;
            }
            let Some(base) = self.structure(&kind).and_then(|structure| structure.base.clone()) else { return false };
            let name = base.rsplit('/').next().unwrap_or_default();
            kind = Cow::Owned(name.to_owned());
        }
        false
    }

    fn is_type(&self, name: &str) -> bool {
        self.is_resource_type(name) || self.structure(name).is_some()
    }
}

impl Definitions {
    /// Where a type is described: its structure, and its element there.
    fn place(&self, type_or_path: &str) -> Option<(Arc<Structure>, u32)> {
        let type_name = type_or_path.split_once('.').map_or(type_or_path, |(type_name, _)| type_name);
        let structure = self.structure(type_name)?;
        let index = if type_name == type_or_path { 0 } else { structure.position(type_or_path)? };
        Some((structure, index))
    }
}

/// The types that an element may have; its path, where it is defined in place.
fn types(structure: &Structure, index: u32) -> Vec<String> {
    let Some(element) = structure.element(structure.content_of(index)) else { return Vec::new() };
    if element.types.is_empty() || !element.children.is_empty() {
        return vec![element.path.clone()];
    }
    element.types.iter().map(|allowed| allowed.code.clone()).collect()
}
