//! In: a set of files becomes records, one for each enrollment, and a report on every row that is not as the format
//! wants it. Nothing is half-imported: where a row is refused there are no records, unless the good rows are asked for.

use std::collections::BTreeMap;

use serde_json::Value;

use super::File;
use super::assemble;
use super::report::{Finding, Level, Report};
use super::rows::{CheckedRows, RowChecker};
use super::standard::{FileKind, RowsOf, Standard, Standards};
use super::table::Table;

/// Which rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All, or none where one is refused
    All,
    /// Those that are not refused
    Good,
}

/// What came of a set of files.
#[derive(Debug)]
pub struct ImportedRecords {
    /// The year of the format; "" where nobody knows
    pub year: String,
    /// The records, in the order of Enrollment.csv
    pub records: Vec<Value>,
    /// What was found
    pub report: Report,
}

/// Reads a set of files. `year` is the year of the format where the set does not say it, or says it wrongly.
pub fn read(standards: &Standards, files: &[File], year: Option<&str>, rows: Rows) -> ImportedRecords {
    let mut report = Report::default();
    let nothing = |report| ImportedRecords { year: String::new(), records: Vec::new(), report };
    let sources = sources(standards, files, &mut report);
    let Some(standard) = choose(standards, &sources, year, &mut report) else { return nothing(report) };
    let mut checked: BTreeMap<&str, CheckedRows> = BTreeMap::new();
    for kind in &standard.files {
        let table = table(standards, standard, kind, &sources, &mut report);
        let checker = RowChecker { standards, standard, kind, earlier: &checked, report: &mut report };
        let rows = checker.rows(table);
        checked.insert(&kind.name, rows);
    }
    let records = assemble::records(standard, &checked, &mut report);
    let is_whole = rows == Rows::Good || !report.is_refused();
    ImportedRecords { year: standard.year.clone(), records: if is_whole { records } else { Vec::new() }, report }
}

/// The files by name; a name in another case is taken, one that no year has is left out.
fn sources<'f>(standards: &Standards, files: &'f [File], report: &mut Report) -> BTreeMap<String, &'f [u8]> {
    let mut sources = BTreeMap::new();
    for (name, bytes) in files {
        let known = standards.years.iter().flat_map(|year| &year.files).map(|kind| &kind.name);
        let mut known = known.filter(|known| known.eq_ignore_ascii_case(name));
        match known.next() {
            Some(known) => {
                if known != name {
                    let finding = Finding::new(Level::Warning, name, format!("the format writes its name {known}"));
                    report.add(finding.fix("names are case-sensitive; rename it"));
                }
                sources.insert(known.clone(), bytes.as_slice());
            }
            None => {
                let found = "a record of supportive housing has no room for what this file holds";
                report.add(Finding::new(Level::Information, name, found));
            }
        }
    }
    sources
}

/// The year that was asked for, or that Export.csv says, or whose columns of Client.csv are there.
fn choose<'s>(
    standards: &'s Standards,
    sources: &BTreeMap<String, &[u8]>,
    year: Option<&str>,
    report: &mut Report,
) -> Option<&'s Standard> {
    let header = |file: &str| sources.get(file).and_then(|bytes| Table::read(bytes).ok());
    let export = header("Export.csv");
    let version = export.as_ref().and_then(|table| {
        let at = table.header.iter().position(|column| column == "CSVVersion")?;
        table.rows.first()?.1.get(at).cloned()
    });
    let stated = version.as_deref().and_then(|text| standards.years.iter().find(|it| text.contains(it.number())));
    if let Some(year) = year {
        let asked = standards.get(year);
        if let (Some(asked), Some(stated)) = (asked, stated.filter(|stated| stated.year != year)) {
            let found = format!("the set says that it is {}", stated.year.to_uppercase());
            let finding = Finding::new(Level::Warning, "Export.csv", found).column("CSVVersion");
            report.add(finding.done(&format!("read as {}", asked.year.to_uppercase())));
        }
        return asked;
    }
    let client = header("Client.csv");
    let by_columns = || {
        let client = client.as_ref()?;
        standards.years.iter().find(|it| {
            let kind = it.file("Client.csv");
            let mut required = kind.into_iter().flat_map(|kind| &kind.columns).filter(|column| column.required);
            required.all(|column| client.header.contains(&column.name))
        })
    };
    let chosen = stated.or_else(by_columns);
    if chosen.is_none() {
        let found = format!("nothing says the year of the format; {} are known", standards.names().join(" and "));
        let finding = Finding::new(Level::Refused, "Export.csv", found).column("CSVVersion");
        report.add(finding.done("nothing was read").fix("name the year with --hmis, and give the set its Export.csv"));
    }
    chosen
}

/// The table of a file, with what its header lacks said. None: there are no rows to take.
fn table(
    standards: &Standards,
    standard: &Standard,
    kind: &FileKind,
    sources: &BTreeMap<String, &[u8]>,
    report: &mut Report,
) -> Option<Table> {
    let Some(bytes) = sources.get(&kind.name) else {
        let level = if kind.required { Level::Refused } else { Level::Warning };
        let done = if kind.required { "nothing that hangs on it was taken" } else { "taken as empty" };
        let finding = Finding::new(level, &kind.name, "the file is missing").done(done);
        report.add(finding.fix("a set has every file, also where a file has no rows"));
        return None;
    };
    let table = match Table::read(bytes) {
        Ok(table) => table,
        Err((found, fix)) => {
            report.add(Finding::new(Level::Refused, &kind.name, found).done("the file was not taken").fix(fix));
            return None;
        }
    };
    if table.has_mark {
        let finding = Finding::new(Level::Information, &kind.name, "the file starts with a byte order mark");
        report.add(finding.fix("write it as UTF-8 without one"));
    }
    header(standards, standard, kind, &table, report).then_some(table)
}

/// Says what is wrong with a header. Can the file be taken?
fn header(standards: &Standards, standard: &Standard, kind: &FileKind, table: &Table, report: &mut Report) -> bool {
    let mut sound = true;
    for column in kind.columns.iter().filter(|column| !table.header.contains(&column.name)) {
        let cased = table.header.iter().find(|it| it.eq_ignore_ascii_case(&column.name));
        let found = match cased {
            Some(cased) => format!("the column is missing; there is {cased}, and names are case-sensitive"),
            None => "the column is missing".to_owned(),
        };
        let finding = if column.required {
            sound = false;
            Finding::new(Level::Refused, &kind.name, found).done("the file was not taken")
        } else {
            Finding::new(Level::Warning, &kind.name, found).done("taken as empty")
        };
        report.add(finding.column(&column.name).fix(format!("add {} to the header", column.name)));
    }
    for (at, name) in table.header.iter().enumerate() {
        if table.header[..at].contains(name) {
            sound = false;
            let finding = Finding::new(Level::Refused, &kind.name, "the column stands twice");
            report.add(finding.column(name).done("the file was not taken").fix("keep one of them"));
        } else if kind.column(name).is_none() {
            let mut others = standards.years.iter().filter(|other| other.year != standard.year);
            let other = others.find(|it| it.file(&kind.name).is_some_and(|kind| kind.column(name).is_some()));
            let found = match other {
                Some(other) => format!("a column of {}", other.year.to_uppercase()),
                None => format!("no column of {}", standard.year.to_uppercase()),
            };
            let level = if other.is_some() { Level::Warning } else { Level::Information };
            let fix = format!("export in the format of {}", standard.year.to_uppercase());
            report.add(Finding::new(level, &kind.name, found).column(name).done("left out").fix(fix));
        }
    }
    sound || kind.rows == RowsOf::Unused
}
