//! What was made of a cell: its value, and a remark where it was not taken as it stands.

use std::borrow::Cow;

use serde_json::Value;

use crate::sheet::report::{Fault, FindingOutcome};

/// What a cell says, and what there is to say about that.
#[derive(Debug, Default)]
pub(super) struct CellReading {
    /// The value; none: it says nothing, or nothing that can be taken
    pub(super) value: Option<Value>,
    /// What was found
    pub(super) remark: Option<Remark>,
}

/// What was found in a cell.
#[derive(Debug)]
pub(super) struct Remark {
    pub(super) fault: Fault,
    pub(super) outcome: FindingOutcome,
    pub(super) text: Cow<'static, str>,
}

impl CellReading {
    /// As it stands.
    pub(super) fn unchanged(value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), remark: None }
    }

    /// As it stands, and something to say about it.
    pub(super) fn taken(value: impl Into<Value>, fault: Fault, text: impl Into<Cow<'static, str>>) -> Self {
        Self::with(value, fault, FindingOutcome::Taken, text)
    }

    /// Otherwise than it stands.
    pub(super) fn changed(value: impl Into<Value>, fault: Fault, text: impl Into<Cow<'static, str>>) -> Self {
        Self::with(value, fault, FindingOutcome::Changed, text)
    }

    fn with(
        value: impl Into<Value>,
        fault: Fault,
        outcome: FindingOutcome,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { value: Some(value.into()), remark: Some(Remark { fault, outcome, text: text.into() }) }
    }

    /// Nothing, in other words.
    pub(super) fn absent(fault: Fault, text: &'static str) -> Self {
        Self { value: None, remark: Some(Remark { fault, outcome: FindingOutcome::LeftOut, text: text.into() }) }
    }

    /// Nothing that can be taken.
    pub(super) fn refused(fault: Fault, text: impl Into<Cow<'static, str>>) -> Self {
        Self { value: None, remark: Some(Remark { fault, outcome: FindingOutcome::Refused, text: text.into() }) }
    }
}
