//! A cell as a value of the record, by the form of its column.

use std::borrow::Cow;

use serde_json::Value;

use crate::sheet::cell;
use crate::sheet::column::{CellFormat, Column};
use crate::sheet::report::{Done, Fault};

use super::date::{self, Dates};
use super::{Codes, absent, capitals, codes, identifier, number, phone, time};

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
pub(super) fn read(raw: &str, column: &Column, beside: Beside<'_>) -> CellReading {
    let raw = cell::arm(raw);
    if column.form == CellFormat::Text {
        // Blanks at either end may be meant.
        return CellReading::plainly(raw);
    }
    let text = raw.trim();
    // A value that the column lists is never another word for nothing.
    if column.values.iter().any(|value| value == text) {
        return CellReading::plainly(text);
    }
    if let Some(reason) = absent::reason(text, column) {
        return CellReading::absent(Fault::Absent, reason);
    }
    match column.form {
        CellFormat::Text => CellReading::plainly(raw),
        CellFormat::Date => date::read(text, beside.dates),
        CellFormat::BirthDate => date::birth(text, beside.dates),
        CellFormat::Time => time::read(text, beside.dates, beside.zone),
        CellFormat::Number => number::number(text),
        CellFormat::Money => number::money(text),
        CellFormat::Integer => number::integer(text),
        CellFormat::Boolean => number::boolean(text),
        CellFormat::Phone => phone::read(text),
        CellFormat::Zip => identifier::zip(text),
        CellFormat::Id => identifier::id(text, column.width),
        CellFormat::Code => codes::read(text, column, beside.codes, beside.version),
        CellFormat::Name => capitals::read(text),
    }
}
