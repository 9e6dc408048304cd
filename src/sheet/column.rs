//! A column: where its cells stand in the record, and what they look like. The cells' other names and spellings are data.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::record::RecordPath;

/// What the cells of a column look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellFormat {
    /// Anything
    #[default]
    Text,
    /// A year, a month or a day
    Date,
    /// The same, of birth: its precision is said beside it
    BirthDate,
    /// A day, or a time with its zone
    Time,
    /// A number
    Number,
    /// A whole number
    Integer,
    /// yes or no
    Boolean,
    /// A telephone number
    Phone,
    /// A ZIP code
    Zip,
    /// An amount of money
    Money,
    /// A code of a list or of a code system
    Code,
    /// A part of a person's name
    Name,
    /// An identifier: digits that are no number
    Id,
}

/// Whose codes a column has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// The code system
    pub system: String,
    /// Its version
    pub version: Option<String>,
    /// The column that says the version where it is another
    pub version_column: Option<String>,
}

/// The part of an event that a column reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventCell {
    /// What happened
    Event,
    /// Why
    Reason,
    /// A remark
    Note,
}

/// What a row says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowCell {
    /// The version of the referral that it was written from
    Version,
    /// The item is taken out of the record
    Removed,
    /// Why there is no record, where there is none: the row is told, and changes nothing
    NoRecord,
}

/// What a column tells a referral by, where the row does not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Who it is about
    Person,
    /// What is asked for
    Service,
    /// When it was asked for
    Date,
}

/// Where the cells of a column stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnTarget {
    /// In the record, once
    Record(RecordPath),
    /// In each item of the list that makes rows
    Item(RecordPath),
    /// In no record: they report what happened
    Event(EventCell),
    /// In no record: they are about the row
    Row(RowCell),
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name
    pub name: String,
    /// What it is, for people
    pub about: String,
    /// Where its cells stand
    pub target: ColumnTarget,
    /// What they look like
    pub form: CellFormat,
    /// Other names under which it is known
    pub aliases: Vec<String>,
    /// Whose codes they are
    pub code: Option<Code>,
    /// The values that there are; empty: any
    pub values: Vec<String>,
    /// Other spellings, in lower case, and the value that each means
    pub spellings: BTreeMap<String, String>,
    /// What stands for nothing here, in lower case
    pub absent: Vec<String>,
    /// How many characters an identifier has
    pub width: Option<usize>,
    /// It tells the items of the list apart where they have no id
    pub key: bool,
    /// It is shown, and not read
    pub shown: bool,
    /// What it tells the referral by, where the row does not name it
    pub aspect: Option<Aspect>,
}

/// The columns of a program type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSet {
    /// The program type
    pub kind: String,
    /// The columns, in order; the first is the referral's id
    pub columns: Vec<Column>,
    /// The list whose items are rows
    pub(super) list: Option<RecordPath>,
    /// Names and aliases, in one spelling
    pub(super) names: HashMap<String, usize>,
}

impl ColumnSet {
    /// The column of this name, or one of its aliases; case, spaces and signs do not count.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.get(&plain(name)).copied()
    }

    /// The position of the column with exactly this name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// The position of the column that has this part of a person's name: `first`, `last`.
    pub(super) fn name_column(&self, part: &str) -> Option<usize> {
        self.columns.iter().position(|column| {
            let ColumnTarget::Record(path) = &column.target else { return false };
            column.form == CellFormat::Name && path.names().last() == Some(&part)
        })
    }

    /// The position of the column that says this of the row.
    pub(super) fn row_column(&self, cell: RowCell) -> Option<usize> {
        self.columns.iter().position(|column| column.target == ColumnTarget::Row(cell))
    }

    /// The position of the column at this place of an item.
    pub(super) fn item_column(&self, names: &[&str]) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| matches!(&column.target, ColumnTarget::Item(path) if path.names() == names))
    }
}

impl Column {
    /// The column of every set that says why there is no record. A sheet has it where a row says so.
    pub(super) fn no_record() -> Self {
        Self {
            name: "no_record".to_owned(),
            about: "Why there is no record: withdrawn, or what keeps it from being made".to_owned(),
            target: ColumnTarget::Row(RowCell::NoRecord),
            form: CellFormat::Text,
            aliases: Vec::new(),
            code: None,
            values: Vec::new(),
            spellings: BTreeMap::new(),
            absent: Vec::new(),
            width: None,
            key: false,
            shown: true,
            aspect: None,
        }
    }

    /// Does it say something about the person?
    pub(super) fn is_of_the_person(&self) -> bool {
        matches!(&self.target, ColumnTarget::Record(path) if path.names().first() == Some(&"participant"))
            && matches!(self.form, CellFormat::Name | CellFormat::BirthDate)
    }
}

/// A column's name in one spelling: letters and digits alone, in lower case.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
