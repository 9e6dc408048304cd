//! Nothing is empty: no object, array, string or null (<https://hl7.org/fhir/R4/json.html>). An element holds more than an
//! id (invariant ele-1).

use crate::fhir::{Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;

/// An object without members.
pub(in crate::profile) fn object(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    context.report(Finding::error(Key::Empty, node, "the object is empty; an element has a value or something inside"));
}

/// An array without items.
pub(in crate::profile) fn array(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    context.report(Finding::error(Key::Empty, node, "the array is empty; an element that does not occur is left out"));
}

/// A string without characters.
pub(in crate::profile) fn string(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    context.report(Finding::error(Key::Empty, node, "the string is empty; an element without a value is left out"));
}

/// A null, where none stands in for a value that has only extensions.
pub(in crate::profile) fn null(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let text = "null is no value here; it only stands in an array of primitives, where the item has extensions instead";
    context.report(Finding::error(Key::Empty, node, text));
}

/// Is the id all that this object holds? It has one member then, which has nothing inside.
pub(in crate::profile) fn is_only_an_id(node: Node<'_>) -> bool {
    node.after() - node.index() == 2 && node.get("id").is_some()
}

/// An element that holds an id and nothing else.
pub(in crate::profile) fn only_an_id(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    context.report(Finding::error(Key::Empty, node, "the element holds nothing but an id"));
}
