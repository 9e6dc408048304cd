//! One finding, and one question that is left open: they remember the node that they are about. Path, line and column are
//! worked out at the end.

use std::borrow::Cow;
use std::sync::Arc;

use crate::fhir::{Key, Node, RuleSource, Severity};

/// One finding, not yet located.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) node: u32,
    pub(super) target: FindingTarget,
    pub(super) severity: Severity,
    pub(super) key: Key,
    pub(super) text: String,
    pub(super) hint: Option<Cow<'static, str>>,
    /// The rule as the definition states it
    pub(super) expected: Option<Box<str>>,
    /// Where the rule is written
    pub(super) origin: Option<Arc<RuleSource>>,
}

/// What of a node the finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FindingTarget {
    /// Its member name, which should not be there
    Name,
    /// Its value
    Value,
    /// A part of its text, so many bytes into its content
    Part(u32),
    /// An element that is missing inside it
    Inside(String),
}

/// A question, while its findings have no position yet.
#[derive(Debug)]
pub(super) struct OpenQuestion {
    pub(super) value_set: String,
    pub(super) codes: Vec<(Option<String>, String)>,
    pub(super) if_not: Finding,
    pub(super) if_unknown: Finding,
}

impl Finding {
    /// An error about a value.
    pub(super) fn error(key: Key, node: Node<'_>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            node: node.index(),
            target: FindingTarget::Value,
            severity: Severity::Error,
            key,
            text,
            hint: None,
            expected: None,
            origin: None,
        }
    }

    /// Something that cannot be checked here.
    pub(super) fn not_checked(node: Node<'_>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Information, ..Self::error(Key::NotChecked, node, text) }
    }

    /// It is as bad as this.
    pub(super) fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    /// It is about the member's name rather than its value.
    pub(super) fn about_name(self) -> Self {
        Self { target: FindingTarget::Name, ..self }
    }

    /// It is about an element that is not there.
    pub(super) fn about_missing(self, name: impl Into<String>) -> Self {
        Self { target: FindingTarget::Inside(name.into()), ..self }
    }

    /// It is about a part of a string, so many bytes into its content.
    pub(super) fn about_part(self, offset: usize) -> Self {
        Self { target: FindingTarget::Part(offset as u32), ..self }
    }

    /// How to fix it.
    pub(super) fn hint(self, hint: impl Into<Cow<'static, str>>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The rule, as the definition states it.
    pub(super) fn expected(self, rule: impl Into<Box<str>>) -> Self {
        Self { expected: Some(rule.into()), ..self }
    }

    /// Where the rule is written.
    pub(super) fn from(self, origin: &Arc<RuleSource>) -> Self {
        Self { origin: Some(Arc::clone(origin)), ..self }
    }

    /// Says which rule found it: what it demands and where it is written, unless that is known better.
    pub(super) fn attribute(&mut self, describe: impl FnOnce() -> String, origin: &Arc<RuleSource>) {
        self.expected.get_or_insert_with(|| describe().into());
        self.origin.get_or_insert_with(|| Arc::clone(origin));
    }

    /// How to fix it, if something is known.
    pub(super) fn hint_if(self, hint: Option<String>) -> Self {
        Self { hint: hint.map(Cow::Owned), ..self }
    }
}

impl Finding {
    /// Does it say the same about the same? Two profiles may both say it.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (self.node, &self.target, self.severity, self.key, &self.text)
            == (other.node, &other.target, other.severity, other.key, &other.text)
    }
}
