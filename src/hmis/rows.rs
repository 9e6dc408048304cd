//! The rows of one file, checked: forms and codes, ids that stand once, rows that they hang on.

use std::collections::BTreeMap;

use super::cell;
use super::derive::Cells;
use super::report::{Finding, Level, Report};
use super::standard::{CellFormat, Column, FileKind, RowsOf, Standard, Standards};
use super::table::Table;

/// The column that says that a row was deleted.
const DELETED: &str = "DateDeleted";

/// A row that can be taken.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) cells: Cells,
}

impl Row {
    pub(super) fn cell(&self, column: &str) -> &str {
        self.cells.get(column).map(String::as_str).unwrap_or_default()
    }
}

/// The rows of a file.
#[derive(Default)]
pub(super) struct CheckedRows {
    /// The file is missing, or was not taken
    is_absent: bool,
    pub(super) rows: Vec<Row>,
    by_id: BTreeMap<String, usize>,
    by_enrollment: BTreeMap<String, Vec<usize>>,
    /// The rows that were not taken, by id
    left_out: BTreeMap<String, Deletion>,
}

#[derive(Clone, Copy)]
struct Deletion {
    number: usize,
    is_deleted: bool,
}

impl CheckedRows {
    pub(super) fn get(&self, id: &str) -> Option<&Row> {
        self.by_id.get(id).and_then(|at| self.rows.get(*at))
    }

    /// The rows of an enrollment.
    pub(super) fn of(&self, enrollment: &str) -> impl Iterator<Item = &Row> {
        self.by_enrollment.get(enrollment).into_iter().flatten().filter_map(|at| self.rows.get(*at))
    }

    fn insert(&mut self, id: String, row: Row) {
        self.by_enrollment.entry(row.cell("EnrollmentID").to_owned()).or_default().push(self.rows.len());
        self.by_id.insert(id, self.rows.len());
        self.rows.push(row);
    }
}

/// A file that is being checked, after those that it hangs on.
pub(super) struct RowChecker<'c> {
    pub(super) standards: &'c Standards,
    pub(super) standard: &'c Standard,
    pub(super) kind: &'c FileKind,
    pub(super) earlier: &'c BTreeMap<&'c str, CheckedRows>,
    pub(super) report: &'c mut Report,
}

/// What becomes of a row.
#[derive(PartialEq, Eq)]
enum RowOutcome {
    Taken,
    Refused,
    /// Left out with something that was deleted
    Deleted,
}

impl RowChecker<'_> {
    pub(super) fn rows(mut self, table: Option<Table>) -> CheckedRows {
        let mut checked = CheckedRows::default();
        let Some(table) = table else { return CheckedRows { is_absent: true, ..checked } };
        for (number, values) in table.rows {
            if values.iter().all(|value| value.trim().is_empty()) {
                self.add(Level::Information, number, None, "the row is empty", "");
                continue;
            }
            let wrong_length = values.len() != table.header.len();
            if wrong_length {
                let found = format!("{} cells, where the header has {}", values.len(), table.header.len());
                let fix = "put quotation marks around values with commas or line breaks";
                self.add(Level::Refused, number, None, found, fix);
            }
            let cells: Cells = table.header.iter().zip(values).map(|(name, value)| self.cell(name, &value)).collect();
            let row = Row { number, cells };
            let id = row.cell(&self.kind.id).to_owned();
            let outcome = match () {
                () if wrong_length => RowOutcome::Refused,
                () if !row.cell(DELETED).is_empty() => {
                    self.add(Level::Information, number, Some(DELETED), "the row was deleted", "");
                    RowOutcome::Deleted
                }
                () => self.outcome(&row, &id, &checked),
            };
            if outcome == RowOutcome::Taken {
                checked.insert(id, row);
            } else {
                checked.left_out.entry(id).or_insert(Deletion { number, is_deleted: outcome == RowOutcome::Deleted });
            }
        }
        if self.kind.rows == RowsOf::Unused && !checked.rows.is_empty() {
            let found = format!("rows for which a record of the program has no room: {}", checked.rows.len());
            self.report.add(Finding::new(Level::Information, &self.kind.name, found));
        }
        checked
    }

    /// Words stay as they were written; around everything else spaces mean nothing.
    fn cell(&self, name: &str, value: &str) -> (String, String) {
        let are_words = self.kind.column(name).is_some_and(|column| column.form == CellFormat::String);
        let value = if are_words && !value.trim().is_empty() { value } else { value.trim() };
        (name.to_owned(), value.to_owned())
    }

    fn outcome(&mut self, row: &Row, id: &str, checked: &CheckedRows) -> RowOutcome {
        let mut outcome = RowOutcome::Taken;
        // What one row hangs on may hang on what another cell names; the first that is not there says enough.
        let mut linked = RowOutcome::Taken;
        for column in &self.kind.columns {
            let value = row.cell(&column.name);
            if let Err(fault) = cell::check(column, value, &self.kind.name, self.standard, self.standards) {
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
        if let Some(same) =
            checked.get(id).map(|same| same.number).or(checked.left_out.get(id).map(|left_out| left_out.number))
        {
            let column = self.kind.id.clone();
            let found = format!("row {same} has the same id");
            self.add(Level::Refused, row.number, Some(&column), found, "an id stands once in its file");
            return RowOutcome::Refused;
        }
        if outcome == RowOutcome::Taken { self.check_only_row(row, checked) } else { outcome }
    }

    /// Is the row there that a cell names?
    fn check_link(&mut self, row: &Row, column: &Column, value: &str) -> RowOutcome {
        let Some((link, theirs)) = column.link.as_deref().and_then(|link| Some((link, self.earlier.get(link)?))) else {
            return RowOutcome::Taken;
        };
        let found = match (theirs.get(value), theirs.left_out.get(value)) {
            (Some(other), _) => {
                let person = "PersonalID";
                let differs = link == "Enrollment.csv" && other.cell(person) != row.cell(person);
                if !differs {
                    return RowOutcome::Taken;
                }
                format!("row {} of {link} is of another person", other.number)
            }
            (None, Some(left_out)) if left_out.is_deleted => {
                let found = format!("row {} of {link}, which it hangs on, was left out", left_out.number);
                self.add(Level::Information, row.number, Some(&column.name), found, "");
                return RowOutcome::Deleted;
            }
            (None, Some(left_out)) => format!("row {} of {link}, which it hangs on, was refused", left_out.number),
            (None, None) if theirs.is_absent => format!("{link}, which it hangs on, is missing or was refused"),
            (None, None) => format!("{link} has no such row"),
        };
        let fix = format!("export the row of {link} with it, or leave this row out");
        self.add(Level::Refused, row.number, Some(&column.name), found, &fix);
        RowOutcome::Refused
    }

    /// Is it the only row of its enrollment, where there may be one?
    fn check_only_row(&mut self, row: &Row, checked: &CheckedRows) -> RowOutcome {
        let enrollment = row.cell("EnrollmentID");
        let may_be_several = self.kind.latest.is_some() || self.kind.id == "EnrollmentID";
        if self.kind.rows != RowsOf::Record || may_be_several {
            return RowOutcome::Taken;
        }
        match checked.of(enrollment).next() {
            None => RowOutcome::Taken,
            Some(other) => {
                let found = format!("row {} is of the same enrollment", other.number);
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
