//! A sheet as records: bytes to text, text to rows under the columns of the type, rows to the referrals that they are of,
//! cells to values. Each step says what it found.
//!
//! An empty cell says nothing and changes nothing; what is not in the sheet stays as it is.

mod absent;
mod capitals;
mod codes;
mod date;
mod group;
mod header;
mod identifier;
mod items;
mod nameless;
mod names;
mod number;
mod phone;
mod record;
mod table;
mod text;
mod time;
mod value;

use std::borrow::Cow;

use crate::error::{Error, Result};
use crate::fhir::Key;

use super::column::{CellFormat, ColumnSet};
use super::report::Finding;

pub use codes::Codes;
pub use group::Group;
pub use nameless::Nameless;
pub use record::Made;

use date::Evidence;
use table::Table;

/// Which comes first in a date with a two-number day and month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Month, day, year
    MonthFirst,
    /// Day, month, year
    DayFirst,
}

/// What the sheet does not say, and the one who brings it knows.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The zone of times that say none: `Z` or `-06:00`
    zone: Option<String>,
    /// The order of day and month where the sheet does not decide it
    dates: Option<Order>,
}

impl Options {
    /// With the zone of times that say none, and the order of day and month; as a person writes them: `Z`, `-06:00`;
    /// `mdy`, `dmy`.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn declared(zone: Option<&str>, dates: Option<&str>) -> Result<Self> {
        let zone = match zone {
            None => None,
            Some(zone) if time::is_zone(zone) => Some(zone.to_owned()),
            Some(_) => return Err(Error::incorrect(Key::Parameter, "a zone is Z, or hours and minutes: -06:00")),
        };
        let dates = match dates {
            None => None,
            Some("mdy") => Some(Order::MonthFirst),
            Some("dmy") => Some(Order::DayFirst),
            Some(_) => return Err(Error::incorrect(Key::Parameter, "the order of dates is mdy or dmy")),
        };
        Ok(Self { zone, dates })
    }
}

/// A sheet that was opened: its rows by referral, and what was found in the file as a whole.
#[derive(Debug)]
pub struct Reading<'s> {
    set: &'s ColumnSet,
    codes: &'s Codes,
    options: Options,
    table: Table,
    evidence: Vec<Evidence>,
    groups: Vec<Group>,
    /// What was found before any referral was looked at
    pub findings: Vec<Finding>,
}

impl<'s> Reading<'s> {
    /// Opens a sheet of this type.
    ///
    /// # Errors
    /// A file without the columns of the type.
    pub(super) fn open(bytes: &[u8], set: &'s ColumnSet, codes: &'s Codes, options: Options) -> Result<Self> {
        let mut findings = Vec::new();
        let text: Cow<'_, str> = text::decode(bytes, &mut findings);
        let table = table::read(&text, set, &mut findings)?;
        let evidence = (0..set.columns.len()).map(|column| evidence(&table, set, column)).collect();
        let groups = group::sort(&table, set, &mut findings);
        Ok(Self { set, codes, options, table, evidence, groups, findings })
    }

    /// The referrals that the rows are of, in the order in which they begin.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many rows the sheet has below its header.
    pub fn len(&self) -> usize {
        self.table.rows.len()
    }

    /// Has it no rows?
    pub fn is_empty(&self) -> bool {
        self.table.rows.is_empty()
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
