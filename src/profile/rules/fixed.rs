//! A value that has to be exactly what the definition says
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_>).

use super::literal;
use super::shorten::shorten;
use crate::definitions::structure::Literal;
use crate::fhir::{Document, Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// The value that has to be there.
#[derive(Debug)]
pub(in crate::profile) struct Fixed {
    pub(super) value: Document,
}

impl PartialEq for Fixed {
    fn eq(&self, other: &Self) -> bool {
        self.value.text() == other.value.text()
    }
}

/// The fixed value of an element.
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Option<Fixed> {
    Some(Fixed { value: parse_literal(definition.element.fixed.as_ref()?)? })
}

/// A value of a definition as a document. That it is JSON was seen when the definition was read.
pub(super) fn parse_literal(literal: &Literal) -> Option<Document> {
    Document::parse(literal.json.clone()).ok()
}

impl Fixed {
    pub(in crate::profile) fn check(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        report_differences(self.value.root(), node, context);
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("fixed {}", self.value.text())
    }
}

/// Reports where a value differs from the fixed one, as far inside as it can be said.
fn report_differences(expected: Node<'_>, found: Node<'_>, context: &mut CheckContext<'_, '_>) {
    if literal::equals(expected, found) {
        return;
    }
    if !expected.is_object() || !found.is_object() {
        let text = "the value is another than the one that is fixed";
        let hint = format!("write {}", shorten(expected.text()));
        context.report(Finding::error(Key::Fixed, found, text).hint(hint));
        return;
    }
    for member in expected.members() {
        match found.get(member.name()) {
            Some(there) => report_differences(member, there, context),
            None => {
                let text = format!("the fixed value has {}, which is missing here", member.name());
                let hint = format!("add {}", shorten(member.text()));
                context.report(Finding::error(Key::Fixed, found, text).about_missing(member.name()).hint(hint));
            }
        }
    }
    for member in found.members().filter(|member| expected.get(member.name()).is_none()) {
        let text = format!("the fixed value has no {}", member.name());
        context.report(Finding::error(Key::Fixed, member, text).about_name().hint("remove it"));
    }
}

/// How to fix it: the value itself, if it is short enough to read.
pub(super) fn write_hint(value: &Document) -> String {
    format!("write {}", shorten(value.text()))
}
