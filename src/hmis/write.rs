//! Out: records become a set of files, and a report on what could not be written. Where a record is refused there is no
//! set.

use std::collections::BTreeMap;

use serde_json::Value;

use super::File;
use super::assemble::EXTRAS_KEY;
use super::cell;
use super::derive::{Cells, DerivationContext, Export, shorten_id};
use super::report::{Finding, Level, Report};
use super::standard::{CellFormat, Column, FileKind, RowsOf, Standard, Standards};
use super::table;
use crate::error::{Error, Result};

/// What a type of program says of itself and the HMIS.
#[derive(Debug, Clone, Copy)]
pub struct Participation<'p> {
    /// What it is called
    pub title: &'p str,
    /// It serves victims of violence
    pub victim_services: bool,
    /// It takes part in an HMIS
    pub hmis: bool,
}

/// A set of files.
#[derive(Debug)]
pub struct ExportedFiles {
    /// Every file of the format, in its order; none where a record was refused
    pub files: Vec<File>,
    /// What was found
    pub report: Report,
}

/// Writes records as a set of files of this year.
///
/// # Errors
/// A type of program whose records may not go into an HMIS.
pub fn write(
    standards: &Standards,
    standard: &Standard,
    records: &[Value],
    export: &Export,
    program: &Participation<'_>,
) -> Result<ExportedFiles> {
    if program.victim_services {
        let message = "serves victims of violence, and what it knows of a person may not go into an HMIS (34 U.S.C. 12291(b)(2)); \
                    keep it in a comparable database and report totals";
        return Err(Error::forbidden(format!("{} {message}", program.title)));
    }
    if !program.hmis {
        let message = "takes no part in an HMIS: its program.yaml does not say privacy.hmis: true";
        return Err(Error::forbidden(format!("{} {message}", program.title)));
    }
    let mut set = FileSetWriter {
        standards,
        standard,
        export,
        rows: BTreeMap::new(),
        ids: BTreeMap::new(),
        report: Report::default(),
    };
    set.write_single_rows();
    for (at, record) in records.iter().enumerate() {
        set.add_record(at + 1, record);
    }
    let files = if set.report.is_refused() { Vec::new() } else { set.files()? };
    Ok(ExportedFiles { files, report: set.report })
}

/// A set that is being written.
struct FileSetWriter<'s> {
    standards: &'s Standards,
    standard: &'s Standard,
    export: &'s Export,
    rows: BTreeMap<&'s str, Vec<Cells>>,
    /// Where the row with an id stands, by file
    ids: BTreeMap<(&'s str, String), usize>,
    report: Report,
}

/// The record, or the item of it, that becomes a row.
struct Source<'r> {
    number: usize,
    record: &'r Value,
    base: &'r Value,
    position: usize,
}

impl<'s> FileSetWriter<'s> {
    fn write_single_rows(&mut self) {
        let nothing = Value::Null;
        let source = Source { number: 0, record: &nothing, base: &nothing, position: 0 };
        let ids = BTreeMap::from([("Export.csv".to_owned(), self.export.id.clone())]);
        for kind in self.standard.files.iter().filter(|kind| kind.rows == RowsOf::Once) {
            let cells = self.cells(kind, &source, &ids);
            self.rows.entry(&kind.name).or_default().push(cells);
        }
    }

    fn add_record(&mut self, number: usize, record: &Value) {
        let program = record.get("type").and_then(Value::as_str).unwrap_or_default();
        if program != self.standard.program {
            let found = format!("a record of another type of program than {}", self.standard.program);
            let finding = Finding::new(Level::Refused, "", found).record(number).done("nothing was written");
            self.report.add(finding.fix("give records of one type of program"));
            return;
        }
        let entered = record.pointer("/enrollment/entryDate").is_some();
        if !entered {
            let found = "the record has no enrollment with a day of entry, and in an HMIS everything hangs on one";
            self.report.add(Finding::new(Level::Information, "Enrollment.csv", found).record(number));
            return;
        }
        let mut ids = BTreeMap::from([("Export.csv".to_owned(), self.export.id.clone())]);
        for kind in &self.standard.files {
            let source = Source { number, record, base: record, position: 0 };
            match kind.rows {
                RowsOf::Once | RowsOf::Unused => {}
                RowsOf::Shared | RowsOf::Record => {
                    let is_written = self.add_row(kind, &source, &mut ids);
                    if !is_written && kind.id == "EnrollmentID" {
                        return;
                    }
                }
                RowsOf::Item => {
                    let items = kind.each.as_ref().and_then(|path| path.get(record)).and_then(Value::as_array);
                    for (position, item) in items.into_iter().flatten().enumerate() {
                        if self.add_row(kind, &Source { number, record, base: item, position }, &mut ids) {
                            self.report_unmapped_entries(kind, number, item);
                        }
                    }
                }
            }
        }
    }

