//! The `_name` beside a primitive, which carries its id and extensions; in arrays the two are aligned by nulls
//! (<https://hl7.org/fhir/R4/json.html#primitive>).

use super::{empty, json_kind};
use crate::fhir::document::Children;
use crate::fhir::{Key, Kind, Node};
use crate::profile::finding::Finding;
use crate::profile::part::SchemaRef;
use crate::profile::schema::{Content, ElementSchema, ValueSchema};
use crate::profile::walk::Walk;

/// Checks a sibling; says how many values it speaks of.
pub(in crate::profile) fn check<'c, 'd>(
    parent: Node<'d>,
    node: Node<'d>,
    name: &str,
    element: &'c ElementSchema,
    value: &ValueSchema,
    walk: &mut Walk<'c, 'd>,
) -> u32 {
    let Content::Primitive { sibling: Some(schema), .. } = value.content else { return 0 };
    let values = parent.get(name.strip_prefix('_').unwrap_or(name));
    match (node.kind(), element.is_list) {
        (Kind::Array, true) => list(node, values, schema, element, value, walk),
        (Kind::Array, false) => {
            json_kind::not_one_value(node, value, walk);
            1
        }
        (_, is_list) => {
            if is_list {
                json_kind::not_an_array(node, value, walk);
            }
            one(node, schema, &element.name, value, walk);
            1
        }
    }
}

fn list<'c, 'd>(
    node: Node<'d>,
    values: Option<Node<'d>>,
    schema: SchemaRef,
    element: &'c ElementSchema,
    value: &ValueSchema,
    walk: &mut Walk<'c, 'd>,
) -> u32 {
    let mut values = values.filter(|values| values.is_array()).map(Node::items);
    let (mut count, mut is_aligned) = (0, true);
    for item in node.items() {
        let partner = values.as_mut().map(Iterator::next);
        is_aligned &= partner != Some(None);
        if item.kind() != Kind::Null {
            one(item, schema, &element.name, value, walk);
        } else if partner.flatten().is_none() {
            // Beside a null value the null is reported there.
            empty::null(item, walk);
        }
        count += 1;
    }
    if count == 0 {
        empty::array(node, walk);
    }
    if !is_aligned || values.is_some_and(|mut left| left.next().is_some()) {
        let bare = node.name().trim_start_matches('_');
        let text = format!("{} and {bare} differ in length; both list the same values", node.name());
        let hint = "fill the shorter one with null, so that each item stands beside its own";
        walk.report(Finding::error(Key::WrongType, node, text).about_name().hint(hint));
    }
    count
}

fn one<'c, 'd>(node: Node<'d>, schema: SchemaRef, element: &'c str, value: &ValueSchema, walk: &mut Walk<'c, 'd>) {
    match node.kind() {
        Kind::Object => walk.object(node, schema, element),
        Kind::Null => empty::null(node, walk),
        found => {
            let text = format!("expected an object with the id or extensions of a {}, found {found}", value.type_name);
            walk.report(Finding::error(Key::WrongType, node, text));
        }
    }
}

/// Goes along the sibling of a list, for the nulls that stand among its values.
pub(in crate::profile) struct Partner<'d> {
    items: Option<Children<'d>>,
    next: u32,
}

impl<'d> Partner<'d> {
    /// The sibling of the list `values`.
    pub(in crate::profile) fn of(parent: Node<'d>, values: Node<'d>, value: &ValueSchema) -> Self {
        let is_primitive = matches!(value.content, Content::Primitive { .. });
        let sibling = parent.members().find(|member| member.name().strip_prefix('_') == Some(values.name()));
        Self { items: sibling.filter(|sibling| is_primitive && sibling.is_array()).map(Node::items), next: 0 }
    }

    /// Does it say something about the value at this position? Positions are asked for in order.
    pub(in crate::profile) fn has_content_at(&mut self, position: u32) -> bool {
        let skipped = position.saturating_sub(self.next) as usize;
        self.next = position + 1;
        self.items.as_mut().and_then(|items| items.nth(skipped)).is_some_and(|item| item.kind() != Kind::Null)
    }
}
