//! From checked rows to records: one for each enrollment, with its person, project, services, events and exit. One
//! record is held at a time; its rows are read where they stand.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};
use std::rc::Rc;

use serde_json::{Value, json};

use crate::error::Result;
use crate::record::path::{items_mut, member_mut};
use crate::record::same_value;

use super::cell;
use super::derive::{DerivationContext, RowCells, RowIds};
use super::index::{IdDigest, RowState};
use super::report::{Finding, Level, Report};
use super::rows::{CheckedFile, ENROLLMENTS, Row};
use super::standard::{Column, FileKind, RowsOf, Shape, Standard};

/// Where values stay that the record has no field for.
pub(super) const EXTRAS_KEY: &str = "hmis";

/// How many rows of a shared file are held, so that a project is not read again for each of its enrollments.
const MAX_HELD_ROWS: usize = 256;

/// A set that was checked, and whose records are asked for.
pub struct ImportedSet<'s, S> {
    /// None: nobody knows the year
    standard: Option<&'s Standard>,
    files: BTreeMap<&'s str, CheckedFile<S>>,
    /// The rows of shared files that were read last, by their position in the file
    held: HashMap<&'s str, HashMap<u32, Rc<Row>>>,
    /// The rows of shared files that an enrollment named, by their position in the file
    used: HashMap<&'s str, Vec<bool>>,
    is_whole: bool,
}

impl<'s, S: Read + Seek> ImportedSet<'s, S> {
    pub(super) fn nothing() -> Self {
        Self { standard: None, files: BTreeMap::new(), held: HashMap::new(), used: HashMap::new(), is_whole: false }
    }

    pub(super) fn new(standard: &'s Standard, files: BTreeMap<&'s str, CheckedFile<S>>, is_whole: bool) -> Self {
        Self { standard: Some(standard), files, is_whole, ..Self::nothing() }
    }

    /// The year of the format; "" where nobody knows.
    pub fn year(&self) -> &str {
        self.standard.map_or("", |standard| &standard.year)
    }

    /// Makes every record once, so that what rows leave out is said, and gives each to `check`, unless a row was refused and
    /// there will be none.
    ///
    /// # Errors
    /// If a file cannot be read, and what `check` refuses.
    pub fn check(&mut self, report: &mut Report<'_>, mut check: impl FnMut(&Value) -> Result<()>) -> Result<()> {
        for position in 0..self.enrollments() {
            let record = self.record(position, report)?;
            if let Some(record) = record.filter(|_| self.is_whole) {
                check(&record)?;
            }
        }
        // Where a row was refused, who is not named may be named by that one.
        if !report.is_refused() {
            self.report_unused(report);
        }
        Ok(())
    }

    /// The records, in the order of Enrollment.csv, made one at a time; none where a row was refused and all were asked
    /// for. What is to be said of them was said by [`ImportedSet::check`].
    pub fn records(&mut self) -> Records<'_, 's, S> {
        let end = if self.is_whole { self.enrollments() } else { 0 };
        Records { set: self, next: 0, end }
    }

    fn enrollments(&self) -> u32 {
        self.files.get(ENROLLMENTS).map_or(0, |file| file.index.taken())
    }
}

/// The records of a set, one after the other.
pub struct Records<'i, 's, S> {
    set: &'i mut ImportedSet<'s, S>,
    next: u32,
    end: u32,
}

impl<S: Read + Seek> Iterator for Records<'_, '_, S> {
    type Item = Result<Value>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        self.set.record(self.next - 1, &mut Report::new(&mut |_| {})).transpose()
    }
}

// === one record