    /// Writes a row. Was there one to write?
    fn add_row(&mut self, kind: &'s FileKind, source: &Source<'_>, ids: &mut BTreeMap<String, String>) -> bool {
        let before = self.report.findings.len();
        let cells = self.cells(kind, source, ids);
        let cell = |name: &str| cells.get(name).map(String::as_str).unwrap_or_default();
        if let Some(missing) = kind.when.iter().find(|name| cell(name).is_empty()) {
            // Nothing to say where the record has nothing of the kind.
            let has_part = kind.rows == RowsOf::Item || kind.when.iter().any(|name| !cell(name).is_empty());
            self.report.findings.truncate(before);
            if has_part {
                let found = format!("no row without {missing}, which the record does not have");
                self.report.add(Finding::new(Level::Information, &kind.name, found).record(source.number));
            }
            return false;
        }
        let id = cell(&kind.id).to_owned();
        ids.insert(kind.name.clone(), id.clone());
        let rows = self.rows.entry(&kind.name).or_default();
        let same = self.ids.get(&(kind.name.as_str(), id.clone())).and_then(|at| rows.get(*at));
        match same {
            None => {
                self.ids.insert((&kind.name, id), rows.len());
                rows.push(cells);
            }
            Some(same) if kind.rows == RowsOf::Shared => {
                let differs = kind.columns.iter().find(|it| same.get(&it.name) != cells.get(&it.name));
                if let Some(column) = differs {
                    let finding = Finding::new(Level::Warning, &kind.name, "an earlier record says otherwise");
                    let finding = finding.record(source.number).column(&column.name);
                    self.report.add(finding.done("the earlier one was written").fix("let the records agree"));
                }
            }
            Some(_) => {
                let finding = Finding::new(Level::Refused, &kind.name, "an earlier row has the same id");
                let finding = finding.record(source.number).column(&kind.id).done("nothing was written");
                self.report.add(finding.fix("give each its own id"));
            }
        }
        true
    }

    /// The cells of a row, each with its value.
    fn cells(&mut self, kind: &FileKind, source: &Source<'_>, ids: &BTreeMap<String, String>) -> Cells {
        let mut cells = Cells::new();
        let file = kind.name.as_str();
        for column in &kind.columns {
            let written = cell::write(column, source.base).unwrap_or_else(|found| {
                let finding = Finding::new(Level::Warning, file, found).record(source.number).column(&column.name);
                self.report.add(finding.done("the value was left out"));
                None
            });
            let linked = column.link.as_ref().and_then(|link| ids.get(link).cloned());
            let value = linked.or(written).or_else(|| kept_value(kind, column, source)).unwrap_or_else(|| {
                let context = DerivationContext {
                    record: source.record,
                    base: source.base,
                    cells: &cells,
                    export: Some(self.export),
                    ids,
                    file,
                    position: source.position,
                };
                let derived = column.derive.map(|derive| context.value(derive, column));
                derived.or_else(|| column.fixed.clone()).or_else(|| column.absent.clone()).unwrap_or_default()
            });
            let value = if column.form == CellFormat::Id { shorten_id(&value) } else { value };
            self.check(file, column, &value, source.number);
            if !value.is_empty() {
                cells.insert(column.name.clone(), value);
            }
        }
        cells
    }

    fn check(&mut self, file: &str, column: &Column, value: &str, number: usize) {
        let checked = cell::check(column, value, file, self.standard, self.standards);
        let finding = match checked {
            Ok(()) if column.asked && value.is_empty() => {
                let found = "HMIS asks for a value, and the record has none";
                Finding::new(Level::Warning, file, found).done("left empty")
            }
            Ok(()) => return,
            Err(fault) => Finding::new(Level::Refused, file, fault.found).done("nothing was written").fix(fault.fix),
        };
        self.report.add(finding.record(number).column(&column.name));
    }

    /// Says which entries of a list of the item have no column.
    fn report_unmapped_entries(&mut self, kind: &FileKind, number: usize, item: &Value) {
        let chosen: Vec<_> = kind.columns.iter().filter_map(|it| it.record.as_ref()?.first_choice()).collect();
        let mut lists: Vec<(&str, &str)> = chosen.iter().map(|(list, key, _)| (*list, *key)).collect();
        lists.dedup();
        for (list, key) in lists {
            for entry in item.get(list).and_then(Value::as_array).into_iter().flatten() {
                let named = entry.get(key).and_then(Value::as_str).unwrap_or_default();
                if !chosen.contains(&(list, key, named)) {
                    let found = format!("{list} has an entry for which there is no column");
                    let finding = Finding::new(Level::Warning, &kind.name, found).record(number);
                    self.report.add(finding.done("left out").fix(format!("name its {key} as HMIS does")));
                }
            }
        }
    }

    fn files(&self) -> Result<Vec<File>> {
        let mut files = Vec::new();
        for kind in &self.standard.files {
            let columns: Vec<&str> = kind.columns.iter().map(|column| column.name.as_str()).collect();
            let rows = self.rows.get(kind.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            files.push((kind.name.clone(), table::write(&columns, rows).map_err(Error::fault)?));
        }
        Ok(files)
    }
}

/// What HMIS said once, and the record had no field for.
fn kept_value(kind: &FileKind, column: &Column, source: &Source<'_>) -> Option<String> {
    let at = match kind.rows {
        RowsOf::Item => source.base.get(EXTRAS_KEY)?,
        _ => source.base.get("extras")?.get(EXTRAS_KEY)?.get(kind.stem())?,
    };
    column.keeps().then(|| at.get(&column.name)?.as_str().map(str::to_owned)).flatten()
}
