//! Of the types of a choice, one (<https://hl7.org/fhir/R4/formats.html#choice>).

use std::sync::Arc;

use crate::fhir::{Key, Node, RuleSource};
use crate::profile::context::CheckContext;
use crate::profile::counts::ElementCount;
use crate::profile::finding::Finding;
use crate::profile::schema::ElementSchema;

/// More types than this are not listed one by one.
const MAX_LISTED: usize = 8;

/// Is this the only type of the choice that the object has had so far? The `_value` sibling goes with its value.
pub(in crate::profile) fn is_only(value: u16, known: &mut ElementCount) -> bool {
    let this = value + 1;
    if known.choice == 0 {
        known.choice = this;
    }
    known.choice == this
}

/// Says that this is one type too many.
pub(in crate::profile) fn report(node: Node<'_>, element: &ElementSchema, context: &mut CheckContext<'_, '_>) {
    let text = format!("{} has another type beside this one; it may have one only", element.name);
    context.report(Finding::error(Key::ChoiceTwice, node, text).about_name());
}

/// Says that a profile does not allow this type.
pub(in crate::profile) fn report_refused(
    node: Node<'_>,
    element: &ElementSchema,
    origin: &Arc<RuleSource>,
    context: &mut CheckContext<'_, '_>,
) {
    let allowed = element.values.iter().filter(|value| value.refused.is_none());
    let names: Vec<String> = allowed.map(|value| element.name_of(value)).collect();
    let text = format!("this type of {} is not allowed here", element.name);
    let hint = (!names.is_empty() && names.len() <= MAX_LISTED).then(|| format!("use {}", names.join(" or ")));
    context.report(Finding::error(Key::TypeNotAllowed, node, text).about_name().hint_if(hint).from(origin));
}