impl<S: Read + Seek> ImportedSet<'_, S> {
    /// The record of the enrollment in this position.
    fn record(&mut self, position: u32, report: &mut Report<'_>) -> Result<Option<Value>> {
        let Some(standard) = self.standard else { return Ok(None) };
        let Some(file) = self.files.get_mut(ENROLLMENTS) else { return Ok(None) };
        let Some(place) = file.index.place(position) else { return Ok(None) };
        let Some(enrollment) = file.row(place)? else { return Ok(None) };
        let mut record = json!({
            "type": standard.program, "id": enrollment.cell("EnrollmentID"), "referral": {}, "participant": {},
            "program": { "type": standard.program },
        });
        for kind in &standard.files {
            match kind.rows {
                RowsOf::Once | RowsOf::Unused => {}
                RowsOf::Shared => {
                    if let Some(row) = self.shared_row(kind, &enrollment)? {
                        fill_record(kind, &row, &mut record);
                    }
                }
                RowsOf::Record if kind.name == ENROLLMENTS => fill_record(kind, &enrollment, &mut record),
                RowsOf::Record => {
                    if let Some(row) = self.newest_row(kind, position, report)? {
                        fill_record(kind, &row, &mut record);
                    }
                }
                RowsOf::Item => self.fill_items(kind, position, &mut record)?,
            }
        }
        for (path, value) in &standard.always {
            path.set(&mut record, value.as_str().into());
        }
        set_enrollment_status(&mut record);
        Ok(Some(record))
    }

    /// The row of a shared file that an enrollment hangs on.
    fn shared_row(&mut self, kind: &FileKind, enrollment: &Row) -> Result<Option<Rc<Row>>> {
        // An enrollment names its person and its project; the project names its organization.
        let named = enrollment.cell(&kind.id);
        if !named.is_empty() {
            return self.row_with_id(&kind.name, named);
        }
        let project = self.row_with_id("Project.csv", enrollment.cell("ProjectID"))?;
        project.map_or(Ok(None), |project| self.row_with_id(&kind.name, project.cell(&kind.id)))
    }

    fn row_with_id(&mut self, file: &str, id: &str) -> Result<Option<Rc<Row>>> {
        let known =
            self.files.get_key_value(file).and_then(|(name, it)| Some((*name, it.index.find(IdDigest::of(id))?)));
        let Some((name, RowState::Taken(position))) = known.map(|(name, known)| (name, known.state)) else {
            return Ok(None);
        };
        let Some(file) = self.files.get_mut(name) else { return Ok(None) };
        let used = self.used.entry(name).or_insert_with(|| vec![false; file.index.taken() as usize]);
        if let Some(used) = used.get_mut(position as usize) {
            *used = true;
        }
        let held = self.held.entry(name).or_default();
        if let Some(row) = held.get(&position) {
            return Ok(Some(Rc::clone(row)));
        }
        let Some(place) = file.index.place(position) else { return Ok(None) };
        let Some(row) = file.row(place)?.map(Rc::new) else { return Ok(None) };
        if held.len() == MAX_HELD_ROWS {
            held.clear();
        }
        held.insert(position, Rc::clone(&row));
        Ok(Some(row))
    }

    /// Of the rows of an enrollment the newest, of two of one day the later in the file.
    fn newest_row(&mut self, kind: &FileKind, enrollment: u32, report: &mut Report<'_>) -> Result<Option<Row>> {
        let Some(file) = self.files.get_mut(kind.name.as_str()) else { return Ok(None) };
        let by = kind.latest.as_deref().unwrap_or_default();
        let places = file.index.of_enrollment(enrollment).to_vec();
        let mut newest: Option<Row> = None;
        for place in &places {
            let row = file.row(*place)?;
            newest = row.filter(|row| newest.as_ref().is_none_or(|known| row.cell(by) >= known.cell(by))).or(newest);
        }
        let Some(newest) = newest else { return Ok(None) };
        for other in places.iter().map(|place| place.number as usize).filter(|number| *number != newest.number) {
            let found = format!("row {} is newer, and the record has room for one", newest.number);
            report.add(Finding::new(Level::Information, &kind.name, found).row(other));
        }
        Ok(Some(newest))
    }

    /// Each row as an item of its list.
    fn fill_items(&mut self, kind: &FileKind, enrollment: u32, record: &mut Value) -> Result<()> {
        let Some(file) = self.files.get_mut(kind.name.as_str()) else { return Ok(()) };
        for place in file.index.of_enrollment(enrollment).to_vec() {
            let Some(row) = file.row(place)? else { continue };
            let mut item = json!({});
            fill_record(kind, &row, &mut item);
            let list = kind.each.as_ref().and_then(|path| path.get_or_create(record));
            if let Some(items) = list.and_then(items_mut) {
                items.push(item);
            }
        }
        Ok(())
    }

    /// Says which people, projects and organizations nobody's enrollment names.
    fn report_unused(&self, report: &mut Report<'_>) {
        let kinds = self.standard.into_iter().flat_map(|standard| &standard.files);
        for kind in kinds.filter(|kind| kind.rows == RowsOf::Shared) {
            let Some(file) = self.files.get(kind.name.as_str()) else { continue };
            let used = self.used.get(kind.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            for position in (0..file.index.taken()).filter(|it| used.get(*it as usize) != Some(&true)) {
                let row = file.index.place(position).map_or(0, |place| place.number as usize);
                report.add(Finding::new(Level::Information, &kind.name, "no enrollment names it").row(row));
            }
        }
    }
}

/// Writes what a row says into the record, or into the item.
fn fill_record(kind: &FileKind, row: &Row, base: &mut Value) {
    let mut left: Vec<(&Column, &str)> = Vec::new();
    for (position, column) in kind.columns.iter().enumerate() {
        let value = row.value(position);
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
        let (ids, file) = (RowIds::new(), kind.name.as_str());
        DerivationContext { record: base, base, cells: row, export: None, ids: &ids, file, position: 0 }
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
