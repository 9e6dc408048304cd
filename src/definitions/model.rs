//! The types that expressions ask for, answered from the definitions at hand.
//!
//! An element that is defined in place has its path as its type: `Patient.contact`.

use std::borrow::Cow;
use std::sync::Arc;

use crate::fhirpath::Model;

use super::loaded::Definitions;
use super::structure::Structure;

impl Model for Definitions {
    fn element(&self, parent: &str, name: &str) -> Option<Cow<'_, str>> {
        let (structure, index) = self.find_element(parent)?;
        let child = structure.child(index, name)?;
        match (child.choice, &types(&structure, child.index)[..]) {
            (Some(picked), _) => Some(Cow::Owned(picked.code.clone())),
            (None, [only]) => Some(Cow::Owned(only.clone())),
            // A choice, and the name does not say which.
            (None, _) => None,
        }
    }

    fn types(&self, parent: &str, name: &str) -> Option<Vec<Cow<'_, str>>> {
        let (structure, index) = self.find_element(parent)?;
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
        self.ancestors(kind).iter().any(|known| **known == *ancestor)
    }

    fn is_type(&self, name: &str) -> bool {
        self.is_resource_type(name) || self.structure(name).is_some()
    }
}

impl Definitions {
    /// What a type is derived from, the nearest first. Asked on every step of many expressions, so it is kept.
    fn ancestors(&self, kind: &str) -> Arc<[Box<str>]> {
        if let Some(known) = self.ancestors.read().ok().and_then(|cached| cached.get(kind).cloned()) {
            return known;
        }
        let mut ancestors: Vec<Box<str>> = Vec::new();
        let mut next = self.structure(kind);
        let is_type = next.is_some();
        // No chain of types is longer; profiles that are based on each other could be.
        while let Some(base) = next.filter(|_| ancestors.len() < 16).and_then(|structure| structure.base.clone()) {
            let name = base.rsplit('/').next().unwrap_or_default();
            next = self.structure(name);
            ancestors.push(name.into());
        }
        let ancestors: Arc<[Box<str>]> = ancestors.into();
        if is_type && let Ok(mut cached) = self.ancestors.write() {
            cached.insert(kind.to_owned(), Arc::clone(&ancestors));
        }
        ancestors
    }

    /// Where a type is described: its structure, and its element there.
    fn find_element(&self, type_or_path: &str) -> Option<(Arc<Structure>, u32)> {
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
