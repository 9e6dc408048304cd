//! Out: records become a set of files, and a report on what could not be written. Each record is written when it is given,
//! and not held; where one is refused there is no set.

use std::collections::BTreeMap;

use serde_json::Value;

use super::assemble::EXTRAS_KEY;
use super::cell;
use super::derive::{Cells, DerivationContext, Export, RowCells, RowIds, shorten_id};
use super::report::{Finding, Level, Report};
use super::rows::ENROLLMENTS;
use super::spool::{Put, Spool};
use super::standard::{CellFormat, Column, FileKind, RowsOf, Standard, Standards};
use super::{File, NewScratch, Scratch};
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

/// A set that is being written, record by record.
pub struct FileSetWriter<'s, S: Scratch> {
    standards: &'s Standards,
    standard: &'s Standard,
    export: Export,
    spools: BTreeMap<&'s str, Spool<'s, S>>,
    /// The first day on which somebody entered
    first_entry: Option<String>,
    /// How many records were given
    records: usize,
}

impl<'s, S: Scratch> FileSetWriter<'s, S> {
    /// A set of this year; each of its files is written to a scratch of its own.
    ///
    /// # Errors
    /// A type of program whose records may not go into an HMIS, and a scratch that cannot be made.
    pub fn new(
        standards: &'s Standards,
        standard: &'s Standard,
        export: Export,
        program: &Participation<'_>,
        scratch: NewScratch<'_, S>,
    ) -> Result<Self> {
        if program.victim_services {
            let message = "serves victims of violence, and what it knows of a person may not go into an HMIS (34 U.S.C. 12291(b)(2)); \
                        keep it in a comparable database and report totals";
            return Err(Error::forbidden(format!("{} {message}", program.title)));
        }
        if !program.hmis {
            let message = "takes no part in an HMIS: its program.yaml does not say privacy.hmis: true";
            return Err(Error::forbidden(format!("{} {message}", program.title)));
        }
        let mut spools = BTreeMap::new();
        for kind in &standard.files {
            let scratch = scratch().map_err(|error| Error::unreachable(format!("{}: {error}", kind.name)))?;
            spools.insert(kind.name.as_str(), Spool::new(kind, scratch)?);
        }
        Ok(Self { standards, standard, export, spools, first_entry: None, records: 0 })
    }

    /// Every file of the format, in its order; none where a record was refused.
    ///
    /// # Errors
    /// A scratch that cannot be written.
    pub fn finish(mut self, report: &mut Report<'_>) -> Result<Vec<File<S>>> {
        // What the set says of itself follows from all of its records.
        self.export.start = self.export.start.take().or(self.first_entry.take());
        self.write_single_rows(report)?;
        let mut files = Vec::new();
        for kind in self.standard.files.iter().filter(|_| !report.is_refused()) {
            if let Some(spool) = self.spools.remove(kind.name.as_str()) {
                files.push((kind.name.clone(), spool.finish()?));
            }
        }
        Ok(files)
    }
}

/// The record, or the item of it, that becomes a row.
struct Source<'r> {
    number: usize,
    record: &'r Value,
    base: &'r Value,
    position: usize,
}

// === rows

impl<'s, S: Scratch> FileSetWriter<'s, S> {
    fn write_single_rows(&mut self, report: &mut Report<'_>) -> Result<()> {
        let nothing = Value::Null;
        let source = Source { number: 0, record: &nothing, base: &nothing, position: 0 };
        let ids = RowIds::from([("Export.csv", self.export.id.clone())]);
        for kind in self.standard.files.iter().filter(|kind| kind.rows == RowsOf::Once) {
            let (cells, findings) = self.cells(kind, &source, &ids);
            report.add_all(findings);
            self.put(kind, &cells)?;
        }
        Ok(())
    }

