//! What is said about the rows of a set: where, what is wrong, what was done, and how to mend it. No finding shows a
//! value, but for codes: names, days and ids are about people.

use std::fmt;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing: it was left out or taken as the format means it
    Information,
    /// Taken, though something is likely wrong
    Warning,
    /// The row is not taken
    Refused,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is
    pub level: Level,
    /// The file; "" for the set
    pub file: String,
    /// Its row, the header being row 1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The record that was to be written, the first being 1
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<usize>,
    /// The column
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What was found
    pub found: String,
    /// What was done about it
    pub done: String,
    /// How to mend it; in a document also under its former name, `mend`
    #[serde(flatten, serialize_with = "write_fix")]
    pub fix: String,
}

impl Finding {
    /// A finding about a file.
    pub(super) fn new(level: Level, file: &str, found: impl Into<String>) -> Self {
        let done = match level {
            Level::Refused => "the row was not taken",
            Level::Warning => "taken as it stands",
            Level::Information => "left out",
        };
        Self {
            level,
            file: file.to_owned(),
            row: None,
            record: None,
            column: None,
            found: found.into(),
            done: done.to_owned(),
            fix: String::new(),
        }
    }

    pub(super) fn row(self, row: usize) -> Self {
        Self { row: Some(row), ..self }
    }

    pub(super) fn record(self, record: usize) -> Self {
        Self { record: Some(record), ..self }
    }

    pub(super) fn column(self, column: &str) -> Self {
        Self { column: Some(column.to_owned()), ..self }
    }

    pub(super) fn done(self, done: &str) -> Self {
        Self { done: done.to_owned(), ..self }
    }

    pub(super) fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }
}

/// Writes the two members that say how to mend it, where anything is said.
fn write_fix<S: Serializer>(fix: &str, serializer: S) -> Result<S::Ok, S::Error> {
    let mut members = serializer.serialize_map(None)?;
    if !fix.is_empty() {
        members.serialize_entry("mend", fix)?;
        members.serialize_entry("fix", fix)?;
    }
    members.end()
}

impl fmt::Display for Finding {
    /// `refused Enrollment.csv row 3, LivingSituation: 16 is no code ...; the row was not taken; write 116`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.level {
            Level::Information => "information",
            Level::Warning => "warning",
            Level::Refused => "refused",
        })?;
        if let Some(record) = self.record {
            write!(f, " record {record}")?;
        }
        if !self.file.is_empty() {
            write!(f, " {}", self.file)?;
        }
        if let Some(row) = self.row {
            write!(f, " row {row}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}; {}", self.found, self.done)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; {}", self.fix) }
    }
}

/// Where findings go, one by one, in the order of files and rows. They are not gathered: a large set may have one for
/// each of its rows.
pub struct Report<'s> {
    sink: &'s mut dyn FnMut(Finding),
    is_refused: bool,
}

impl<'s> Report<'s> {
    /// A report that gives each finding to `sink`.
    pub fn new(sink: &'s mut dyn FnMut(Finding)) -> Self {
        Self { sink, is_refused: false }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        self.is_refused |= finding.level == Level::Refused;
        (self.sink)(finding);
    }

    pub(super) fn add_all(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            self.add(finding);
        }
    }

    /// Was a row refused?
    pub fn is_refused(&self) -> bool {
        self.is_refused
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("is_refused", &self.is_refused).finish_non_exhaustive()
    }
}
