//! Records as a sheet (<https://www.rfc-editor.org/rfc/rfc4180>), for people whose tool is a spreadsheet.
//!
//! One row is one referral. A column's name is the path of a value in the record, joined with dots: `participant.name`.
//! A list of plain values is one cell, its values joined with `; `. A list of objects gives its items numbers from 1:
//! `services.1.date`, `services.2.date`. Columns come in the order in which the records first have them; a cell is empty
//! where a record has nothing. A text that a spreadsheet would take for a formula gets an apostrophe in front.

use std::collections::HashMap;

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::http::reply;

/// The media type of sheets.
pub(super) const CSV: &str = "text/csv";
/// The same with its charset, which text has to name.
const CSV_UTF8: &str = "text/csv; charset=utf-8";

/// The records as an answer.
pub(super) fn answer(records: &[Value]) -> Result<Response> {
    Ok(reply::body(StatusCode::OK, CSV_UTF8, write(records)?))
}

/// Writes the records, one a row, under a row of column names.
fn write(records: &[Value]) -> Result<String> {
    let mut columns = Columns::default();
    // Every sheet has these, even one without rows.
    columns.position("id");
    columns.position("type");
    let mut rows = Vec::with_capacity(records.len());
    for record in records {
        let mut cells = Vec::new();
        flatten(record, &mut String::new(), &mut columns, &mut cells);
        rows.push(cells);
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Error::fault(format!("cannot write a sheet: {error}"));
    writer.write_record(&columns.names).map_err(failed)?;
    for cells in rows {
        let mut row = vec![String::new(); columns.names.len()];
        for (position, text) in cells {
            row[position] = text;
        }
        writer.write_record(&row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Error::fault(format!("cannot write a sheet: {error}")))?;
    String::from_utf8(bytes).map_err(|error| Error::fault(format!("a sheet is not UTF-8: {error}")))
}

/// The columns that were met, in order.
#[derive(Debug, Default)]
struct Columns {
    names: Vec<String>,
    positions: HashMap<String, usize>,
}

impl Columns {
    fn position(&mut self, name: &str) -> usize {
        if let Some(position) = self.positions.get(name) {
            return *position;
        }
        self.names.push(name.to_owned());
        self.positions.insert(name.to_owned(), self.names.len() - 1);
        self.names.len() - 1
    }
}

fn flatten(value: &Value, path: &mut String, columns: &mut Columns, cells: &mut Vec<(usize, String)>) {
    let length = path.len();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                extend(path, name);
                flatten(member, path, columns, cells);
                path.truncate(length);
            }
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            for (position, item) in items.iter().enumerate() {
                extend(path, &(position + 1).to_string());
                flatten(item, path, columns, cells);
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            // What stands first in the cell decides what a spreadsheet takes it for.
            let text = items.iter().map(|item| harmless(plain(item))).collect::<Vec<_>>().join("; ");
            cells.push((columns.position(path), text));
        }
        Value::String(text) => cells.push((columns.position(path), harmless(text.clone()))),
        other => cells.push((columns.position(path), plain(other))),
    }
}

fn extend(path: &mut String, step: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(step);
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Keeps a spreadsheet from running a text as a formula. Numbers and telephone numbers may begin with a sign.
fn harmless(text: String) -> String {
    let is_formula = match text.as_bytes().first() {
        Some(b'=' | b'@' | b'\t' | b'\r') => true,
        Some(b'+' | b'-') => text.bytes().skip(1).any(|byte| !byte.is_ascii_digit() && !b" .,()-/".contains(&byte)),
        _ => false,
    };
    if is_formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn flattens_records() {
        let records = [
            json!({"type": "food", "id": "1", "participant": {"name": "Ann, Example", "phones": ["+1 555", "b"]},
                   "services": [{"date": "2026-11-21"}, {"date": "2026-11-22", "units": serde_json::from_str::<Value>("1.10").unwrap()}]}),
            json!({"type": "food", "id": "2", "note": null, "services": [{"units": 2}]}),
        ];
        let text = write(&records).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "id,type,participant.name,participant.phones,services.1.date,services.2.date,services.2.units,note,services.1.units",
                "1,food,\"Ann, Example\",+1 555; b,2026-11-21,2026-11-22,1.10,,",
                "2,food,,,,,,,2",
            ]
        );
        assert_eq!(write(&[]).unwrap(), "id,type\n");
    }

    #[test]
    fn disarms_formulas() {
        for (text, expected) in [
            ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
            ("@SUM(1)", "'@SUM(1)"),
            ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"),
            ("+1 (555) 010-0000", "+1 (555) 010-0000"),
            ("-4.2", "-4.2"),
            ("plain", "plain"),
        ] {
            assert_eq!(harmless(text.to_owned()), expected);
        }
    }
}
