//! A cell as a value of the record, by the form of its column.

use crate::sheet::cell;
use crate::sheet::column::{CellFormat, Column};
use crate::sheet::report::Fault;

use super::cell_reading::CellReading;
use super::codes::{self, Codes};
use super::date::{self, Dates};
use super::{absent, identifier, number, person_name, phone, time};

/// What is known beside the cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct CellContext<'a> {
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
pub(super) fn read(raw: &str, column: &Column, context: CellContext<'_>) -> CellReading {
    let raw = cell::unescape(raw);
    if column.form == CellFormat::Text {
        // Blanks at either end may be meant.
        return CellReading::unchanged(raw);
    }
    let text = raw.trim();
    // A value that the column lists is never another word for nothing.
    if column.values.iter().any(|value| value == text) {
        return CellReading::unchanged(text);
    }
    if let Some(reason) = absent::reason(text, column) {
        return CellReading::absent(Fault::Absent, reason);
    }
    match column.form {
        CellFormat::Text => CellReading::unchanged(raw),
        CellFormat::Date => date::read(text, context.dates),
        CellFormat::BirthDate => date::birth(text, context.dates),
        CellFormat::Time => time::read(text, context.dates, context.zone),
        CellFormat::Number => number::number(text),
        CellFormat::Money => number::money(text),
        CellFormat::Integer => number::integer(text),
        CellFormat::Boolean => number::boolean(text),
        CellFormat::Phone => phone::read(text),
        CellFormat::Zip => identifier::zip(text),
        CellFormat::Id => identifier::id(text, column.width),
        CellFormat::Code => codes::read(text, column, context.codes, context.version),
        CellFormat::Name => person_name::read(text),
    }
}
