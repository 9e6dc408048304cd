//! A value as a cell has it: its form, its codes, and how it stands in the record.

use jiff::civil::{Date, DateTime};
use serde_json::{Number, Value};

use super::standard::{CellFormat, Column, Shape, Standard, Standards};

/// What is wrong with a cell, and how to mend it. Neither shows the value, but for a code.
pub(super) struct Fault {
    pub(super) found: String,
    pub(super) fix: String,
}

fn fault(found: impl Into<String>, fix: impl Into<String>) -> Fault {
    Fault { found: found.into(), fix: fix.into() }
}

/// Is this cell as the format wants it? The other years are asked about codes that this one does not have.
pub(super) fn check(
    column: &Column,
    value: &str,
    file: &str,
    standard: &Standard,
    all: &Standards,
) -> Result<(), Fault> {
    if value.is_empty() {
        return if column.required { Err(fault("the value is missing", "every row needs one")) } else { Ok(()) };
    }
    if let Some(max) = column.max.filter(|max| value.chars().count() > *max) {
        let length = value.chars().count();
        return Err(fault(
            format!("{length} characters, where {max} may be"),
            "shorten it in the system it comes from",
        ));
    }
    match column.form {
        CellFormat::Id | CellFormat::String => Ok(()),
        CellFormat::Date if is_date(value) => Ok(()),
        CellFormat::Date => Err(fault("no day of the calendar in the form yyyy-mm-dd", "write 2025-05-20")),
        CellFormat::Datetime if is_datetime(value) => Ok(()),
        CellFormat::Datetime => Err(fault("no time in the form yyyy-mm-dd hh:mm:ss", "write 2025-05-20 13:05:00")),
        CellFormat::Integer if value.chars().all(|it| it.is_ascii_digit()) => Ok(()),
        CellFormat::Integer => Err(fault("no whole number", "write digits alone")),
        CellFormat::Money if amount(value).is_some() => Ok(()),
        CellFormat::Money => Err(fault("no amount", "write digits and a point, without $ and commas: 967.00")),
        CellFormat::Code => code(column, value, file, standard, all),
    }?;
    match column.refuse.get(value) {
        Some(why) => Err(fault(format!("{value}: {why}"), "leave the rows that hang on it out of the export")),
        None => Ok(()),
    }
}

fn code(column: &Column, value: &str, file: &str, standard: &Standard, all: &Standards) -> Result<(), Fault> {
    let Some(codes) = column.codes.as_ref().filter(|codes| !codes.titles.contains_key(value)) else { return Ok(()) };
    let year = standard.year.to_uppercase();
    let earlier = codes.earlier.as_ref().and_then(|it| Some((it.year.as_str(), it.codes.get(value)?)));
    if let Some((before, now)) = earlier {
        let title = codes.titles.get(now).map(String::as_str).unwrap_or_default();
        let found = format!("{} is a code of {before}, not of {year}", shown(value));
        return Err(fault(found, format!("{year} writes {now} ({title}); export with the codes of {year}")));
    }
    let elsewhere = all.years.iter().filter(|other| other.year != standard.year).find(|other| {
        let theirs = other.file(file).and_then(|it| it.column(&column.name)).and_then(|it| it.codes.as_ref());
        theirs.is_some_and(|codes| codes.titles.contains_key(value))
    });
    if let Some(other) = elsewhere {
        let found = format!("{} is a code of {}, not of {year}", shown(value), other.year.to_uppercase());
        return Err(fault(found, format!("export with the codes of {year}")));
    }
    let known: Vec<&str> = codes.titles.keys().map(String::as_str).collect();
    let known = if known.len() > 14 { format!("{}, ...", known[..14].join(", ")) } else { known.join(", ") };
    Err(fault(format!("{} is no code of {year}", shown(value)), format!("use one of {known}")))
}

/// A code is shown; what is too long to be one is not.
fn shown(value: &str) -> &str {
    if value.len() <= 5 && value.chars().all(|it| it.is_ascii_alphanumeric()) { value } else { "the value" }
}

fn is_date(value: &str) -> bool {
    value.len() == 10 && value.parse::<Date>().is_ok()
}

fn is_datetime(value: &str) -> bool {
    value.len() == 19 && value.as_bytes()[10] == b' ' && value.replacen(' ', "T", 1).parse::<DateTime>().is_ok()
}

fn amount(value: &str) -> Option<Number> {
    let plain =
        value.starts_with(|it: char| it.is_ascii_digit()) && value.chars().all(|it| it.is_ascii_digit() || it == '.');
    plain.then(|| serde_json::from_str(value).ok()).flatten()
}

/// What the record says for a column, as a cell has it. None: nothing that a cell could have.
///
/// # Errors
/// Why the value cannot be written.
pub(super) fn write(column: &Column, base: &Value) -> Result<Option<String>, String> {
    let Some(value) = column.record.as_ref().and_then(|path| path.get(base)) else { return Ok(None) };
    if column.shape != Shape::Birth && column.shape != Shape::Digits {
        let other = column
            .also
            .iter()
            .find(|(path, wanted)| path.get(base).and_then(Value::as_str).is_some_and(|actual| actual != wanted));
        if let Some((path, wanted)) = other {
            return Err(format!("{path} is not {wanted}"));
        }
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    };
    let text = match column.shape {
        Shape::Listed => return Ok(Some("1".to_owned())),
        Shape::Flag if column.words.is_empty() => {
            if text == "true" {
                "1".to_owned()
            } else {
                "0".to_owned()
            }
        }
        Shape::Digits => text.chars().filter(char::is_ascii_digit).collect(),
        Shape::Day if text.len() < 10 => return Err("the day is not known, only the year or the month".to_owned()),
        Shape::Day => text.chars().take(10).collect(),
        Shape::Birth => text.chars().chain("-01-01".chars().skip(text.len().saturating_sub(4))).take(10).collect(),
        Shape::Text | Shape::Flag => text,
    };
    if column.words.is_empty() { Ok(Some(text)) } else { Ok(column.words.get(&text).cloned()) }
}

/// What a cell says, as the record has it. None: the record has no way to say it.
pub(super) fn read(column: &Column, cell: &str) -> Option<Value> {
    let word = column.words.iter().find(|(_, code)| *code == cell).map(|(word, _)| word.as_str());
    let text = if column.words.is_empty() { cell } else { word? };
    match (column.shape, text) {
        (Shape::Flag, "true" | "1") => Some(true.into()),
        (Shape::Flag, "false" | "0") => Some(false.into()),
        (Shape::Flag, _) => None,
        (Shape::Listed, text) => (text == "1").then_some(Value::Null),
        _ if column.form == CellFormat::Money => amount(text).map(Value::Number),
        // What was not collected is not known.
        (_, "99") if column.absent.as_deref() == Some("99") => None,
        _ => Some(text.into()),
    }
}
