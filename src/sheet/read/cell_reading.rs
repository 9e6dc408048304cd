//! What was made of a cell: its value, and a remark where it was not taken as it stands.

use std::borrow::Cow;

use serde_json::Value;

use crate::sheet::report::{Done, Fault};

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
    pub(super) done: Done,
    pub(super) text: Cow<'static, str>,
}

impl CellReading {
    /// As it stands.
    pub(super) fn plainly(value: impl Into<Value>) -> Self {
        Self { value: Some(value.into()), remark: None }
    }

    /// As it stands, and something to say about it.
    pub(super) fn taken(value: impl Into<Value>, fault: Fault, text: impl Into<Cow<'static, str>>) -> Self {
        Self::with(value, fault, Done::Taken, text)
    }

    /// Otherwise than it stands.
    pub(super) fn changed(value: impl Into<Value>, fault: Fault, text: impl Into<Cow<'static, str>>) -> Self {
        Self::with(value, fault, Done::Changed, text)
    }

    fn with(value: impl Into<Value>, fault: Fault, done: Done, text: impl Into<Cow<'static, str>>) -> Self {
        Self { value: Some(value.into()), remark: Some(Remark { fault, done, text: text.into() }) }
    }

    /// Nothing, in other words.
    pub(super) fn absent(fault: Fault, text: &'static str) -> Self {
        Self { value: None, remark: Some(Remark { fault, done: Done::LeftOut, text: text.into() }) }
    }

    /// Nothing that can be taken.
    pub(super) fn refused(fault: Fault, text: impl Into<Cow<'static, str>>) -> Self {
        Self { value: None, remark: Some(Remark { fault, done: Done::Refused, text: text.into() }) }
    }
}
