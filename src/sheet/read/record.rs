//! The rows of a referral as its record. What rows say of the referral has to agree; each may be a service of its own.
//! Over the record as it stands only what a cell says otherwise is changed.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::referral::reason::Reason;
use crate::referral::state::Event;
use crate::sheet::column::{CellFormat, Column, ColumnTarget, EventCell, RowCell};
use crate::sheet::report::{Fault, Finding, FindingOutcome};
use crate::sheet::write;

use super::cell_reading::CellReading;
use super::group::ReferralRows;
use super::person_name;
use super::sheet_reader::SheetReader;

/// The members that every record has.
const MEMBERS: &[&str] = &["referral", "participant", "program"];

/// What the rows of a referral make.
#[derive(Debug)]
pub struct ReferralReading {
    /// The record; none where a row was refused
    pub record: Option<Value>,
    /// What happened, as a message of the agency API
    pub event: Option<Value>,
    /// What was found
    pub findings: Vec<Finding>,
}

impl SheetReader<'_> {
    /// The record that the rows of a referral make: over `base`, the record as it stands, or from nothing. `older` is the
    /// record that the rows were written from, where that is another: what they say as it did is not said anew.
    pub fn record(&self, group: &ReferralRows, base: Option<&Value>, older: Option<&Value>) -> ReferralReading {
        let record = base.cloned().unwrap_or_else(|| new_record(&self.set.kind, &group.id));
        let (event, findings) = (Map::new(), Vec::new());
        let mut builder = RecordBuilder { reading: self, base, older, record, event, findings, is_stale: false };
        let rows = builder.without_repetitions(&group.rows);
        let swapped = builder.swapped_names(&rows);
        builder.take_referral_cells(&rows, swapped);
        builder.items(&rows);
        builder.report_stale(&rows);
        let event = builder.event();
        let refused = builder.findings.iter().any(|finding| finding.outcome == FindingOutcome::Refused);
        ReferralReading { record: (!refused).then_some(builder.record), event, findings: builder.findings }
    }

    /// The version of the referral that its rows were written from, where they say one; of several the oldest.
    ///
    /// # Errors
    /// The finding about a cell that is no version.
    pub fn version(&self, group: &ReferralRows) -> Result<Option<u64>, Finding> {
        let Some(column) = self.set.row_column(RowCell::Version) else { return Ok(None) };
        let mut oldest = None;
        for row in &group.rows {
            let cell = self.cell(*row, column).trim();
            if cell.is_empty() {
                continue;
            }
            let Ok(version) = cell.parse::<u64>() else {
                let message = "the cell is no version; it is the number that the sheet came with";
                let finding =
                    Finding::row(self.table.rows[*row].number, Fault::NotANumber, FindingOutcome::Refused, message);
                return Err(finding.column(&self.set.columns[column].name));
            };
            oldest = Some(oldest.map_or(version, |oldest: u64| oldest.min(version)));
        }
        Ok(oldest)
    }
}

/// Does what stands there say the same, or of a day or time the same and more? Spreadsheets show less of a time than they
/// were given.
pub(super) fn is_as_precise(before: &Value, value: &Value, form: CellFormat) -> bool {
    let is_time = matches!(form, CellFormat::Date | CellFormat::BirthDate | CellFormat::Time);
    before == value
        || (is_time && before.as_str().zip(value.as_str()).is_some_and(|(before, value)| before.starts_with(value)))
}

/// A record that says nothing yet.
fn new_record(kind: &str, id: &str) -> Value {
    let mut record = json!({ "type": kind, "id": id });
    for name in MEMBERS {
        record[*name] = json!({});
    }
    record
}

/// A record while it is made.
pub(super) struct RecordBuilder<'r> {
    pub(super) reading: &'r SheetReader<'r>,
    pub(super) base: Option<&'r Value>,
    /// The record that the rows were written from, where that is another
    pub(super) older: Option<&'r Value>,
    pub(super) record: Value,
    event: Map<String, Value>,
    findings: Vec<Finding>,
    /// Was anything left as it is by now, which the rows have as it was?
    pub(super) is_stale: bool,
}

