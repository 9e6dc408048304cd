//! A profile slices a list by what stands at a path from its items; that path has to lead somewhere
//! (<https://hl7.org/fhir/R4/profiling.html#discriminator>).

use std::borrow::Cow;

use crate::definitions::{Definitions, TypedElement};
use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// `StructureDefinition` itself.
pub(in crate::profile) fn applies(definition: Definition<'_>) -> bool {
    definition.index == 0 && definition.structure.type_name == "StructureDefinition"
}

pub(in crate::profile) fn check<'d>(profile: Node<'d>, context: &mut CheckContext<'_, 'd>) {
    // A logical model has elements of its own, which only its own snapshot knows.
    if profile.str("derivation").as_deref() != Some("constraint") || profile.str("kind").as_deref() == Some("logical") {
        return;
    }
    let Some(view) = profile.get("differential").or_else(|| profile.get("snapshot")) else { return };
    for element in view.list("element") {
        let Some(slicing) = element.get("slicing") else { continue };
        let Some(path) = element.str("path") else { continue };
        let definitions = context.registry.definitions();
        let Some(sliced) = definitions.element_at(&path) else { continue };
        let wrong: Vec<(Node<'d>, Cow<'d, str>)> = slicing
            .list("discriminator")
            .filter_map(|discriminator| discriminator.get("path"))
            .filter_map(|at| Some((at, at.as_str()?)))
            .filter(|(_, from)| !is_resolvable(definitions, &sliced, from))
            .collect();
        for (at, from) in wrong {
            let text = format!("{from} leads nowhere from {path}, so slices cannot be told apart by it");
            let hint =
                "name an element inside it, $this for the element itself, or use resolve() for what it refers to";
            context.report(Finding::error(Key::DefinitionInvalid, at, text).hint(hint));
        }
    }
}

/// Can the path be gone, as far as the types on the way are known?
fn is_resolvable(definitions: &Definitions, from: &TypedElement, path: &str) -> bool {
    let mut at = from.clone();
    for step in steps(path) {
        let next = if step == "$this" {
            continue;
        } else if let Some(kind) = argument(step, "ofType") {
            definitions.root_element(kind)
        } else if argument(step, "extension").is_some() {
            definitions.root_element("Extension")
        } else if step.contains('(') {
            // What a reference leads to may be anything.
            None
        } else if is_open(definitions, &at) {
            None
        } else {
            match at.child(definitions, step) {
                Some(child) => Some(child),
                None => return false,
            }
        };
        match next {
            Some(next) => at = next,
            None => return true,
        }
    }
    true
}

/// May something stand here of which the elements are not known?
fn is_open(definitions: &Definitions, at: &TypedElement) -> bool {
    let is_open = |name: &str| matches!(name, "Resource" | "DomainResource") || definitions.structure(name).is_none();
    // An element without a type of its own has its elements below it.
    at.types().into_iter().any(is_open)
}

/// The steps of a path; a dot inside an argument is none of its dots.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    let mut nesting = 0_usize;
    path.split(move |letter| {
        match letter {
            '(' => nesting += 1,
            ')' => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        letter == '.' && nesting == 0
    })
}

/// What stands in the brackets of this function.
fn argument<'p>(step: &'p str, function: &str) -> Option<&'p str> {
    let inner = step.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.trim_matches(['\'', '"']))
}
