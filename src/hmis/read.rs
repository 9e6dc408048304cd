//! In: a set of files becomes records, one for each enrollment, and a report on every row that is not as the format
//! wants it. Nothing is half-imported: where a row is refused there are no records, unless the good rows are asked for.
//!
//! Every file is read once and checked, row by row; then the records are made one behind the other, each from its rows,
//! which are read again. What is held at a time is the index of the rows and one record.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use csv::StringRecord;

use super::File;
use super::assemble::ImportedSet;
use super::report::{Finding, Level, Report};
use super::rows::{CheckedFile, RowChecker};
use super::standard::{FileKind, RowsOf, Standard, Standards};
use super::table::Table;
use crate::error::Result;

/// Which rows are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All, or none where one is refused
    All,
    /// Those that are not refused
    Good,
}

/// Checks a set of files, whose records are then asked for. `year` is the year of the format where the set does not say it,
/// or says it wrongly.
///
/// # Errors
/// If a file cannot be read; what is wrong with its rows is reported.
pub fn read<'s, S: Read + Seek>(
    standards: &'s Standards,
    files: Vec<File<S>>,
    year: Option<&str>,
    rows: Rows,
    report: &mut Report<'_>,
) -> Result<ImportedSet<'s, S>> {
    let mut sources = sources(standards, files, report);
    let mut checked: BTreeMap<&str, CheckedFile<S>> = BTreeMap::new();
    let Some(standard) = choose(standards, &mut sources, year, report)? else { return Ok(ImportedSet::nothing()) };
    for kind in &standard.files {
        let table = table(standards, standard, kind, &mut sources, report)?;
        let checker = RowChecker { standards, standard, kind, earlier: &checked, report };
        let file = checker.check(table)?;
        checked.insert(&kind.name, file);
    }
    let is_whole = rows == Rows::Good || !report.is_refused();
    Ok(ImportedSet::new(standard, checked, is_whole))
}

/// The files by name; a name in another case is taken, one that no year has is left out.
fn sources<S>(standards: &Standards, files: Vec<File<S>>, report: &mut Report<'_>) -> BTreeMap<String, S> {
    let mut sources = BTreeMap::new();
    for (name, content) in files {
        let known = standards.years.iter().flat_map(|year| &year.files).map(|kind| &kind.name);
        let mut known = known.filter(|known| known.eq_ignore_ascii_case(&name));
        match known.next() {
            Some(known) => {
                if *known != name {
                    let finding = Finding::new(Level::Warning, &name, format!("the format writes its name {known}"));
                    report.add(finding.fix("names are case-sensitive; rename it"));
                }
                sources.insert(known.clone(), content);
            }
            None => {
                let found = "a record of supportive housing has no room for what this file holds";
                report.add(Finding::new(Level::Information, &name, found));
            }
        }
    }
    sources
}

/// The year that was asked for, or that Export.csv says, or whose columns of Client.csv are there.
fn choose<'s, S: Read + Seek>(
    standards: &'s Standards,
    sources: &mut BTreeMap<String, S>,
    year: Option<&str>,
    report: &mut Report<'_>,
) -> Result<Option<&'s Standard>> {
    let version = stated_version(sources)?;
    let stated = version.as_deref().and_then(|text| standards.years.iter().find(|it| text.contains(it.number())));
    if let Some(year) = year {
        let asked = standards.get(year);
        if let (Some(asked), Some(stated)) = (asked, stated.filter(|stated| stated.year != year)) {
            let found = format!("the set says that it is {}", stated.year.to_uppercase());
            let finding = Finding::new(Level::Warning, "Export.csv", found).column("CSVVersion");
            report.add(finding.done(&format!("read as {}", asked.year.to_uppercase())));
        }
        return Ok(asked);
    }
    let client = header(sources, "Client.csv")?.map(|table| table.header);
    let by_columns = || {
        let client = client.as_ref()?;
        standards.years.iter().find(|it| {
            let kind = it.file("Client.csv");
            let mut required = kind.into_iter().flat_map(|kind| &kind.columns).filter(|column| column.required);
            required.all(|column| client.contains(&column.name))
        })
    };
    let chosen = stated.or_else(by_columns);
    if chosen.is_none() {
        let found = format!("nothing says the year of the format; {} are known", standards.names().join(" and "));
        let finding = Finding::new(Level::Refused, "Export.csv", found).column("CSVVersion");
        report.add(finding.done("nothing was read").fix("name the year with --hmis, and give the set its Export.csv"));
    }
    Ok(chosen)
}

/// What Export.csv says the version of the format is.
fn stated_version<S: Read + Seek>(sources: &mut BTreeMap<String, S>) -> Result<Option<String>> {
    let Some(mut table) = header(sources, "Export.csv")? else { return Ok(None) };
    let Some(at) = table.header.iter().position(|column| column == "CSVVersion") else { return Ok(None) };
    let mut row = StringRecord::new();
    let is_there = table.next(&mut row)?.is_some();
    Ok(row.get(at).filter(|_| is_there).map(str::to_owned))
}

/// A file that is there, opened to look at its beginning.
fn header<'f, S: Read + Seek>(sources: &'f mut BTreeMap<String, S>, file: &str) -> Result<Option<Table<&'f mut S>>> {
    let Some(content) = sources.get_mut(file) else { return Ok(None) };
    Ok(Table::open(file, content)?.ok())
}

/// The table of a file, with what its header lacks said. None: there are no rows to take.
fn table<S: Read + Seek>(
    standards: &Standards,
    standard: &Standard,
    kind: &FileKind,
    sources: &mut BTreeMap<String, S>,
    report: &mut Report<'_>,
) -> Result<Option<Table<S>>> {
    let Some(content) = sources.remove(&kind.name) else {
        let level = if kind.required { Level::Refused } else { Level::Warning };
        let done = if kind.required { "nothing that hangs on it was taken" } else { "taken as empty" };
        let finding = Finding::new(level, &kind.name, "the file is missing").done(done);
        report.add(finding.fix("a set has every file, also where a file has no rows"));
        return Ok(None);
    };
    let table = match Table::open(&kind.name, content)? {
        Ok(table) => table,
        Err(wrong) => {
            let finding = Finding::new(Level::Refused, &kind.name, wrong.found).done("the file was not taken");
            report.add(finding.fix(wrong.fix));
            return Ok(None);
        }
    };
    if table.has_mark {
        let finding = Finding::new(Level::Information, &kind.name, "the file starts with a byte order mark");
        report.add(finding.fix("write it as UTF-8 without one"));
    }
    Ok(check_header(standards, standard, kind, &table.header, report).then_some(table))
}

/// Says what is wrong with a header. Can the file be taken?
fn check_header(
    standards: &Standards,
    standard: &Standard,
    kind: &FileKind,
    header: &[String],
    report: &mut Report<'_>,
) -> bool {
    let mut sound = true;
    for column in kind.columns.iter().filter(|column| !header.contains(&column.name)) {
        let cased = header.iter().find(|it| it.eq_ignore_ascii_case(&column.name));
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
    for (at, name) in header.iter().enumerate() {
        if header[..at].contains(name) {
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
