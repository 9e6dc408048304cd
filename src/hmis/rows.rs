//! The rows of one file, checked: forms and codes, ids that stand once, rows that they hang on. Each is looked at once,
//! and what is held of it is its place in the index.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek};
use std::rc::Rc;

use csv::StringRecord;

use super::cell;
use super::derive::RowCells;
use super::index::{FileIndex, IdDigest, NO_ENROLLMENT, RowPlace, RowState};
use super::report::{Finding, Level, Report};
use super::standard::{CellFormat, Column, FileKind, RowsOf, Standard, Standards};
use super::table::Table;
use crate::error::Result;

/// The column that says that a row was deleted.
const DELETED: &str = "DateDeleted";

/// The file whose rows are of persons and have the rows of the others.
pub(super) const ENROLLMENTS: &str = "Enrollment.csv";

/// A file that was checked: what was found of its rows, and the file to read them again from.
pub(super) struct CheckedFile<S> {
    /// None: the file is missing, or was not taken
    pub(super) table: Option<Table<S>>,
    pub(super) columns: Rc<HeaderColumns>,
    pub(super) index: FileIndex,
}

impl<S: Read + Seek> CheckedFile<S> {
    /// Reads a row that was taken.
    pub(super) fn row(&mut self, place: RowPlace) -> Result<Option<Row>> {
        let Some(table) = &mut self.table else { return Ok(None) };
        let mut row = Row::new(&self.columns);
        row.number = place.number as usize;
        table.read_at(place.offset, &mut row.record)?;
        Ok(Some(row))
    }
}

/// Where a header has the columns of a file.
#[derive(Debug, Default)]
pub(super) struct HeaderColumns {
    /// By their position in the format, where the row has them
    positions: Vec<Option<usize>>,
    by_name: HashMap<String, usize>,
    /// By their position in the row: they hold words
    are_words: Vec<bool>,
}

impl HeaderColumns {
    pub(super) fn of(kind: &FileKind, header: &[String]) -> Self {
        let by_name: HashMap<String, usize> =
            header.iter().enumerate().map(|(position, name)| (name.clone(), position)).collect();
        let are_words =
            header.iter().map(|name| kind.column(name).is_some_and(|it| it.form == CellFormat::String)).collect();
        let positions = kind.columns.iter().map(|column| by_name.get(&column.name).copied()).collect();
        Self { positions, by_name, are_words }
    }
}

/// A row as it was read.
pub(super) struct Row {
    pub(super) number: usize,
    record: StringRecord,
    columns: Rc<HeaderColumns>,
}

impl Row {
    fn new(columns: &Rc<HeaderColumns>) -> Self {
        let record = StringRecord::with_capacity(256, columns.are_words.len());
        Self { number: 0, record, columns: Rc::clone(columns) }
    }

    /// The cell of a column by its position in the format.
    pub(super) fn value(&self, column: usize) -> &str {
        self.columns.positions.get(column).copied().flatten().map_or("", |position| self.text(position))
    }

    /// Words stay as they were written; around everything else spaces mean nothing.
    fn text(&self, position: usize) -> &str {
        let value = self.record.get(position).unwrap_or_default();
        let trimmed = value.trim();
        let are_words = self.columns.are_words.get(position).is_some_and(|words| *words);
        if are_words && !trimmed.is_empty() { value } else { trimmed }
    }
}

impl RowCells for Row {
    fn cell(&self, column: &str) -> &str {
        self.columns.by_name.get(column).map_or("", |position| self.text(*position))
    }
}

/// A file that is being checked, after those that it hangs on.
pub(super) struct RowChecker<'c, 's, 'r, S> {
    pub(super) standards: &'c Standards,
    pub(super) standard: &'s Standard,
    pub(super) kind: &'s FileKind,
    pub(super) earlier: &'c BTreeMap<&'s str, CheckedFile<S>>,
    pub(super) report: &'c mut Report<'r>,
}

/// What becomes of a row.
#[derive(PartialEq, Eq)]
enum RowOutcome {
    Taken,
    Refused,
    /// Left out with something that was deleted
    Deleted,
}

/// The number of the first row of each enrollment, where there may be one.
type FirstRows = Vec<Option<u32>>;

