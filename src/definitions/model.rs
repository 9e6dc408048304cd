//! The types that expressions ask for, answered from the definitions at hand.
//!
//! An element that is defined in place has its path as its type: `Patient.contact`.

use std::borrow::Cow;

use crate::fhirpath::Model;

use super::Definitions;
use super::structure::Element;

impl Model for Definitions {
    fn element(&self, parent: &str, name: &str) -> Option<Cow<'_, str>> {
        let type_name = parent.split_once('.').map_or(parent, |(type_name, _)| type_name);
        let structure = self.structure(type_name)?;
        let index = if type_name == parent { 0 } else { structure.position(parent)? };
        let child = structure.child(index, name)?;
        let picked = child.choice.map(|choice| choice.code.as_str());
        let described = structure.element(structure.content_of(child.index))?;
        let type_name = match (picked, &described.types[..]) {
            (Some(picked), _) => picked,
            (None, [only]) if !is_defined_in_place(described) => &only.code,
            (None, [_] | []) => &described.path,
            // A choice, and the name does not say which.
            (None, _) => return None,
        };
        Some(Cow::Owned(type_name.to_owned()))
    }

    fn is_a(&self, kind: &str, ancestor: &str) -> bool {
        if kind.contains('.') {
            return kind == ancestor || ["BackboneElement", "Element"].contains(&ancestor);
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
        self.structure(name).is_some()
    }
}

fn is_defined_in_place(element: &Element) -> bool {
    !element.children.is_empty()
}
