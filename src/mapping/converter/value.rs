//! What converters make of values: a value for the record, copied only where it has to be made, and one for FHIR.

use std::borrow::Cow;

use serde_json::Value;

use crate::fhir::{Kind, Node};
use crate::record::same_value;

use super::super::json_writer::JsonWriter;
use super::super::locate::Tree;

/// What a converter makes of a value of the record.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::mapping) enum FhirValue {
    /// The element has no value
    Absent,
    /// The element has this value
    Value(Value),
    /// The element is there, with what its path says
    Present,
}

/// What a converter makes of a value of a resource.
#[derive(Debug, Clone, Default)]
pub(in crate::mapping) struct Conversion<'v> {
    /// The value for the record
    pub(in crate::mapping) value: Option<RecordValue<'v>>,
    /// A code passed as it was, since no table has it
    pub(in crate::mapping) untranslated: bool,
    /// The resource does not say; this is what its silence means
    pub(in crate::mapping) defaulted: bool,
}

/// A value for the record, copied only where it has to be made.
#[derive(Debug, Clone)]
pub(in crate::mapping) enum RecordValue<'v> {
    /// As it stands in a resource
    Node(Node<'v>),
    /// A text
    Text(Cow<'v, str>),
    /// Any value
    Value(Value),
}

impl<'v> Conversion<'v> {
    pub(super) fn of(value: Option<RecordValue<'v>>) -> Self {
        Self { value, ..Self::default() }
    }

    pub(super) fn of_value(value: Option<Value>) -> Self {
        Self::of(value.map(RecordValue::Value))
    }

    /// Is it just this, or nothing where nothing is asked for?
    pub(in crate::mapping) fn equals(&self, value: Option<&Value>) -> bool {
        same_optional(self.value.as_ref(), value)
    }
}

/// Do both say the same, or both nothing?
pub(in crate::mapping) fn same_optional(own: Option<&RecordValue<'_>>, value: Option<&Value>) -> bool {
    match (own, value) {
        (Some(own), Some(value)) => own.equals(value),
        (None, None) => true,
        _ => false,
    }
}

impl RecordValue<'_> {
    /// It as a value of its own.
    pub(in crate::mapping) fn into_value(self) -> Value {
        match self {
            Self::Node(node) => node.to_value(),
            Self::Text(text) => text.into_owned().into(),
            Self::Value(value) => value,
        }
    }

    /// It, where it is a text that was made.
    pub(in crate::mapping) fn text(&self) -> Option<&str> {
        match self {
            Self::Node(_) => None,
            Self::Text(text) => Some(text),
            Self::Value(value) => value.as_str(),
        }
    }

    /// Writes it into a record.
    pub(in crate::mapping) fn write(&self, text: &mut JsonWriter) {
        match self {
            Self::Node(node) => text.node(*node),
            Self::Text(own) => text.string(own),
            Self::Value(value) => text.value(value),
        }
    }

    /// Does it say the same as this?
    pub(in crate::mapping) fn equals(&self, value: &Value) -> bool {
        match self {
            Self::Node(node) => node.is(value) || (node.kind() != Kind::String && same_value(&node.to_value(), value)),
            Self::Text(text) => value.as_str() == Some(text),
            Self::Value(own) => same_value(own, value),
        }
    }
}

/// A part of a text; where it was copied the part is copied too.
pub(super) fn cut(text: Cow<'_, str>, range: impl std::slice::SliceIndex<str, Output = str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.get(range).unwrap_or_default()),
        Cow::Owned(text) => Cow::Owned(text.get(range).unwrap_or_default().to_owned()),
    }
}
