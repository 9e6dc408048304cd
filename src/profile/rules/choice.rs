//! Of the types of a choice, one (<https://hl7.org/fhir/R4/formats.html#choice>).

use crate::fhir::{Key, Node};
use crate::profile::findings::Finding;
use crate::profile::schema::ElementSchema;
use crate::profile::walk::{Seen, Walk};

/// Is this the only type of the choice that the object has had so far? The `_value` sibling goes with its value.
pub(in crate::profile) fn is_only(value: u16, seen: &mut Seen) -> bool {
    let this = value + 1;
    if seen.choice == 0 {
        seen.choice = this;
    }
    seen.choice == this
}

/// Says that this is one type too many.
pub(in crate::profile) fn report(node: Node<'_>, element: &ElementSchema, walk: &mut Walk<'_, '_>) {
    let text = format!("{} has another type beside this one; it may have one only", element.name);
    walk.report(Finding::error(Key::ChoiceTwice, node, text).about_name());
}
