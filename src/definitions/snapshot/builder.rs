//! Finds the place of each difference in the tree, and makes it where it is not there yet: the inside of a type, of shared
//! content, or a new slice.
//!
//! `valueQuantity` in a path means the slice of `value[x]` that is a Quantity; other types stay allowed unless that one
//! has to be there. Inside of a slice it picks the type instead, as the publishers of guides have it.

use std::sync::Arc;

use super::difference::{Difference, PathStep};
use super::issue::{missing, unusable};
use super::merge::merge;
use super::tree::{MAX_DEPTH, MAX_ELEMENTS, Tree, TreeNode};
use crate::definitions::differential::MaxCardinality;
use crate::definitions::structure::{Discriminator, Element, Slicing, Structure, TypeRef};
use crate::definitions::view::View;
use crate::fhir::Issue;

/// Lays the differences over the tree, one after the other.
pub(super) struct SnapshotBuilder<'a> {
    pub(super) view: View<'a>,
    pub(super) structure: &'a Structure,
    pub(super) differences: &'a [Difference],
    pub(super) tree: Tree,
}

impl SnapshotBuilder<'_> {
    /// Lays one difference over the tree.
    pub(super) fn apply(&mut self, difference: &Difference) -> Result<(), Box<Issue>> {
        let mut at = Tree::ROOT;
        if difference.steps.len() > MAX_DEPTH {
            return Err(self.refusal(difference, format!("it stands deeper than {MAX_DEPTH} steps")).into());
        }
        for depth in 1..difference.steps.len() {
            at = self.descend(at, difference, depth)?;
            if self.tree.is_full() {
                return Err(self
                    .refusal(difference, format!("the snapshot grows beyond {MAX_ELEMENTS} elements"))
                    .into());
            }
        }
        merge(self.view, self.structure, &mut self.tree.get_mut(at).element, &difference.stated);
        self.narrow_choice(at);
        Ok(())
    }

    /// The place of the step at `depth`, seen from that of the step before.
    fn descend(&mut self, at: usize, difference: &Difference, depth: usize) -> Result<usize, Box<Issue>> {
        self.expand_content(at, difference)?;
        let PathStep { name, slice } = &difference.steps[depth];
        if let Some(child) = self.tree.find_child(at, name) {
            return Ok(slice.as_deref().map_or(child, |slice| self.find_or_add_slice(child, slice)));
        }
        if let Some((child, allowed)) = self.choice(at, name) {
            let name = slice.as_deref().unwrap_or(name);
            let within_slice = difference.steps[..depth].iter().any(|step| step.slice.is_some());
            let is_picked = slice.is_none() && within_slice && !self.is_divided(child, difference, depth);
            if is_picked || self.tree.get(child).element.types.len() == 1 && slice.is_none() {
                self.tree.get_mut(child).element.types = vec![allowed];
                return Ok(child);
            }
            return Ok(self.find_or_add_slice(child, name));
        }
        if !self.structure.is_profile && depth + 1 == difference.steps.len() && slice.is_none() {
            let Element { path, is_list, .. } = &difference.stated.element;
            let max = match difference.stated.max {
                MaxCardinality::NotStated => Some(1),
                MaxCardinality::Many => None,
                MaxCardinality::Number(max) => Some(max),
            };
            let new = Element {
                name: name.clone(),
                base_path: Some(path.clone()),
                max,
                is_list: *is_list,
                ..Element::default()
            };
            return Ok(self.tree.add(at, new));
        }
        Err(self.refusal(difference, format!("its base has no element {name} there")).into())
    }

    /// The choice inside `at` of which `name` (`valueQuantity`) names a type, and that type.
    fn choice(&self, at: usize, name: &str) -> Option<(usize, TypeRef)> {
        self.tree.get(at).children.iter().find_map(|child| {
            let element = &self.tree.get(*child).element;
            let allowed =
                element.types.iter().find(|allowed| element.is_choice() && element.name_for(&allowed.code) == name);
            Some((*child, allowed?.clone()))
        })
    }

    /// A choice of which one type has to be there has to be there itself, and has no room for another.
    fn narrow_choice(&mut self, at: usize) {
        let TreeNode { element, slice_of, .. } = self.tree.get(at);
        if let (Some(choice), true, true, [only]) =
            (*slice_of, element.is_choice(), element.min > 0, &element.types[..])
        {
            let only = only.clone();
            let choice = &mut self.tree.get_mut(choice).element;
            if choice.max == Some(1) {
                choice.min = 1;
                choice.types.retain(|one| one.code == only.code);
            }
        }
    }

    /// Are the types of a choice ruled apart from each other, rather than one of them picked?
    fn is_divided(&self, choice: usize, difference: &Difference, depth: usize) -> bool {
        let node = self.tree.get(choice);
        let other_type = |other: &Difference| {
            other.steps.len() > depth
                && other.steps[..depth] == difference.steps[..depth]
                && other.steps[depth].name != difference.steps[depth].name
                && node.element.types.iter().any(|one| node.element.name_for(&one.code) == other.steps[depth].name)
        };
        node.element.slicing.is_some() || !node.slices.is_empty() || self.differences.iter().any(other_type)
    }

    /// The slice of `at` that is called so, made where it is new.
    fn find_or_add_slice(&mut self, at: usize, name: &str) -> usize {
        if let Some(known) = self.tree.find_slice(at, name) {
            return known;
        }
        let outer = name.rsplit_once('/').and_then(|(outer, _)| self.tree.find_slice(at, outer)).unwrap_or(at);
        let element = &mut self.tree.get_mut(outer).element;
        if element.slicing.is_none() {
            element.slicing = implied_slicing(element);
        }
        let new = self.tree.add_slice(outer, name);
        let element = &mut self.tree.get_mut(new).element;
        if element.is_choice()
            && let Some(only) = element.types.iter().find(|one| element.name_for(&one.code) == name).cloned()
        {
            element.types = vec![only];
        }
        new
    }

    /// Gives an element that has nothing inside what its type, or the element whose content it shares, has inside.
    fn expand_content(&mut self, at: usize, difference: &Difference) -> Result<(), Box<Issue>> {
        let node = self.tree.get_mut(at);
        if !node.children.is_empty() || (at == Tree::ROOT && node.element.types.is_empty()) {
            return Ok(());
        }
        let source = match (&node.element.content_reference, node.content.take()) {
            (Some(_), Some(content)) => Some(content),
            (Some(id), None) => {
                let canonical = node.element.content_source.clone().unwrap_or_default();
                let source = self.view.structure(&canonical);
                source.and_then(|source| source.position(id).map(|index| (source, index)))
            }
            (None, _) => None,
        };
        let (source, index) = match source {
            Some((source, index)) => {
                let element = &mut self.tree.get_mut(at).element;
                (element.content_reference, element.content_source) = (None, None);
                element.types = source.element(index).map(|shared| shared.types.clone()).unwrap_or_default();
                (source, index)
            }
            None => (self.type_of(at, difference)?, 0),
        };
        if self.tree.import(at, &source, index, false).is_none() {
            return Err(self
                .refusal(difference, format!("the snapshot grows beyond {MAX_ELEMENTS} elements, or too deep"))
                .into());
        }
        Ok(())
    }

    /// The structure that describes the inside of `at`: its only type's, or the only profile's on that.
    fn type_of(&self, at: usize, difference: &Difference) -> Result<Arc<Structure>, Box<Issue>> {
        let types = &self.tree.get(at).element.types;
        let Some(first) = types.first() else {
            return Err(self.refusal(difference, "what it stands in has no type").into());
        };
        if let ([TypeRef { code, profiles, .. }], [profile]) = (&types[..], &first.profiles[..])
            && profiles.len() == 1
            && let Some(found) =
                self.view.nearest_structure(profile).filter(|found| found.definition.type_name == *code)
        {
            return Ok(found.definition);
        }
        // What all types have in common.
        let code = if types.iter().all(|one| one.code == first.code) { &first.code } else { "Element" };
        self.view.structure(code).ok_or_else(|| self.refusal(difference, missing(self.view, code)).into())
    }

    fn refusal(&self, difference: &Difference, why: impl std::fmt::Display) -> Issue {
        let element = &difference.stated.element.id;
        unusable(self.structure, element, format!("the element {element} of its differential does not fit: {why}"))
    }
}

/// What goes without saying: extensions are told apart by their URL, the types of a choice by the type
/// (<https://hl7.org/fhir/R4/profiling.html#slicing>).
fn implied_slicing(element: &Element) -> Option<Slicing> {
    let (kind, path) = match element.types.first() {
        _ if element.is_choice() => ("type", "$this"),
        Some(first) if first.code == "Extension" => ("value", "url"),
        _ => return None,
    };
    Some(Slicing {
        discriminators: vec![Discriminator { kind: kind.to_owned(), path: path.to_owned() }],
        ordered: false,
        rules: "open".to_owned(),
    })
}