impl RecordBuilder<'_> {
    /// The rows, of those that say the same only the first.
    fn without_repetitions(&mut self, rows: &[usize]) -> Vec<usize> {
        if rows.len() < 2 {
            return rows.to_vec();
        }
        let reading = self.reading;
        let columns = 0..reading.set.columns.len();
        let mut seen = HashSet::new();
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let cells: Vec<&str> = columns.clone().map(|column| reading.cell(*row, column)).collect();
            if seen.insert(cells) {
                kept.push(*row);
            } else {
                let message = "the row is there twice, and counts once";
                let number = reading.table.rows[*row].number;
                self.findings.push(Finding::row(number, Fault::DuplicateRow, FindingOutcome::LeftOut, message));
            }
        }
        kept
    }

    /// Adds a finding.
    pub(super) fn add_finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// What rows say of the referral, once; these columns not.
    fn take_referral_cells(&mut self, rows: &[usize], without: Option<[usize; 2]>) {
        let reading = self.reading;
        for (position, column) in reading.set.columns.iter().enumerate().skip(1) {
            let is_said = matches!(column.target, ColumnTarget::Record(_) | ColumnTarget::Event(_));
            let is_left_out = without.is_some_and(|without| without.contains(&position));
            if !is_said || is_left_out || reading.table.position(position).is_none() {
                continue;
            }
            let Some(row) = rows.iter().find(|row| !reading.cell(**row, position).is_empty()) else { continue };
            let cell = reading.cell(*row, position);
            let other = rows.iter().find(|row| {
                let other = reading.cell(**row, position);
                !other.is_empty() && other != cell
            });
            if let Some(other) = other {
                self.report_contradiction(*other, column);
                continue;
            }
            match &column.target {
                ColumnTarget::Event(part) => self.take_event_cell(*part, *row, position, cell),
                _ => self.take(*row, position, cell),
            }
        }
    }

    fn report_contradiction(&mut self, row: usize, column: &Column) {
        let (fault, message) = if column.is_of_the_person() {
            (Fault::TwoPersons, "rows with one referral_id are of two persons")
        } else {
            (Fault::Contradiction, "rows of one referral say two things of it")
        };
        let number = self.reading.table.rows[row].number;
        self.findings.push(Finding::row(number, fault, FindingOutcome::Refused, message).column(&column.name));
    }

    /// Takes a cell of the referral itself.
    fn take(&mut self, row: usize, position: usize, cell: &str) {
        let reading = self.reading;
        let column = &reading.set.columns[position];
        if let Some(base) = self.base {
            let written = write::text(reading.set, position, base, None);
            // A name in capitals is the same name, and of what is only shown a day stands for its time.
            let is_same = match column.form {
                CellFormat::Name => person_name::fold(&written) == person_name::fold(cell),
                _ => written == cell || (column.shown && reading.cell_matches(row, position, cell, &written)),
            };
            if is_same {
                return;
            }
        }
        if self.older.is_some_and(|older| write::text(reading.set, position, older, None) == cell) {
            self.is_stale = true;
            return;
        }
        if column.shown && self.base.is_some() {
            self.report_not_read(row, column);
            return;
        }
        let Some(value) = self.value(row, position, cell) else { return };
        if let ColumnTarget::Record(path) = &column.target {
            let before = self.base.and_then(|base| path.get(base));
            if before.is_some_and(|before| is_as_precise(before, &value, column.form)) {
                return;
            }
            if self.older.is_some_and(|older| path.get(older) != before) {
                self.report_changed_by_both(row, column);
                return;
            }
            if column.form == CellFormat::BirthDate {
                let length = value.as_str().map_or(0, str::len);
                let precision = match length {
                    4 => "year",
                    7 => "month",
                    _ => "day",
                };
                path.set(&mut self.record, value);
                path.sibling("precision").set(&mut self.record, precision.into());
            } else {
                path.set(&mut self.record, value);
            }
        }
    }

    /// A cell and the record say otherwise than the record that the row was written from, and not the same.
    pub(super) fn report_changed_by_both(&mut self, row: usize, column: &Column) {
        let number = self.reading.table.rows[row].number;
        let message = "the cell was changed, and so was the record since the sheet was fetched";
        self.findings.push(Finding::row(number, Fault::Stale, FindingOutcome::Refused, message).column(&column.name));
    }

    fn report_stale(&mut self, rows: &[usize]) {
        let (Some(row), true) = (rows.first(), self.is_stale) else { return };
        let message = "the row was written from an older version; what changed since stays";
        self.findings.push(Finding::row(
            self.reading.table.rows[*row].number,
            Fault::Stale,
            FindingOutcome::Taken,
            message,
        ));
    }

    fn report_not_read(&mut self, row: usize, column: &Column) {
        let number = self.reading.table.rows[row].number;
        let message = "the column is for reading, and says otherwise than the record; it was left out";
        self.findings.push(Finding::row(number, Fault::NotRead, FindingOutcome::LeftOut, message).column(&column.name));
    }

    /// The value of a cell; what is to say about it is kept.
    pub(super) fn value(&mut self, row: usize, position: usize, cell: &str) -> Option<Value> {
        let CellReading { value, remark } = self.reading.read(row, position, cell);
        if let Some(remark) = remark {
            let number = self.reading.table.rows[row].number;
            let finding = Finding::row(number, remark.fault, remark.outcome, remark.text);
            self.findings.push(finding.column(&self.reading.set.columns[position].name));
        }
        value
    }

    // --- events

    fn take_event_cell(&mut self, part: EventCell, row: usize, position: usize, cell: &str) {
        let Some(value) = self.value(row, position, cell) else { return };
        let text = value.as_str().unwrap_or_default().trim().to_owned();
        match part {
            EventCell::Event if Event::from_code(&text).is_none() => {
                let number = self.reading.table.rows[row].number;
                let finding =
                    Finding::row(number, Fault::UnknownEvent, FindingOutcome::Refused, "there is no such event");
                self.findings.push(finding.column(&self.reading.set.columns[position].name));
            }
            EventCell::Event => {
                self.event.insert("event".to_owned(), text.into());
            }
            EventCell::Reason => {
                let reason = match Reason::from_code(&text) {
                    Some(reason) => json!({ "code": reason.code() }),
                    None => json!({ "text": text }),
                };
                self.event.insert("reason".to_owned(), reason);
            }
            EventCell::Note => {
                self.event.insert("note".to_owned(), text.into());
            }
        }
    }

    /// What happened. A remark alone is the event note.
    fn event(&mut self) -> Option<Value> {
        let mut event = std::mem::take(&mut self.event);
        if event.is_empty() {
            return None;
        }
        if !event.contains_key("event") {
            event.insert("event".to_owned(), Event::Note.code().into());
        }
        Some(Value::Object(event))
    }
}
