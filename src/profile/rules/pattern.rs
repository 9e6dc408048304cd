//! A value that has to hold what the definition says, and may hold more
//! (<https://hl7.org/fhir/R4/elementdefinition-definitions.html#ElementDefinition.pattern_x_>).

use super::{fixed, literal};
use crate::fhir::{Document, Key, Node};
use crate::profile::context::CheckContext;
use crate::profile::definition::Definition;
use crate::profile::finding::Finding;

/// What has to be there.
#[derive(Debug)]
pub(in crate::profile) struct Pattern {
    value: Document,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.value.text() == other.value.text()
    }
}

/// The pattern of an element.
pub(in crate::profile) fn compile(definition: Definition<'_>) -> Option<Pattern> {
    Some(Pattern { value: fixed::parse_literal(definition.element.pattern.as_ref()?)? })
}

impl Pattern {
    pub(in crate::profile) fn check(&self, node: Node<'_>, context: &mut CheckContext<'_, '_>) {
        if !literal::includes(self.value.root(), node) {
            let text = "the value does not hold what it has to hold here";
            context.report(Finding::error(Key::Pattern, node, text).hint(fixed::write_hint(&self.value)));
        }
    }

    pub(in crate::profile) fn describe(&self) -> String {
        format!("pattern {}", self.value.text())
    }
}
