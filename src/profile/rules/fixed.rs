//! A value that has to be exactly what the definition says
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.fixed_x_>).

use super::{Rule, literal};
use crate::definitions::structure::Literal;
use crate::fhir::{Document, Key, Node};
use crate::profile::compile::Definition;
use crate::profile::findings::Finding;
use crate::profile::walk::Walk;

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
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Option<Rule> {
    Some(Rule::Fixed(Fixed { value: read(definition.element.fixed.as_ref()?)? }))
}

/// A value of a definition as a document. That it is JSON was seen when the definition was read.
pub(super) fn read(literal: &Literal) -> Option<Document> {
    Document::parse(literal.json.clone()).ok()
}

impl Fixed {
    pub(in crate::profile) fn check(&self, node: Node<'_>, walk: &mut Walk<'_, '_>) {
        if !literal::equals(self.value.root(), node) {
            let text = "the value is another than the one that is fixed";
            walk.report(Finding::error(Key::Fixed, node, text).hint(write(&self.value)));
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("fixed {}", self.value.text())
    }
}

/// How to mend it: the value itself, if it is short enough to read.
pub(super) fn write(value: &Document) -> String {
    format!("write {}", super::short(value.text()))
}
