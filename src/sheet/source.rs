//! `sheet.yaml` as it is written, each value with its place. Shape only; what the words mean is the business of `load`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::fhir::Issue;
use crate::yaml;

use super::column::{Aspect, CellFormat};

/// A column set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetFile {
    /// The program type that it is of
    pub(super) sheet: Spanned<String>,
    /// The program type whose columns stand before its own
    pub(super) extends: Option<Spanned<String>>,
    /// The columns, in order
    pub(super) columns: Vec<ColumnFile>,
}

/// A column.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnFile {
    /// Its name
    pub(super) column: Spanned<String>,
    /// The place of the record
    pub(super) record: Option<Spanned<String>>,
    /// Or the part of an event that it reports
    pub(super) event: Option<Spanned<String>>,
    /// Or what the row says of itself
    pub(super) row: Option<Spanned<String>>,
    /// What it is, for people
    pub(super) about: String,
    /// Other names under which it is known
    #[serde(default)]
    pub(super) aliases: Vec<Spanned<String>>,
    /// What its cells look like
    #[serde(default)]
    pub(super) form: CellFormat,
    /// Whose codes they are
    pub(super) code: Option<CodeFile>,
    /// The values that there are, where the record's schema does not list them
    #[serde(default)]
    pub(super) values: Vec<String>,
    /// Other spellings of values
    #[serde(default)]
    pub(super) spellings: BTreeMap<String, String>,
    /// What stands for nothing here, besides what does everywhere
    #[serde(default)]
    pub(super) absent: Vec<String>,
    /// How many characters an identifier has
    pub(super) width: Option<usize>,
    /// It tells the items of the list apart where they have no id
    #[serde(default)]
    pub(super) key: bool,
    /// It is shown, and not read: it moves by other means
    #[serde(default)]
    pub(super) shown: bool,
    /// What it tells the referral by, where the row does not name it
    pub(super) tells: Option<Aspect>,
}

/// Whose codes a column has.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct CodeFile {
    /// The code system
    pub(super) system: String,
    /// Its version
    pub(super) version: Option<String>,
    /// The column that says the version where it is another
    pub(super) version_column: Option<String>,
}

/// Reads a file of this shape.
///
/// # Errors
/// What does not fit, with its place; the issue's path is the file.
pub(super) fn read(file: &str, bytes: &[u8]) -> Result<SheetFile, Box<Issue>> {
    yaml::read(file, bytes)
}
