//! A cell as a value of the record, by the form of its column.

use std::borrow::Cow;

use serde_json::Value;

use crate::sheet::cell;
use crate::sheet::column::{Column, Form};
use crate::sheet::report::{Done, Fault};

use super::date::{self, Dates};
use super::{Codes, absent, capitals, codes, identifier, number, phone, time};

/// What a cell says, and what there is to say about that.
#[derive(Debug, Default)]
pub(super) struct Said {
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

impl Said {
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

/// What is known beside the cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beside<'a> {
    /// How the column writes dates
    pub(super) dates: Dates,
    /// The zone of times that say none
    pub(super) zone: Option<&'a str>,
    /// The codes that there are
    pub(super) codes: &'a Codes,
    /// The version that the row names for the codes of the column
    pub(super) version: Option<&'a str>,
}

/// Reads a cell that is not blank.
pub(super) fn read(raw: &str, column: &Column, beside: Beside<'_>) -> Said {
    let raw = cell::arm(raw);
    if column.form == Form::Text {
        // Blanks at either end may be meant.
        return Said::plainly(raw);
    }
    let text = raw.trim();
    // A value that the column lists is never another word for nothing.
    if column.values.iter().any(|value| value == text) {
        return Said::plainly(text);
    }
    if let Some(reason) = absent::reason(text, column) {
        return Said::absent(Fault::Absent, reason);
    }
    match column.form {
        Form::Text => Said::plainly(raw),
        Form::Date => date::read(text, beside.dates),
        Form::BirthDate => date::birth(text, beside.dates),
        Form::Time => time::read(text, beside.dates, beside.zone),
        Form::Number => number::number(text),
        Form::Money => number::money(text),
        Form::Integer => number::integer(text),
        Form::Boolean => number::boolean(text),
        Form::Phone => phone::read(text),
        Form::Zip => identifier::zip(text),
        Form::Id => identifier::id(text, column.width),
        Form::Code => codes::read(text, column, beside.codes, beside.version),
        Form::Name => capitals::read(text),
    }
}
