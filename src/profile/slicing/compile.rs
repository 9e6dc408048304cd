//! Reads the slicings of an element from its definitions.

use super::condition::Condition;
use super::discriminator;
use super::slices::{Openness, Slice, Slicing};
use crate::definitions::Element;
use crate::profile::definition::Definition;

/// The slicings that these definitions of one element state; their slices are counted from `total` on.
pub(in crate::profile) fn compile(definitions: &[Definition<'_>], total: &mut u32) -> Vec<Slicing> {
    let mut slicings = Vec::new();
    for definition in definitions.iter().filter(|definition| definition.structure.is_profile) {
        let slices = slices(definition);
        // An element that is sliced without slices may still say that there are none.
        if slices.is_empty() {
            continue;
        }
        let slicing = slicing(definition, &slices, *total);
        *total += slices.len() as u32;
        slicings.push(slicing);
    }
    slicings
}

/// The slices of an element, reslices included, in the order of the definition.
fn slices<'a>(definition: &Definition<'a>) -> Vec<Definition<'a>> {
    let Definition { structure, element, .. } = *definition;
    let siblings = element.parent.and_then(|parent| structure.element(parent));
    let siblings = siblings.map_or(&[][..], |parent| &parent.children);
    siblings
        .iter()
        .filter_map(|index| Some(Definition { index: *index, element: structure.element(*index)?, ..*definition }))
        .filter(|sibling| sibling.element.slice_name.is_some() && sibling.element.path == element.path)
        .collect()
}

fn slicing(definition: &Definition<'_>, slices: &[Definition<'_>], first: u32) -> Slicing {
    let name = |slice: &Definition<'_>| slice.element.slice_name.clone().unwrap_or_default();
    let names: Vec<String> = slices.iter().map(name).collect();
    let mut problem = None;
    let mut compiled = Vec::with_capacity(slices.len());
    for (slice, name) in slices.iter().zip(&names) {
        let parent = name.rsplit_once('/').and_then(|(outer, _)| names.iter().position(|known| known == outer));
        let sliced = parent.map_or(definition, |parent| &slices[parent]);
        let is_default = name.rsplit('/').next() == Some("@default");
        let conditions = if is_default { Ok(Vec::new()) } else { discriminator::conditions(sliced, slice) };
        let conditions = conditions.unwrap_or_else(|why| {
            problem.get_or_insert(why);
            vec![Condition::never()]
        });
        compiled.push(Slice {
            name: name.clone(),
            min: slice.element.min,
            max: slice.element.max,
            part: slice.part(),
            parent: parent.map(|parent| parent as u16),
            is_closed: openness(slice.element) == Openness::Closed,
            is_default,
            conditions,
            origin: slice.origin(),
        });
    }
    Slicing {
        origin: definition.origin(),
        openness: openness(definition.element),
        is_ordered: definition.element.slicing.as_ref().is_some_and(|slicing| slicing.ordered),
        slices: compiled,
        first,
        problem,
    }
}

fn openness(element: &Element) -> Openness {
    match element.slicing.as_ref().map(|slicing| slicing.rules.as_str()) {
        Some("closed") => Openness::Closed,
        Some("openAtEnd") => Openness::AtEnd,
        _ => Openness::Open,
    }
}
