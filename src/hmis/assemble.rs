//! From checked rows to records: one for each enrollment, with its person, project, services, events and exit.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::record::path::{items_mut, member_mut};
use crate::record::same_value;

use super::cell;
use super::derive::DerivationContext;
use super::report::{Finding, Level, Report};
use super::rows::{CheckedRows, Row};
use super::standard::{Column, FileKind, RowsOf, Shape, Standard};

/// Where values stay that the record has no field for.
pub(super) const EXTRAS_KEY: &str = "hmis";

/// The records, in the order of the enrollments.
pub(super) fn records(standard: &Standard, checked: &BTreeMap<&str, CheckedRows>, report: &mut Report) -> Vec<Value> {
    let Some(enrollments) = checked.get("Enrollment.csv") else { return Vec::new() };
    let mut used: BTreeSet<(&str, usize)> = BTreeSet::new();
    let mut records = Vec::new();
    for enrollment in &enrollments.rows {
        let id = enrollment.cell("EnrollmentID");
        let mut record = json!({
            "type": standard.program, "id": id, "referral": {}, "participant": {},
            "program": { "type": standard.program },
        });
        for kind in &standard.files {
            let Some(theirs) = checked.get(kind.name.as_str()) else { continue };
            match kind.rows {
                RowsOf::Once | RowsOf::Unused => {}
                RowsOf::Shared => {
                    if let Some(row) = shared_row(kind, theirs, enrollment, checked) {
                        used.insert((&kind.name, row.number));
                        fill_record(kind, row, &mut record);
                    }
                }
                RowsOf::Record if kind.id == "EnrollmentID" => fill_record(kind, enrollment, &mut record),
                RowsOf::Record => {
                    let rows: Vec<&Row> = theirs.of(id).collect();
                    if let Some(row) = newest_row(kind, &rows, report) {
                        fill_record(kind, row, &mut record);
                    }
                }
                RowsOf::Item => {
                    for row in theirs.of(id) {
                        let mut item = json!({});
                        fill_record(kind, row, &mut item);
                        let list = kind.each.as_ref().and_then(|path| path.get_or_create(&mut record));
                        if let Some(items) = list.and_then(items_mut) {
                            items.push(item);
                        }
                    }
                }
            }
        }
        for (path, value) in &standard.always {
            path.set(&mut record, value.as_str().into());
        }
        set_enrollment_status(&mut record);
        records.push(record);
    }
    // Where a row was refused, who is not named may be named by that one.
    if !report.is_refused() {
        report_unused(standard, checked, &used, report);
    }
    records
}

/// The row of a shared file that an enrollment hangs on.
fn shared_row<'c>(
    kind: &FileKind,
    theirs: &'c CheckedRows,
    enrollment: &Row,
    checked: &BTreeMap<&str, CheckedRows>,
) -> Option<&'c Row> {
    // An enrollment names its person and its project; the project names its organization.
    let named = enrollment.cell(&kind.id);
    if !named.is_empty() {
        return theirs.get(named);
    }
    let project = checked.get("Project.csv")?.get(enrollment.cell("ProjectID"))?;
    theirs.get(project.cell(&kind.id))
}

fn newest_row<'r>(kind: &FileKind, rows: &[&'r Row], report: &mut Report) -> Option<&'r Row> {
    let by = kind.latest.as_deref().unwrap_or_default();
    // Of two of one day the later in the file.
    let newest = rows.iter().copied().max_by_key(|row| (row.cell(by), row.number))?;
    for row in rows.iter().filter(|row| row.number != newest.number) {
        let found = format!("row {} is newer, and the record has room for one", newest.number);
        report.add(Finding::new(Level::Information, &kind.name, found).row(row.number));
    }
    Some(newest)
}

/// Writes what a row says into the record, or into the item.
fn fill_record(kind: &FileKind, row: &Row, base: &mut Value) {
    let mut left: Vec<(&Column, &str)> = Vec::new();
    for column in &kind.columns {
        let value = row.cell(&column.name);
        if value.is_empty() {
            continue;
        }
        if !write_value(column, value, base) {
            left.push((column, value));
        }
    }
    // What would be written by itself need not be kept.
    let kept: Vec<(&str, &str)> = left
        .into_iter()
        .filter(|(column, _)| column.keeps())
        .filter(|(column, value)| derived_value(kind, column, row, base).as_deref() != Some(*value))
        .map(|(column, value)| (column.name.as_str(), value))
        .collect();
    for (column, value) in kept {
        let at = match kind.rows {
            RowsOf::Item => member_mut(base, EXTRAS_KEY),
            _ => member_mut(member_mut(member_mut(base, "extras"), EXTRAS_KEY), kind.stem()),
        };
        *member_mut(at, column) = value.into();
    }
}

/// Writes a value to its place. Was there one for it?
fn write_value(column: &Column, value: &str, base: &mut Value) -> bool {
    let (Some(path), Some(value)) = (&column.record, cell::read(column, value)) else { return false };
    if path.get(base).is_some_and(|known| !same_value(known, &value)) {
        return column.shape == Shape::Listed;
    }
    if column.shape == Shape::Listed {
        path.get_or_create(base);
    } else {
        path.set(base, value);
    }
    for (path, value) in &column.also {
        path.set(base, value.as_str().into());
    }
    true
}

/// What would be written where the record says nothing.
fn derived_value(kind: &FileKind, column: &Column, row: &Row, base: &Value) -> Option<String> {
    let derived = column.derive.filter(|derive| !derive.names_something()).map(|derive| {
        let ids = BTreeMap::new();
        let (cells, file) = (&row.cells, kind.name.as_str());
        DerivationContext { record: base, base, cells, export: None, ids: &ids, file, position: 0 }
            .value(derive, column)
    });
    derived.or_else(|| column.fixed.clone()).or_else(|| column.absent.clone())
}

/// How the enrollment stands follows from whether there is an exit.
fn set_enrollment_status(record: &mut Value) {
    let exited = record.pointer("/enrollment/exitDate").is_some();
    let completed = record.pointer("/typeData/projectCompletionStatus").and_then(Value::as_str) == Some("1");
    let status = match (exited, completed) {
        (false, _) => "enrolled",
        (true, true) => "completed",
        (true, false) => "disenrolled",
    };
    *member_mut(member_mut(record, "enrollment"), "status") = status.into();
}

/// Says which people, projects and organizations nobody's enrollment names.
fn report_unused(
    standard: &Standard,
    checked: &BTreeMap<&str, CheckedRows>,
    used: &BTreeSet<(&str, usize)>,
    report: &mut Report,
) {
    for kind in standard.files.iter().filter(|kind| kind.rows == RowsOf::Shared) {
        for row in checked.get(kind.name.as_str()).into_iter().flat_map(|theirs| &theirs.rows) {
            if !used.contains(&(kind.name.as_str(), row.number)) {
                report.add(Finding::new(Level::Information, &kind.name, "no enrollment names it").row(row.number));
            }
        }
    }
}
