//! The rows of a sheet under its header, each with its number as a spreadsheet counts it. Empty rows, total rows and
//! rows that have more cells than there are columns are told apart here.

use csv::StringRecord;

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key};
use crate::sheet::column::ColumnSet;
use crate::sheet::report::{Fault, Finding, FindingOutcome};
use crate::yielding;

use super::header::{self, Position};

/// What the first words of a row say that adds up others.
const TOTALS: &[&str] = &["total", "totals", "subtotal", "sub-total", "grand total", "sum", "count", "average"];

/// The rows.
#[derive(Debug)]
pub(super) struct Table {
    /// Which column of the file each column of the set is
    positions: Vec<Option<usize>>,
    /// The rows that may be of referrals
    pub(super) rows: Vec<Row>,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// Its number in the file, from 1
    pub(super) number: u64,
    /// Its cells
    pub(super) cells: StringRecord,
}

impl Table {
    /// Which cell of the rows is of this column.
    pub(super) fn position(&self, column: usize) -> Option<usize> {
        self.positions[column]
    }

    /// The cell of a column in a row.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        self.positions[column].and_then(|position| self.rows[row].cells.get(position)).unwrap_or_default()
    }
}

/// Reads the rows.
///
/// # Errors
/// A file that has no header, or is no table.
pub(super) fn read(text: &str, set: &ColumnSet, findings: &mut Vec<Finding>) -> Result<Table> {
    let header = header::find(text, set).ok_or_else(|| no_header(set))?;
    let mut reader = header::reader(text, header.delimiter);
    let mut table = Table { positions: vec![None; set.columns.len()], rows: Vec::new() };
    let mut at = Vec::new();
    let (mut number, mut empty, mut unnamed) = (0, None, false);
    for index in 0.. {
        yielding::count(20);
        let mut cells = StringRecord::new();
        let begin = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        if !reader.read_record(&mut cells).map_err(|error| Error::incorrect(Key::Parameter, unreadable(&error)))? {
            break;
        }
        // Empty lines are rows of a spreadsheet, and none for the reader.
        number += 1 + empty_lines(text.get(begin..).unwrap_or_default());
        if index < header.above {
            continue;
        }
        if index == header.above {
            if header.above > 0 {
                let message = "what stands above the columns' names was left out";
                findings.push(Finding::row(number, Fault::TitleRows, FindingOutcome::LeftOut, message));
            }
            at = header.positions(number, set, findings);
            for (position, column) in at.iter().enumerate() {
                if let Position::Column(column) = column {
                    table.positions[*column] = Some(position);
                }
            }
            continue;
        }
        let row = Row { number, cells };
        if row.cells.iter().all(|cell| cell.trim().is_empty()) {
            empty.get_or_insert(number);
            continue;
        }
        if is_total(&row, table.positions[0]) {
            findings.push(Finding::row(number, Fault::TotalRow, FindingOutcome::LeftOut, "the row adds up others"));
            continue;
        }
        if let Some(finding) = find_excess_cells(&row, &at) {
            findings.push(finding);
            continue;
        }
        if !unnamed && has_unnamed(&row, &at, &header.names) {
            unnamed = true;
            let message = "a column without a name has cells, which were left out";
            findings.push(Finding::row(number, Fault::UnknownColumn, FindingOutcome::LeftOut, message));
        }
        if let Some(finding) = find_contradicting_duplicate(&row, &at, &table, set) {
            findings.push(finding);
            continue;
        }
        table.rows.push(row);
    }
    if let Some(first) = empty {
        findings.push(Finding::row(
            first,
            Fault::EmptyRows,
            FindingOutcome::LeftOut,
            "rows without any cell were left out",
        ));
    }
    Ok(table)
}

fn no_header(set: &ColumnSet) -> Error {
    let names: Vec<&str> = set.columns.iter().take(8).map(|column| column.name.as_str()).collect();
    let message = format!("no row has the names of columns; expected {}, ...", names.join(", "));
    let hint = "begin from the sheet that the gateway gives, and keep its first row";
    Error::unprocessable(vec![Issue::error(Key::RecordInvalid, "", message).hint(hint)])
}

/// The reader's words name bytes and lines, never cells.
fn unreadable(error: &csv::Error) -> String {
    format!("the sheet cannot be read: {error}")
}

fn empty_lines(text: &str) -> u64 {
    let lines = text.bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| *byte == b'\n').count();
    lines as u64
}

/// Is this a row that adds up others? It has no id, or says so in its place.
fn is_total(row: &Row, id: Option<usize>) -> bool {
    let says = |cell: &str| {
        let cell = cell.trim().trim_end_matches(':').to_lowercase();
        TOTALS.contains(&cell.as_str()) || cell.starts_with("total ")
    };
    let own = id.and_then(|position| row.cells.get(position)).unwrap_or_default();
    says(own) || (own.trim().is_empty() && row.cells.iter().any(says))
}

/// A row with more cells than there are columns, which says that a cell fell apart.
fn find_excess_cells(row: &Row, at: &[Position]) -> Option<Finding> {
    let beyond = row.cells.iter().skip(at.len()).any(|cell| !cell.trim().is_empty());
    let message = "the row has more cells than there are columns, so nobody knows which is which";
    beyond.then(|| Finding::row(row.number, Fault::UnevenRow, FindingOutcome::Refused, message))
}

fn has_unnamed(row: &Row, at: &[Position], names: &StringRecord) -> bool {
    let unnamed = |position: usize| names.get(position).is_some_and(|name| name.trim().is_empty());
    at.iter().enumerate().any(|(position, column)| {
        *column == Position::Unknown
            && unnamed(position)
            && row.cells.get(position).is_some_and(|cell| !cell.trim().is_empty())
    })
}

/// A row in which a column that is there twice says two things.
fn find_contradicting_duplicate(row: &Row, at: &[Position], table: &Table, set: &ColumnSet) -> Option<Finding> {
    at.iter().enumerate().find_map(|(position, column)| {
        let Position::Again(column) = column else { return None };
        let again = row.cells.get(position).unwrap_or_default().trim();
        let first = table.position(*column).and_then(|first| row.cells.get(first)).unwrap_or_default().trim();
        let message = "the column is there twice, and the two do not say the same";
        let finding = || Finding::row(row.number, Fault::DuplicateColumn, FindingOutcome::Refused, message);
        (!again.is_empty() && again != first).then(|| finding().column(&set.columns[*column].name))
    })
}