    /// Writes the rows of a record.
    ///
    /// # Errors
    /// A scratch that cannot be written; what is wrong with the record is reported.
    pub fn add(&mut self, record: &Value, report: &mut Report<'_>) -> Result<()> {
        self.records += 1;
        let number = self.records;
        let program = record.get("type").and_then(Value::as_str).unwrap_or_default();
        if program != self.standard.program {
            let found = format!("a record of another type of program than {}", self.standard.program);
            let finding = Finding::new(Level::Refused, "", found).record(number).done("nothing was written");
            report.add(finding.fix("give records of one type of program"));
            return Ok(());
        }
        let Some(entry) = record.pointer("/enrollment/entryDate") else {
            let found = "the record has no enrollment with a day of entry, and in an HMIS everything hangs on one";
            report.add(Finding::new(Level::Information, ENROLLMENTS, found).record(number));
            return Ok(());
        };
        let day = entry.as_str().and_then(|entry| entry.get(..10));
        if let Some(day) = day.filter(|day| self.first_entry.as_deref().is_none_or(|first| *day < first)) {
            self.first_entry = Some(day.to_owned());
        }
        let mut ids = RowIds::from([("Export.csv", self.export.id.clone())]);
        for kind in &self.standard.files {
            let source = Source { number, record, base: record, position: 0 };
            match kind.rows {
                RowsOf::Once | RowsOf::Unused => {}
                RowsOf::Shared | RowsOf::Record => {
                    let is_written = self.add_row(kind, &source, &mut ids, report)?;
                    if !is_written && kind.name == ENROLLMENTS {
                        return Ok(());
                    }
                }
                RowsOf::Item => {
                    let items = kind.each.as_ref().and_then(|path| path.get(record)).and_then(Value::as_array);
                    for (position, item) in items.into_iter().flatten().enumerate() {
                        let source = Source { number, record, base: item, position };
                        if self.add_row(kind, &source, &mut ids, report)? {
                            report_unmapped_entries(kind, number, item, report);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes a row. Was there one to write?
    fn add_row(
        &mut self,
        kind: &'s FileKind,
        source: &Source<'_>,
        ids: &mut RowIds<'s>,
        report: &mut Report<'_>,
    ) -> Result<bool> {
        let (cells, findings) = self.cells(kind, source, ids);
        if let Some(missing) = kind.when.iter().find(|name| cells.cell(name).is_empty()) {
            // Nothing to say where the record has nothing of the kind.
            let has_part = kind.rows == RowsOf::Item || kind.when.iter().any(|name| !cells.cell(name).is_empty());
            if has_part {
                let found = format!("no row without {missing}, which the record does not have");
                report.add(Finding::new(Level::Information, &kind.name, found).record(source.number));
            }
            return Ok(false);
        }
        report.add_all(findings);
        ids.insert(&kind.name, cells.cell(&kind.id).to_owned());
        match self.put(kind, &cells)? {
            Put::Written | Put::Same => {}
            Put::Differs(column) => {
                let finding = Finding::new(Level::Warning, &kind.name, "an earlier record says otherwise");
                let finding = finding.record(source.number).column(column);
                report.add(finding.done("the earlier one was written").fix("let the records agree"));
            }
            Put::Twice => {
                let finding = Finding::new(Level::Refused, &kind.name, "an earlier row has the same id");
                let finding = finding.record(source.number).column(&kind.id).done("nothing was written");
                report.add(finding.fix("give each its own id"));
            }
        }
        Ok(true)
    }

    fn put(&mut self, kind: &'s FileKind, cells: &Cells<'_>) -> Result<Put<'s>> {
        let spool = self.spools.get_mut(kind.name.as_str());
        spool.map_or(Ok(Put::Same), |spool| spool.put(cells.cell(&kind.id), cells))
    }

    /// The cells of a row, each with its value, and what is to be said of them.
    fn cells(&self, kind: &'s FileKind, source: &Source<'_>, ids: &RowIds<'_>) -> (Cells<'s>, Vec<Finding>) {
        let (mut cells, mut findings) = (Cells::new(), Vec::new());
        let file = kind.name.as_str();
        for column in &kind.columns {
            let written = cell::write(column, source.base).unwrap_or_else(|found| {
                let finding = Finding::new(Level::Warning, file, found).record(source.number).column(&column.name);
                findings.push(finding.done("the value was left out"));
                None
            });
            let linked = column.link.as_ref().and_then(|link| ids.get(link.as_str()).cloned());
            let value = linked.or(written).or_else(|| kept_value(kind, column, source)).unwrap_or_else(|| {
                let context = DerivationContext {
                    record: source.record,
                    base: source.base,
                    cells: &cells,
                    export: Some(&self.export),
                    ids,
                    file,
                    position: source.position,
                };
                let derived = column.derive.map(|derive| context.value(derive, column));
                derived.or_else(|| column.fixed.clone()).or_else(|| column.absent.clone()).unwrap_or_default()
            });
            let value = if column.form == CellFormat::Id { shorten_id(&value) } else { value };
            findings.extend(self.finding(file, column, &value, source.number));
            if !value.is_empty() {
                cells.insert(&column.name, value);
            }
        }
        (cells, findings)
    }

    /// What is to be said of a value.
    fn finding(&self, file: &str, column: &Column, value: &str, number: usize) -> Option<Finding> {
        let finding = match cell::check(column, value, file, self.standard, self.standards) {
            Ok(()) if column.asked && value.is_empty() => {
                let found = "HMIS asks for a value, and the record has none";
                Finding::new(Level::Warning, file, found).done("left empty")
            }
            Ok(()) => return None,
            Err(fault) => Finding::new(Level::Refused, file, fault.found).done("nothing was written").fix(fault.fix),
        };
        Some(finding.record(number).column(&column.name))
    }
}

/// Says which entries of a list of the item have no column.
fn report_unmapped_entries(kind: &FileKind, number: usize, item: &Value, report: &mut Report<'_>) {
    let chosen: Vec<_> = kind.columns.iter().filter_map(|it| it.record.as_ref()?.first_choice()).collect();
    let mut lists: Vec<(&str, &str)> = chosen.iter().map(|(list, key, _)| (*list, *key)).collect();
    lists.dedup();
    for (list, key) in lists {
        for entry in item.get(list).and_then(Value::as_array).into_iter().flatten() {
            let named = entry.get(key).and_then(Value::as_str).unwrap_or_default();
            if !chosen.contains(&(list, key, named)) {
                let found = format!("{list} has an entry for which there is no column");
                let finding = Finding::new(Level::Warning, &kind.name, found).record(number);
                report.add(finding.done("left out").fix(format!("name its {key} as HMIS does")));
            }
        }
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
