//! A sheet that was opened: bytes to text, text to rows under the columns of the type, rows to the referrals that they are of.

use std::borrow::Cow;

use crate::error::Result;
use crate::sheet::column::{CellFormat, ColumnSet};
use crate::sheet::report::Finding;
use crate::yielding;

use super::cell_reading::CellReading;
use super::codes::Codes;
use super::date::{Dates, Evidence};
use super::group::{self, ReferralRows};
use super::options::Options;
use super::table::{self, Table};
use super::text;
use super::value::{self, CellContext};

/// A sheet that was opened: its rows by referral, and what was found in the file as a whole.
#[derive(Debug)]
pub struct SheetReader<'s> {
    pub(super) set: &'s ColumnSet,
    pub(super) codes: &'s Codes,
    pub(super) options: Options,
    pub(super) table: Table,
    pub(super) evidence: Vec<Evidence>,
    pub(super) groups: Vec<ReferralRows>,
    /// What was found before any referral was looked at
    pub findings: Vec<Finding>,
}

impl<'s> SheetReader<'s> {
    /// Opens a sheet of this type.
    ///
    /// # Errors
    /// A file without the columns of the type.
    pub(in crate::sheet) fn open(bytes: &[u8], set: &'s ColumnSet, codes: &'s Codes, options: Options) -> Result<Self> {
        let mut findings = Vec::new();
        let text: Cow<'_, str> = text::decode(bytes, &mut findings);
        let table = table::read(&text, set, &mut findings)?;
        let evidence = (0..set.columns.len()).map(|column| evidence(&table, set, column)).collect();
        let groups = group::by_referral(&table, set, &mut findings);
        Ok(Self { set, codes, options, table, evidence, groups, findings })
    }

    /// The referrals that the rows are of, in the order in which they begin.
    pub fn groups(&self) -> &[ReferralRows] {
        &self.groups
    }

    /// The numbers of a referral's rows.
    pub fn row_numbers(&self, group: &ReferralRows) -> Vec<u64> {
        group.rows.iter().map(|row| self.table.rows[*row].number).collect()
    }

    /// How many rows the sheet has below its header.
    pub fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// Has it no rows?
    pub fn is_empty(&self) -> bool {
        self.table.rows.is_empty()
    }

    /// The cell of a column in a row, empty where it is blank.
    pub(super) fn cell(&self, row: usize, column: usize) -> &str {
        let cell = self.table.cell(row, column);
        if cell.trim().is_empty() { "" } else { cell }
    }

    /// What a cell says.
    pub(super) fn read(&self, row: usize, column: usize, cell: &str) -> CellReading {
        yielding::count(10);
        let about = &self.set.columns[column];
        let version = about.code.as_ref().and_then(|code| self.set.position(code.version_column.as_deref()?));
        let version = version.map(|column| self.cell(row, column).trim()).filter(|version| !version.is_empty());
        let context = CellContext {
            dates: Dates { evidence: self.evidence[column], declared: self.options.dates },
            zone: self.options.zone.as_deref(),
            codes: self.codes,
            version,
        };
        value::read(cell, about, context)
    }

    /// Does a cell, read, say what is written? Of times the day is enough.
    pub(super) fn cell_matches(&self, row: usize, column: usize, cell: &str, written: &str) -> bool {
        let Some(value) = self.read(row, column, cell).value else { return false };
        let read = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let is_time = self.set.columns[column].form == CellFormat::Time;
        read == written || (is_time && read.len() >= 10 && read.get(..10) == written.get(..10))
    }
}

/// What a column says about the order of day and month in it.
fn evidence(table: &Table, set: &ColumnSet, column: usize) -> Evidence {
    let mut evidence = Evidence::default();
    if matches!(set.columns[column].form, CellFormat::Date | CellFormat::BirthDate | CellFormat::Time)
        && let Some(position) = table.position(column)
    {
        for row in &table.rows {
            evidence.learn(row.cells.get(position).unwrap_or_default());
        }
    }
    evidence
}
