//! Records as a sheet: one row for each referral or, where it has services, for each of them.
//!
//! Records of several types share a sheet: it has the columns of each, in the order of the generic set first, and a cell
//! is empty where the record's type has no such column. What a list tells in place of a record (`withdrawn`,
//! `unreadable`) is a row of its own, which says so in the column `no_record`; other sheets have no such column.

use std::borrow::Cow;

use serde_json::Value;

use crate::error::{Error, Result};

use super::cell;
use super::column::{ColumnSet, ColumnTarget, RowCell};
use super::load::ColumnSets;

/// Writes the records, each with its version where that is known, under a row of column names. Without records, the
/// columns are those of the generic type.
///
/// # Errors
/// A fault, if the text cannot be made.
pub fn write<'r>(sets: &ColumnSets, records: impl IntoIterator<Item = (&'r Value, Option<u64>)>) -> Result<String> {
    let mut rows: Vec<(&ColumnSet, &Value, Option<u64>)> = Vec::new();
    for (record, version) in records {
        let kind = record.get("type").and_then(Value::as_str).unwrap_or_default();
        let set = sets.get(kind).ok_or_else(|| Error::fault("there is no column set"))?;
        rows.push((set, record, version));
    }
    let columns = Columns::of(sets, &rows);
    let failed = |error: csv::Error| Error::fault(format!("cannot write a sheet: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns.names).map_err(failed)?;
    for (set, record, version) in rows {
        let version = version.map(|version| version.to_string());
        let no_record = no_record(record);
        let positions = columns.positions(set);
        for item in items(set, record) {
            let row = positions.iter().map(|position| match position {
                Some(position) if set.columns[*position].target == ColumnTarget::Row(RowCell::Version) => {
                    Cow::Borrowed(version.as_deref().unwrap_or_default())
                }
                Some(position) if set.columns[*position].target == ColumnTarget::Row(RowCell::NoRecord) => {
                    Cow::Borrowed(no_record.as_deref().unwrap_or_default())
                }
                Some(position) => text(set, *position, record, item),
                None => Cow::Borrowed(""),
            });
            let row: Vec<Cow<'_, str>> = row.collect();
            writer.write_record(row.iter().map(|cell| cell.as_bytes())).map_err(failed)?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| Error::fault(format!("cannot write a sheet: {error}")))?;
    String::from_utf8(bytes).map_err(|error| Error::fault(format!("a sheet is not UTF-8: {error}")))
}

/// What stands in a list in place of a record, in words; nothing of a record.
fn no_record(told: &Value) -> Option<String> {
    if told.get("withdrawn").is_some() {
        return Some("withdrawn".to_owned());
    }
    let issue = told.get("unreadable")?;
    let text = |name: &str| issue.get(name).and_then(Value::as_str).unwrap_or_default();
    let place = text("path");
    let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
    Some(format!("unreadable: {}{place}: {}", text("key"), text("text")))
}

/// The cell of a column for a record, or an item of it.
pub(super) fn text<'r>(set: &ColumnSet, position: usize, record: &'r Value, item: Option<&'r Value>) -> Cow<'r, str> {
    match &set.columns[position].target {
        ColumnTarget::Record(path) => cell::write(path.get(record)),
        ColumnTarget::Item(path) => cell::write(item.and_then(|item| path.get(item))),
        ColumnTarget::Event(_) | ColumnTarget::Row(_) => Cow::Borrowed(""),
    }
}

/// The items that are rows; one row for a record that has none.
fn items<'r>(set: &ColumnSet, record: &'r Value) -> Vec<Option<&'r Value>> {
    let list = set.list.as_ref().and_then(|list| list.get(record)).and_then(Value::as_array);
    match list.filter(|list| !list.is_empty()) {
        Some(list) => list.iter().map(Some).collect(),
        None => vec![None],
    }
}

/// The names of the columns of a sheet.
struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// Those of the types that the rows are of: the generic ones first, then each type's own by the types' names.
    fn of(sets: &ColumnSets, rows: &[(&ColumnSet, &Value, Option<u64>)]) -> Self {
        let mut used: Vec<&ColumnSet> = rows.iter().map(|(set, ..)| *set).collect();
        used.sort_by(|one, other| one.kind.cmp(&other.kind));
        used.dedup_by(|one, other| one.kind == other.kind);
        let first = if used.len() == 1 { None } else { sets.get("generic") };
        let mut names: Vec<String> = Vec::new();
        let is_told = rows.iter().any(|(_, record, _)| no_record(record).is_some());
        for column in first.into_iter().chain(used).flat_map(|set| &set.columns) {
            let is_wanted = is_told || column.target != ColumnTarget::Row(RowCell::NoRecord);
            if is_wanted && !names.contains(&column.name) {
                names.push(column.name.clone());
            }
        }
        Self { names }
    }

    /// Which column of the set stands at each position of the sheet.
    fn positions(&self, set: &ColumnSet) -> Vec<Option<usize>> {
        self.names.iter().map(|name| set.position(name)).collect()
    }
}
