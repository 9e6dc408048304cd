//! Lays one element of a differential over the element that it changes
//! (<https://hl7.org/fhir/R4/elementdefinition.html#interpretation>): what it says narrows or replaces, what it does not say
//! stays.

use crate::definitions::differential::{DifferentialElement, MaxCardinality};
use crate::definitions::structure::{Binding, Constraint, Element, Slicing, Structure};
use crate::definitions::view::View;

/// Changes `element` as `stated` says.
pub(super) fn merge(view: View<'_>, structure: &Structure, element: &mut Element, stated: &DifferentialElement) {
    let differential = &stated.element;
    if !differential.types.is_empty() {
        element.types.clone_from(&differential.types);
        apply_extension_cardinality(view, element, stated);
    }
    if let Some(min) = stated.min {
        element.min = element.min.max(min);
    }
    if let MaxCardinality::Number(max) = stated.max {
        element.max = narrower(element.max, Some(max));
    }
    if let Some(slicing) = &differential.slicing {
        merge_slicing(element, slicing);
    }
    if let Some(binding) = &differential.binding {
        merge_binding(element, binding);
    }
    if differential.content_reference.is_some() {
        element.content_reference.clone_from(&differential.content_reference);
        element.content_source.clone_from(&differential.content_source);
    }
    for (slot, value) in [
        (&mut element.fixed, &differential.fixed),
        (&mut element.pattern, &differential.pattern),
        (&mut element.min_value, &differential.min_value),
        (&mut element.max_value, &differential.max_value),
    ] {
        if value.is_some() {
            slot.clone_from(value);
        }
    }
    element.max_length = differential.max_length.or(element.max_length);
    element.must_support |= differential.must_support;
    element.is_modifier |= differential.is_modifier;
    element.is_summary |= differential.is_summary;
    element.is_attribute |= differential.is_attribute;
    element.slice_is_constraining |= differential.slice_is_constraining;
    for rule in &differential.constraints {
        merge_constraint(element, rule, &structure.url);
    }
    if !element.types.is_empty() && !element.types.iter().any(|one| is_bindable(&one.code)) {
        element.binding = None;
    }
}

/// The smaller of two maxima, of which none is `*`.
fn narrower(left: Option<u32>, right: Option<u32>) -> Option<u32> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, other) => one.or(other),
    }
}

/// How often an extension may stand is written at the root of its definition too; a profile may ask for less than that
/// asks for.
fn apply_extension_cardinality(view: View<'_>, element: &mut Element, stated: &DifferentialElement) {
    let [only] = &element.types[..] else { return };
    let ("Extension", [profile]) = (only.code.as_str(), &only.profiles[..]) else { return };
    let Some(found) = view.nearest_structure(profile).filter(|found| found.definition.is_extension()) else { return };
    if let Some(root) = found.definition.root() {
        if stated.min.is_none() {
            element.min = element.min.max(root.min);
        }
        element.max = narrower(element.max, root.max);
        element.is_modifier |= root.is_modifier;
    }
}

fn merge_slicing(element: &mut Element, differential: &Slicing) {
    let Some(known) = &mut element.slicing else {
        element.slicing = Some(differential.clone());
        return;
    };
    let new = differential.discriminators.iter().filter(|one| !known.discriminators.contains(one));
    let new: Vec<_> = new.cloned().collect();
    known.discriminators.extend(new);
    known.ordered |= differential.ordered;
    // A base that is closed stays so.
    if known.rules != "closed" {
        known.rules.clone_from(&differential.rules);
    }
}

/// A binding is replaced; the sets that the base puts beside it go on holding.
fn merge_binding(element: &mut Element, differential: &Binding) {
    let base = element.binding.replace(differential.clone());
    if let (Some(binding), Some(base)) = (&mut element.binding, base) {
        binding.value_set = binding.value_set.take().or(base.value_set);
        for additional in base.additional {
            if !binding.additional.contains(&additional) {
                binding.additional.push(additional);
            }
        }
    }
}

fn merge_constraint(element: &mut Element, rule: &Constraint, url: &str) {
    let mut rule = rule.clone();
    rule.source.get_or_insert_with(|| url.to_owned());
    match element.constraints.iter_mut().find(|known| known.key == rule.key) {
        Some(known) => *known = rule,
        None => element.constraints.push(rule),
    }
}

/// Can it hold codes?
fn is_bindable(type_name: &str) -> bool {
    matches!(
        type_name,
        "code"
            | "Coding"
            | "CodeableConcept"
            | "Quantity"
            | "string"
            | "uri"
            | "markdown"
            | "url"
            | "canonical"
            | "oid"
            | "uuid"
            | "id"
            | "SimpleQuantity"
            | "Age"
            | "Duration"
            | "Count"
            | "Distance"
            | "Money"
            | "CodeableReference"
    )
}
