//! What follows from other cells or from what a record is: ids, and the codes that say how good the data is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::standard::{Column, Derive};

/// As long as an id may be.
const ID: usize = 32;

/// What a set of files says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// ExportID, at most 32 characters
    pub id: String,
    /// When it was made, as yyyy-mm-dd hh:mm:ss
    pub time: String,
    /// The first day that it is about, as yyyy-mm-dd; where it is not told, that of the first entry
    pub start: Option<String>,
    /// The last day that it is about
    pub end: String,
    /// The version of the software
    pub version: String,
}

/// The cells of a row that is being written, by column.
pub(super) type Cells<'k> = BTreeMap<&'k str, String>;

/// A row whose cells are asked for by column; "" where it has none.
pub(super) trait RowCells {
    fn cell(&self, column: &str) -> &str;
}

impl RowCells for Cells<'_> {
    fn cell(&self, column: &str) -> &str {
        self.get(column).map(String::as_str).unwrap_or_default()
    }
}

/// The ids of the rows that a row hangs on, by file.
pub(super) type RowIds<'k> = BTreeMap<&'k str, String>;

/// What a cell may follow from.
pub(super) struct DerivationContext<'g> {
    pub(super) record: &'g Value,
    /// The item of a list; the record where a row is one
    pub(super) base: &'g Value,
    /// The row's cells so far
    pub(super) cells: &'g dyn RowCells,
    pub(super) export: Option<&'g Export>,
    /// The ids of the rows that this one hangs on, by file
    pub(super) ids: &'g RowIds<'g>,
    pub(super) file: &'g str,
    /// Where the item stands in its list
    pub(super) position: usize,
}

impl DerivationContext<'_> {
    fn cell(&self, name: &str) -> &str {
        self.cells.cell(name)
    }

    fn first_text(&self, pointers: &[&str]) -> Option<String> {
        pointers.iter().find_map(|it| self.record.pointer(it).and_then(Value::as_str)).map(str::to_owned)
    }

    /// The value of a derived column; "" where nothing follows.
    pub(super) fn value(&self, derive: Derive, column: &Column) -> String {
        let export = |get: fn(&Export) -> &String| self.export.map(|it| get(it).clone()).unwrap_or_default();
        match derive {
            Derive::ExportId => export(|it| &it.id),
            Derive::ExportTime => export(|it| &it.time),
            Derive::ExportStart => export(|it| it.start.as_ref().unwrap_or(&it.end)),
            Derive::ExportEnd => export(|it| &it.end),
            Derive::SoftwareVersion => export(|it| &it.version),
            Derive::OrganizationId => hash_id(&self.first_text(&["/program/organization"]).unwrap_or_default()),
            Derive::ProjectId => {
                self.first_text(&["/program/id", "/program/name"]).map(|it| shorten_id(&it)).unwrap_or_default()
            }
            Derive::PersonalId => {
                self.first_text(&["/participant/id", "/id"]).map(|it| shorten_id(&it)).unwrap_or_default()
            }
            Derive::EnrollmentId => {
                self.first_text(&["/enrollment/id", "/id"]).map(|it| shorten_id(&it)).unwrap_or_default()
            }
            Derive::HouseholdId => self.cell("EnrollmentID").to_owned(),
            Derive::RowId => {
                let enrollment = self.ids.get("Enrollment.csv").map(String::as_str).unwrap_or_default();
                hash_id(&format!("{}|{enrollment}|{}", self.file, self.position))
            }
            Derive::NameQuality => match (self.cell("FirstName"), self.cell("LastName")) {
                ("", "") => "99",
                ("", _) | (_, "") => "2",
                _ => "1",
            }
            .to_owned(),
            Derive::SsnQuality => match self.cell("SSN").len() {
                0 => "99",
                9 => "1",
                _ => "2",
            }
            .to_owned(),
            Derive::DobQuality => self.birth_quality().to_owned(),
            Derive::RaceNone => {
                let races = [
                    "AmIndAKNative",
                    "Asian",
                    "BlackAfAmerican",
                    "HispanicLatinaeo",
                    "MidEastNAfrican",
                    "NativeHIPacific",
                    "White",
                ];
                self.unless_any(&races)
            }
            Derive::GenderNone => {
                let genders = [
                    "Woman",
                    "Man",
                    "NonBinary",
                    "CulturallySpecific",
                    "Transgender",
                    "Questioning",
                    "DifferentIdentity",
                ];
                self.unless_any(&genders)
            }
            Derive::IncomeSource => {
                let has_value = column.record.as_ref().is_some_and(|path| path.get(self.base).is_some());
                let any = self.cell("IncomeFromAnySource") == "1";
                (if has_value {
                    "1"
                } else if any {
                    "0"
                } else {
                    ""
                })
                .to_owned()
            }
            Derive::AnyBenefit => self.any_benefit().to_owned(),
        }
    }

    fn birth_quality(&self) -> &'static str {
        let precision = self.record.pointer("/participant/dob/precision").and_then(Value::as_str);
        let known = self.record.pointer("/participant/dob/value").and_then(Value::as_str).unwrap_or_default();
        match self.cell("DOB") {
            "" => "99",
            _ if known.len() < 10 || matches!(precision, Some("year" | "month")) => "2",
            _ => "1",
        }
    }

    /// 99 where none of these flags is set.
    fn unless_any(&self, flags: &[&str]) -> String {
        if flags.iter().any(|flag| self.cell(flag) == "1") { String::new() } else { "99".to_owned() }
    }

    fn any_benefit(&self) -> &'static str {
        let benefits = self.base.get("benefits").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let has_value =
            |flag: bool| benefits.iter().any(|it| it.get("receiving").and_then(Value::as_bool) == Some(flag));
        match (has_value(true), has_value(false)) {
            (true, _) => "1",
            (false, true) => "0",
            (false, false) => "",
        }
    }
}

/// An id that fits, the same for the same id: itself, without its hyphens, or the start of its SHA-256.
pub(super) fn shorten_id(id: &str) -> String {
    let plain = id.replace('-', "");
    match () {
        () if id.chars().count() <= ID => id.to_owned(),
        () if plain.chars().count() <= ID => plain,
        () => hash_id(id),
    }
}

fn hash_id(text: &str) -> String {
    let mut id = String::new();
    for byte in Sha256::digest(text.as_bytes()).iter().take(ID / 2) {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_and_stay_the_same() {
        assert_eq!(shorten_id("E-55102"), "E-55102");
        assert_eq!(shorten_id("01890a5d-ac96-774b-bcce-b302099a8057"), "01890a5dac96774bbcceb302099a8057");
        let long = "x".repeat(40);
        assert_eq!((shorten_id(&long).len(), shorten_id(&long)), (32, shorten_id(&long)));
    }
}
