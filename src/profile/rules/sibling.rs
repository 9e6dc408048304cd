//! The `_name` beside a primitive, which carries its id and extensions; in arrays the two are aligned by nulls
//! (<https://hl7.org/fhir/R4/json.html#primitive>).

use super::empty;
use crate::fhir::document::Children;
use crate::fhir::{Key, Kind, Node};
use crate::profile::context::CheckContext;
use crate::profile::finding::Finding;
use crate::profile::schema::{Content, ValueSchema};

/// Is it an object, as a sibling or an item of one is? If not, that is reported.
pub(in crate::profile) fn check_object(
    node: Node<'_>,
    value: &ValueSchema,
    context: &mut CheckContext<'_, '_>,
) -> bool {
    match node.kind() {
        Kind::Object => return true,
        Kind::Null => empty::null(node, context),
        found => {
            let text = format!("expected an object with the id or extensions of a {}, found {found}", value.type_name);
            context.report(Finding::error(Key::WrongType, node, text));
        }
    }
    false
}

/// Says that a sibling has more or fewer items than the list beside it.
pub(in crate::profile) fn differs_in_length(node: Node<'_>, context: &mut CheckContext<'_, '_>) {
    let bare = node.name().trim_start_matches('_');
    let text = format!("{} and {bare} differ in length; both list the same values", node.name());
    let hint = "fill the shorter one with null, so that each item stands beside its own";
    context.report(Finding::error(Key::WrongType, node, text).about_name().hint(hint));
}

/// Goes along the sibling of a list, for the nulls that stand among its values.
pub(in crate::profile) struct Siblings<'d> {
    items: Option<Children<'d>>,
    next: u32,
}

impl<'d> Siblings<'d> {
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
