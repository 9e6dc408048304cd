//! The years of the format, as they are used: files, columns, codes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::record::RecordPath;

/// The years at hand.
#[derive(Debug, Default)]
pub struct Standards {
    pub(super) years: Vec<Standard>,
}

/// The format of one year.
#[derive(Debug)]
pub struct Standard {
    /// Its name: `fy2026`
    pub year: String,
    /// The type of program whose records it has room for
    pub program: String,
    /// What of it nobody has checked
    pub unverified: Vec<String>,
    /// What every record that is read says besides
    pub(super) always: Vec<(RecordPath, String)>,
    pub(super) files: Vec<FileKind>,
}

/// A file of the format.
#[derive(Debug)]
pub(super) struct FileKind {
    /// Its name: `Client.csv`
    pub(super) name: String,
    pub(super) rows: RowsOf,
    /// The list of the record whose items are rows
    pub(super) each: Option<RecordPath>,
    /// The set is nothing without it
    pub(super) required: bool,
    /// The column with the row's id
    pub(super) id: String,
    /// A row is written where these columns have values
    pub(super) when: Vec<String>,
    /// Of several rows of one enrollment the newest by this column is taken
    pub(super) latest: Option<String>,
    pub(super) columns: Vec<Column>,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RowsOf {
    /// The set: one row
    Once,
    /// What several records share: an organization, a project, a person
    Shared,
    /// A record
    Record,
    /// An item of a list of a record
    Item,
    /// Nothing that the record has room for: checked, and left out
    Unused,
}

/// A column.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) form: CellFormat,
    pub(super) max: Option<usize>,
    /// A row without a value is refused
    pub(super) required: bool,
    /// HMIS wants a value; a row without is taken, and that is said
    pub(super) asked: bool,
    pub(super) codes: Option<Arc<Codes>>,
    /// Where in the record (in the item) its value stands
    pub(super) record: Option<RecordPath>,
    pub(super) shape: Shape,
    /// The record's words and the cell's
    pub(super) words: BTreeMap<String, String>,
    /// What goes with the value in the record
    pub(super) also: Vec<(RecordPath, String)>,
    /// The file whose row it names
    pub(super) link: Option<String>,
    pub(super) derive: Option<Derive>,
    pub(super) fixed: Option<String>,
    /// What stands there for no value
    pub(super) absent: Option<String>,
    /// Codes for which the row is refused, and why
    pub(super) refuse: BTreeMap<String, String>,
    /// It is of the tail of every file
    pub(super) tail: bool,
}

/// The codes of a list.
#[derive(Debug)]
pub(super) struct Codes {
    pub(super) titles: BTreeMap<String, String>,
    pub(super) earlier: Option<Earlier>,
}

/// Codes of a year before.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Earlier {
    /// Whose they are
    pub(super) year: String,
    /// What says the same now
    pub(super) codes: BTreeMap<String, String>,
}

/// The form of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CellFormat {
    /// At most 32 characters
    Id,
    String,
    /// yyyy-mm-dd
    Date,
    /// yyyy-mm-dd hh:mm:ss
    Datetime,
    Integer,
    /// Digits, and behind a point more
    Money,
    /// One of a list
    Code,
}

/// How the record has the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Shape {
    /// As a string; an amount as a number
    #[default]
    Text,
    /// As true and false
    Flag,
    /// As a day, or a time whose day counts
    Day,
    /// As a day, of which only the year or the month may be known
    Birth,
    /// As a number with hyphens between
    Digits,
    /// By having an item for it
    Listed,
}

/// What follows from other cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Derive {
    ExportId,
    ExportTime,
    ExportStart,
    ExportEnd,
    SoftwareVersion,
    OrganizationId,
    ProjectId,
    PersonalId,
    EnrollmentId,
    HouseholdId,
    RowId,
    NameQuality,
    SsnQuality,
    DobQuality,
    RaceNone,
    GenderNone,
    IncomeSource,
    AnyBenefit,
}

impl Derive {
    /// Follows from what the record or the set is, not from the row's other cells.
    pub(super) fn names_something(self) -> bool {
        (self as u8) <= (Self::RowId as u8)
    }
}

impl Standards {
    /// The format of this year.
    pub fn get(&self, year: &str) -> Option<&Standard> {
        self.years.iter().find(|standard| standard.year.eq_ignore_ascii_case(year))
    }

    /// The names of the years, the oldest first.
    pub fn names(&self) -> Vec<&str> {
        self.years.iter().map(|standard| standard.year.as_str()).collect()
    }
}

impl Standard {
    pub(super) fn file(&self, name: &str) -> Option<&FileKind> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The number of the year: `2026`.
    pub(super) fn number(&self) -> &str {
        self.year.trim_start_matches(|it: char| !it.is_ascii_digit())
    }
}

impl FileKind {
    /// Its name without `.csv`.
    pub(super) fn stem(&self) -> &str {
        self.name.strip_suffix(".csv").unwrap_or(&self.name)
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Column {
    /// Is a value that the record has no place for kept beside it?
    pub(super) fn keeps(&self) -> bool {
        !self.tail && self.link.is_none()
    }
}
