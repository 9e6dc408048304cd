//! Types paths: `Patient.name.family` is a string, `Observation.value` is any of eleven types.
//!
//! For whoever has a path and wants to know what stands there: maps, searches, expressions. A step costs a look-up by
//! name, so paths are typed when they are compiled, not when they are run.

use std::sync::Arc;

use super::loaded::Definitions;
use super::structure::{Element, Structure};

/// Where a path has led: an element, and the types that it can have there.
#[derive(Debug, Clone)]
pub struct TypedElement {
    structure: Arc<Structure>,
    index: u32,
    /// The type that a name such as `valueString` has picked
    choice: Option<String>,
}

impl Definitions {
    /// The beginning of a path: a type, by name or canonical URL.
    pub fn root_element(&self, type_name: &str) -> Option<TypedElement> {
        Some(TypedElement { structure: self.structure(type_name)?, index: 0, choice: None })
    }

    /// Where a path leads that begins with a type: `Patient.name.family`. Indices (`name[0]`) are passed over.
    pub fn element_at(&self, path: &str) -> Option<TypedElement> {
        let mut names = path.split('.').map(|name| name.split_once('[').map_or(name, |(name, _)| name));
        let first = self.root_element(names.next()?)?;
        names.try_fold(first, |step, name| step.child(self, name))
    }
}

impl TypedElement {
    /// The element; the type's own root at the beginning of a path.
    pub fn element(&self) -> Option<&Element> {
        self.structure.element(self.index)
    }

    /// The structure in which the element is described.
    pub fn structure(&self) -> &Arc<Structure> {
        &self.structure
    }

    /// Index of the element in its structure.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The types that it can have; the structure's own at the beginning of a path.
    pub fn types(&self) -> Vec<&str> {
        if let Some(choice) = &self.choice {
            return vec![choice];
        }
        let content = self.structure.content_of(self.index);
        match self.structure.element(content) {
            Some(element) if !element.types.is_empty() => {
                element.types.iter().map(|allowed| allowed.code.as_str()).collect()
            }
            _ => vec![&self.structure.type_name],
        }
    }

    /// The type, where it can only be one.
    pub fn type_name(&self) -> Option<&str> {
        match self.types()[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// Can it repeat, so that JSON writes an array?
    pub fn is_list(&self) -> bool {
        self.element().is_some_and(|element| element.is_list) && self.index > 0
    }

    /// The step to the element that an instance calls `name`.
    pub fn child(&self, definitions: &Definitions, name: &str) -> Option<Self> {
        if let Some(child) = self.structure.child(self.index, name) {
            let choice = child.choice.map(|picked| picked.code.clone());
            return Some(Self { structure: Arc::clone(&self.structure), index: child.index, choice });
        }
        if self.index == 0 {
            return None;
        }
        self.types().into_iter().find_map(|type_name| definitions.root_element(type_name)?.child(definitions, name))
    }
}
