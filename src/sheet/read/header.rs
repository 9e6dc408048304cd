//! Where the columns' names stand, and what separates them. Titles may stand above, columns may be renamed, reordered,
//! written otherwise, or be there twice.

use csv::StringRecord;

use crate::sheet::column::ColumnSet;
use crate::sheet::report::{Fault, Finding, FindingOutcome};

/// What separates cells, the likelier first.
const DELIMITERS: &[u8] = b",;\t";
/// How far down names are looked for.
const MAX_HEADER_ROW: usize = 20;

/// The header of a sheet.
#[derive(Debug)]
pub(super) struct Header {
    /// What separates cells
    pub(super) delimiter: u8,
    /// How many rows stand above
    pub(super) above: usize,
    /// The names
    pub(super) names: StringRecord,
}

/// What stands at a position of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// This column
    Column(usize),
    /// This column once more
    Again(usize),
    /// Nothing that is known
    Unknown,
}

/// The row, among the first, that has most names of columns; it has two at least.
pub(super) fn find(text: &str, set: &ColumnSet) -> Option<Header> {
    let mut best: Option<(usize, Header)> = None;
    for delimiter in DELIMITERS {
        let mut reader = reader(text, *delimiter);
        for (above, record) in reader.records().take(MAX_HEADER_ROW).enumerate() {
            let Ok(names) = record else { break };
            let known = names.iter().filter(|name| set.find(name).is_some()).count();
            if known >= 2.min(set.columns.len()) && best.as_ref().is_none_or(|(most, _)| known > *most) {
                best = Some((known, Header { delimiter: *delimiter, above, names }));
            }
        }
    }
    best.map(|(_, header)| header)
}

/// A reader of rows that have as many cells as they have.
pub(super) fn reader(text: &str, delimiter: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes())
}

impl Header {
    /// Which column stands where.
    pub(super) fn positions(&self, row: u64, set: &ColumnSet, findings: &mut Vec<Finding>) -> Vec<Position> {
        let mut positions = Vec::with_capacity(self.names.len());
        for name in &self.names {
            let position = match set.find(name) {
                Some(column) if positions.contains(&Position::Column(column)) => {
                    let message = "the column is there twice; the second is read only where it says the same";
                    let finding = Finding::row(row, Fault::DuplicateColumn, FindingOutcome::LeftOut, message);
                    findings.push(finding.column(&set.columns[column].name));
                    Position::Again(column)
                }
                Some(column) => Position::Column(column),
                None => {
                    // A column without a name is reported where it has something to say.
                    if !name.trim().is_empty() {
                        let message = "there is no such column, so its cells were left out";
                        let finding = Finding::row(row, Fault::UnknownColumn, FindingOutcome::LeftOut, message);
                        findings.push(finding.column(name.trim()));
                    }
                    Position::Unknown
                }
            };
            positions.push(position);
        }
        positions
    }
}
