//! What stands for nothing: words, the 8, 9 and 99 of HMIS ("does not know", "refused", "not collected"), and numbers of
//! zeros or nines alone.

use crate::sheet::column::{CellFormat, Column};

/// Words for nothing, in lower case.
const WORDS: &[&str] = &[
    "n/a",
    "#n/a",
    "na",
    "unknown",
    "unk",
    "null",
    "nil",
    "-",
    "--",
    "?",
    "not known",
    "not asked",
    "not collected",
    "data not collected",
    "don't know",
    "client doesn't know",
    "declined",
    "refused",
    "client refused",
    "client prefers not to answer",
    "missing",
    "#ref!",
    "#value!",
    "#name?",
    "(blank)",
];

/// Of those, the ones that people are called.
const NAMES: &[&str] = &["na", "nil"];

/// The longest of the words.
const MAX_LENGTH: usize = 32;

/// Why a cell says nothing, if it does.
pub(super) fn reason(text: &str, column: &Column) -> Option<&'static str> {
    if text.len() > MAX_LENGTH {
        return None;
    }
    let lower = text.to_lowercase();
    if column.absent.contains(&lower) || (WORDS.contains(&lower.as_str()) && !is_name(&lower, column)) {
        return Some("the cell says that nothing is known, and counts as empty");
    }
    let is_coded = matches!(column.form, CellFormat::Boolean | CellFormat::Date | CellFormat::BirthDate)
        || (column.form == CellFormat::Code && !column.values.is_empty());
    if is_coded && matches!(text, "8" | "9" | "99") {
        return Some("the cell has a number that stands for an answer that was not given, and counts as empty");
    }
    if matches!(column.form, CellFormat::Id | CellFormat::Phone | CellFormat::Zip) && is_filler(text) {
        return Some("the cell has zeros or nines alone, and counts as empty");
    }
    None
}

fn is_name(lower: &str, column: &Column) -> bool {
    column.form == CellFormat::Name && NAMES.contains(&lower)
}

/// Five digits or more, all of them zeros, or all nines.
fn is_filler(text: &str) -> bool {
    let mut digits = text.bytes().filter(u8::is_ascii_alphanumeric);
    let Some(first) = digits.next().filter(|digit| matches!(digit, b'0' | b'9')) else { return false };
    let mut count = 1;
    digits.all(|digit| {
        count += 1;
        digit == first
    }) && count >= 5
}