impl<S: Read + Seek> RowChecker<'_, '_, '_, S> {
    pub(super) fn check(mut self, table: Option<Table<S>>) -> Result<CheckedFile<S>> {
        let mut index = FileIndex::default();
        let Some(mut table) = table else {
            return Ok(CheckedFile { table: None, columns: Rc::default(), index });
        };
        let columns = Rc::new(HeaderColumns::of(self.kind, &table.header));
        let mut row = Row::new(&columns);
        let mut firsts = FirstRows::new();
        while let Some((number, offset)) = table.next(&mut row.record)? {
            row.number = number as usize;
            if row.record.iter().all(|value| value.trim().is_empty()) {
                self.add(Level::Information, row.number, None, "the row is empty", "");
                continue;
            }
            let wrong_length = row.record.len() != table.header.len();
            if wrong_length {
                let found = format!("{} cells, where the header has {}", row.record.len(), table.header.len());
                let fix = "put quotation marks around values with commas or line breaks";
                self.add(Level::Refused, row.number, None, found, fix);
            }
            let id = IdDigest::of(row.cell(&self.kind.id));
            let enrollment = self.enrollment(&row);
            let outcome = match () {
                () if wrong_length => RowOutcome::Refused,
                () if !row.cell(DELETED).is_empty() => {
                    self.add(Level::Information, row.number, Some(DELETED), "the row was deleted", "");
                    RowOutcome::Deleted
                }
                () => self.outcome(&row, id, enrollment, &index, &mut firsts),
            };
            if outcome == RowOutcome::Taken {
                let place = RowPlace { offset, number, enrollment };
                let is_read_again = !matches!(self.kind.rows, RowsOf::Once | RowsOf::Unused);
                let person = (self.kind.name == ENROLLMENTS).then(|| IdDigest::of(row.cell("PersonalID")));
                index.insert(id, number, is_read_again.then_some(place), person);
            } else {
                index.leave_out(id, number, outcome == RowOutcome::Deleted);
            }
        }
        if self.kind.rows == RowsOf::Unused && index.taken() > 0 {
            let found = format!("rows for which a record of the program has no room: {}", index.taken());
            self.report.add(Finding::new(Level::Information, &self.kind.name, found));
        }
        let columns_of_set = self.standard.files.iter().flat_map(|kind| &kind.columns);
        index.close(columns_of_set.filter_map(|column| column.link.as_ref()).any(|link| *link == self.kind.name));
        Ok(CheckedFile { table: Some(table), columns, index })
    }

    /// The enrollment of a row, by its position.
    fn enrollment(&self, row: &Row) -> u32 {
        let has_one = matches!(self.kind.rows, RowsOf::Record | RowsOf::Item) && self.kind.name != ENROLLMENTS;
        let known = has_one.then(|| self.earlier.get(ENROLLMENTS)).flatten();
        match known.and_then(|known| known.index.find(IdDigest::of(row.cell("EnrollmentID")))) {
            Some(found) => match found.state {
                RowState::Taken(position) => position,
                RowState::Refused | RowState::Deleted => NO_ENROLLMENT,
            },
            None => NO_ENROLLMENT,
        }
    }

    fn outcome(
        &mut self,
        row: &Row,
        id: IdDigest,
        enrollment: u32,
        index: &FileIndex,
        firsts: &mut FirstRows,
    ) -> RowOutcome {
        let mut outcome = RowOutcome::Taken;
        // What one row hangs on may hang on what another cell names; the first that is not there says enough.
        let mut linked = RowOutcome::Taken;
        let kind = self.kind;
        for (position, column) in kind.columns.iter().enumerate() {
            let value = row.value(position);
            if let Err(fault) = cell::check(column, value, &kind.name, self.standard, self.standards) {
                self.add(Level::Refused, row.number, Some(&column.name), fault.found, &fault.fix);
                outcome = RowOutcome::Refused;
            } else if value.is_empty() && column.asked {
                self.add(Level::Warning, row.number, Some(&column.name), "the value is missing", "HMIS asks for one");
            } else if !value.is_empty() && linked == RowOutcome::Taken {
                linked = self.check_link(row, column, value);
            }
        }
        if outcome == RowOutcome::Taken {
            outcome = linked;
        }
        if let Some(same) = index.find(id) {
            let found = format!("row {} has the same id", same.number);
            self.add(Level::Refused, row.number, Some(&kind.id), found, "an id stands once in its file");
            return RowOutcome::Refused;
        }
        if outcome == RowOutcome::Taken { self.check_only_row(row, enrollment, firsts) } else { outcome }
    }

    /// Is the row there that a cell names?
    fn check_link(&mut self, row: &Row, column: &Column, value: &str) -> RowOutcome {
        let Some((link, theirs)) = column.link.as_deref().and_then(|link| Some((link, self.earlier.get(link)?))) else {
            return RowOutcome::Taken;
        };
        let named = theirs.index.find(IdDigest::of(value));
        let found = match named.map(|known| (known.state, known.number)) {
            Some((RowState::Taken(position), number)) => {
                let person = theirs.index.person(position);
                if person.is_none_or(|person| person == IdDigest::of(row.cell("PersonalID"))) {
                    return RowOutcome::Taken;
                }
                format!("row {number} of {link} is of another person")
            }
            Some((RowState::Deleted, number)) => {
                let found = format!("row {number} of {link}, which it hangs on, was left out");
                self.add(Level::Information, row.number, Some(&column.name), found, "");
                return RowOutcome::Deleted;
            }
            Some((RowState::Refused, number)) => format!("row {number} of {link}, which it hangs on, was refused"),
            None if theirs.table.is_none() => format!("{link}, which it hangs on, is missing or was refused"),
            None => format!("{link} has no such row"),
        };
        let fix = format!("export the row of {link} with it, or leave this row out");
        self.add(Level::Refused, row.number, Some(&column.name), found, &fix);
        RowOutcome::Refused
    }

    /// Is it the only row of its enrollment, where there may be one?
    fn check_only_row(&mut self, row: &Row, enrollment: u32, firsts: &mut FirstRows) -> RowOutcome {
        let may_be_several = self.kind.latest.is_some() || self.kind.name == ENROLLMENTS;
        if self.kind.rows != RowsOf::Record || may_be_several {
            return RowOutcome::Taken;
        }
        if firsts.is_empty() {
            let enrollments = self.earlier.get(ENROLLMENTS).map_or(0, |known| known.index.taken());
            firsts.resize(enrollments as usize, None);
        }
        let Some(first) = firsts.get_mut(enrollment as usize) else { return RowOutcome::Taken };
        match *first {
            None => {
                *first = u32::try_from(row.number).ok();
                RowOutcome::Taken
            }
            Some(other) => {
                let found = format!("row {other} is of the same enrollment");
                self.add(Level::Refused, row.number, Some("EnrollmentID"), found, "an enrollment has one");
                RowOutcome::Refused
            }
        }
    }

    fn add(&mut self, level: Level, row: usize, column: Option<&str>, found: impl Into<String>, fix: &str) {
        let finding = Finding::new(level, &self.kind.name, found).row(row).fix(fix);
        self.report.add(match column {
            Some(column) => finding.column(column),
            None => finding,
        });
    }
}
