//! The column sets at hand, read from `TYPE/sheet.yaml` and checked against the records that they are about: what was
//! loaded can be written and read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;
use serde_saphyr::Spanned;

use crate::error::{Error, Result};
use crate::fhir::Issue;
use crate::record::{RecordPath, schema};

use super::column::{CellFormat, Code, Column, ColumnSet, ColumnTarget, EventCell, RowCell, plain};
use super::read::{Codes, Options, SheetReader};
use super::source::{self, ColumnFile, SheetFile};

/// The set of the types that have none of their own.
const GENERIC: &str = "generic";

/// The column sets, by program type.
#[derive(Debug, Clone, Default)]
pub struct ColumnSets {
    sets: BTreeMap<String, ColumnSet>,
    codes: Codes,
}

/// The file of each type.
type Files<'f> = BTreeMap<&'f str, (&'f str, SheetFile)>;

impl ColumnSets {
    /// The column sets in these files (path and bytes): `TYPE/sheet.yaml`, wherever those folders are; of two files for
    /// one type the later counts. `types` are the program types with the JSON Schema of their records; one without a
    /// file has the columns of the generic type. `codes` are those that the columns' systems are known to have.
    ///
    /// # Errors
    /// Every finding, with file (the issue's path), line, column and how to mend it.
    pub fn load<'f>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
        types: &[(&str, &Value)],
        codes: Codes,
    ) -> Result<Self> {
        let mut issues = Vec::new();
        let read = read(files, types, &mut issues);
        let mut sets = BTreeMap::new();
        for (kind, schema) in types {
            let chain = match chain(kind, &read) {
                Ok(chain) => chain,
                Err(issue) => {
                    issues.push(*issue);
                    continue;
                }
            };
            let mut builder = ColumnSetBuilder { kind, schema, columns: Vec::new(), list: None, issues: Vec::new() };
            for (file, sheet) in chain {
                for column in &sheet.columns {
                    builder.add(file, column);
                }
            }
            // What is wrong in a set that others extend is wrong once.
            let found: Vec<Issue> = builder.issues.iter().filter(|issue| !issues.contains(issue)).cloned().collect();
            issues.extend(found);
            sets.insert((*kind).to_owned(), builder.finish());
        }
        if issues.is_empty() { Ok(Self { sets, codes }) } else { Err(Error::unprocessable(issues)) }
    }

    /// The columns of this type, or of the generic one.
    pub fn get(&self, kind: &str) -> Option<&ColumnSet> {
        self.sets.get(kind).or_else(|| self.sets.get(GENERIC))
    }

    /// Opens a sheet of this type.
    ///
    /// # Errors
    /// A file without the columns of the type.
    pub fn open(&self, kind: &str, bytes: &[u8], options: Options) -> Result<SheetReader<'_>> {
        let set = self.get(kind).ok_or_else(|| Error::fault("there is no column set"))?;
        SheetReader::open(bytes, set, &self.codes, options)
    }

    /// All of them, by type.
    pub fn iter(&self) -> impl Iterator<Item = &ColumnSet> {
        self.sets.values()
    }
}

/// Reads the files of these types and what they extend.
fn read<'f>(
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    types: &[(&str, &Value)],
    issues: &mut Vec<Issue>,
) -> Files<'f> {
    let mut last: BTreeMap<&str, (&str, &[u8])> = BTreeMap::new();
    for (path, bytes) in files {
        if let Some(folder) = path.strip_suffix("/sheet.yaml") {
            last.insert(folder.rsplit('/').next().unwrap_or(folder), (path, bytes));
        }
    }
    let known: BTreeSet<&str> = last.keys().copied().collect();
    let mut read = BTreeMap::new();
    let mut wanted: Vec<String> = types.iter().rev().map(|(kind, _)| (*kind).to_owned()).collect();
    while let Some(kind) = wanted.pop() {
        let kind = if known.contains(kind.as_str()) { kind.as_str() } else { GENERIC };
        let Some((kind, (file, bytes))) = last.remove_entry(kind) else { continue };
        match source::read(file, bytes) {
            Ok(sheet) => {
                if sheet.sheet.value != kind {
                    let message = format!("{} stands in the folder {kind}", sheet.sheet.value);
                    let issue = crate::yaml::issue(file, sheet.sheet.referenced, message);
                    issues.push(issue.hint("give the folder and what is in it one name"));
                }
                wanted.extend(sheet.extends.as_ref().map(|base| base.value.clone()));
                read.insert(kind, (file, sheet));
            }
            Err(issue) => issues.push(*issue),
        }
    }
    read
}

/// The files of a type, the outermost that it extends first.
fn chain<'r>(kind: &str, files: &'r Files<'_>) -> Result<Vec<(&'r str, &'r SheetFile)>, Box<Issue>> {
    let mut chain: Vec<(&str, &SheetFile)> = Vec::new();
    let mut next = files.get(kind).or_else(|| files.get(GENERIC));
    while let Some((file, sheet)) = next {
        chain.push((file, sheet));
        let Some(base) = &sheet.extends else { break };
        let wrong =
            |message: String, fix: &'static str| Box::new(crate::yaml::issue(file, base.referenced, message).hint(fix));
        if chain.iter().any(|(_, sheet)| sheet.sheet.value == base.value) {
            return Err(wrong(format!("{} extends itself", base.value), "let one of the sheets stand alone"));
        }
        next = files.get(base.value.as_str());
        if next.is_none() {
            return Err(wrong(format!("there is no sheet {}", base.value), "name a program type that has one"));
        }
    }
    chain.reverse();
    Ok(chain)
}

/// A column set while it is made.
struct ColumnSetBuilder<'s> {
    kind: &'s str,
    schema: &'s Value,
    columns: Vec<(String, Column)>,
    list: Option<RecordPath>,
    issues: Vec<Issue>,
}

impl ColumnSetBuilder<'_> {
    /// Adds a column; one of the same name that an outer file has is replaced where it stands.
    fn add(&mut self, file: &str, read: &ColumnFile) {
        let Some(target) = self.target(file, read) else { return };
        let expected = match &read.record {
            Some(path) => self.expected(file, path, read.form),
            None => Some(Vec::new()),
        };
        let Some(listed) = expected else { return };
        let column = Column {
            name: read.column.value.clone(),
            about: read.about.clone(),
            target,
            form: read.form,
            aliases: read.aliases.iter().map(|alias| alias.value.clone()).collect(),
            code: read.code.as_ref().map(|code| Code {
                system: code.system.clone(),
                version: code.version.clone(),
                version_column: code.version_column.clone(),
            }),
            values: if read.values.is_empty() { listed } else { read.values.clone() },
            spellings: read.spellings.iter().map(|(other, value)| (other.to_lowercase(), value.clone())).collect(),
            absent: read.absent.iter().map(|text| text.to_lowercase()).collect(),
            width: read.width,
            aspect: read.tells,
            key: read.key,
            shown: read.shown,
        };
        let before = self.columns.iter().position(|(from, known)| known.name == column.name && from != file);
        let mut own: Vec<String> = Vec::new();
        for name in std::iter::once(&read.column).chain(&read.aliases) {
            self.check_name(file, name, &column.name, &own);
            own.push(plain(&name.value));
        }
        match before {
            Some(position) => self.columns[position] = (file.to_owned(), column),
            None => self.columns.push((file.to_owned(), column)),
        }
    }

    /// Is this name free?
    fn check_name(&mut self, file: &str, name: &Spanned<String>, column: &str, own: &[String]) {
        let wanted = plain(&name.value);
        let taken = self.columns.iter().find(|(from, known)| {
            let same = plain(&known.name) == wanted || known.aliases.iter().any(|alias| plain(alias) == wanted);
            same && !(known.name == column && from != file)
        });
        let taken = taken.map(|(_, known)| known.name.as_str());
        if let Some(known) = taken.or_else(|| own.contains(&wanted).then_some(column)) {
            let message = format!("{} is a name of the column {known} already", name.value);
            let issue = crate::yaml::issue(file, name.referenced, message);
            self.issues.push(issue.hint("give it another; case, spaces and signs do not tell names apart"));
        }
    }

    fn target(&mut self, file: &str, read: &ColumnFile) -> Option<ColumnTarget> {
        let mut wrong = |at, message: String, fix: &'static str| {
            self.issues.push(crate::yaml::issue(file, at, message).hint(fix));
            None
        };
        match (&read.record, &read.event, &read.row) {
            (Some(record), None, None) => {
                let path = match RecordPath::parse(&record.value) {
                    Ok(path) => path,
                    Err(message) => {
                        return wrong(record.referenced, message, "write it as participant.names[use=legal].first");
                    }
                };
                let Some((list, item)) = path.split_first_each() else { return Some(ColumnTarget::Record(path)) };
                if self.list.as_ref().is_some_and(|known| *known != list) {
                    let message = "a sheet has the items of one list as rows, and this is another".to_owned();
                    return wrong(record.referenced, message, "name one item of the list: [key=value] or [0]");
                }
                self.list = Some(list);
                Some(ColumnTarget::Item(item))
            }
            (None, Some(event), None) => match event.value.as_str() {
                "event" => Some(ColumnTarget::Event(EventCell::Event)),
                "reason" => Some(ColumnTarget::Event(EventCell::Reason)),
                "note" => Some(ColumnTarget::Event(EventCell::Note)),
                other => wrong(event.referenced, format!("an event has no {other}"), "write event, reason or note"),
            },
            (None, None, Some(row)) => match row.value.as_str() {
                "version" => Some(ColumnTarget::Row(RowCell::Version)),
                "removed" => Some(ColumnTarget::Row(RowCell::Removed)),
                "no-record" => Some(ColumnTarget::Row(RowCell::NoRecord)),
                other => {
                    let message = format!("a row says no {other} of itself");
                    wrong(row.referenced, message, "write version, removed or no-record")
                }
            },
            _ => {
                let message = format!("the column {} has to say one of record, event and row", read.column.value);
                wrong(read.column.referenced, message, "name the place of the record that its cells stand at")
            }
        }
    }

    /// The values that the record's schema lists at this place. None: it cannot stand there.
    fn expected(&mut self, file: &str, path: &Spanned<String>, form: CellFormat) -> Option<Vec<String>> {
        let parsed = RecordPath::parse(&path.value).ok()?;
        let mut wrong = |message: String, fix: String| {
            self.issues.push(crate::yaml::issue(file, path.referenced, message).hint(fix));
        };
        let Some(expected) = schema::expected_at(self.schema, &parsed.names()) else {
            let message = format!("a record of the type {} has no {}", self.kind, path.value);
            wrong(message, "name a place that record.schema.json has".to_owned());
            return None;
        };
        let fits = |kind: &String| match form {
            CellFormat::Number | CellFormat::Money => kind == "number" || kind == "integer",
            CellFormat::Integer => kind == "integer" || kind == "number",
            CellFormat::Boolean => kind == "boolean",
            _ => kind == "string",
        };
        if !expected.types.is_empty() && !expected.types.iter().any(fits) {
            let message = format!("{} is {} in the record", path.value, expected.types.join(" or "));
            wrong(message, "choose the form that fits, or a place within it".to_owned());
            return None;
        }
        Some(expected.values)
    }

    fn finish(self) -> ColumnSet {
        let mut columns: Vec<Column> = self.columns.into_iter().map(|(_, column)| column).collect();
        let is_named = |column: &Column| column.target == ColumnTarget::Row(RowCell::NoRecord);
        if !columns.iter().any(is_named) {
            columns.push(Column::no_record());
        }
        let mut names = HashMap::new();
        for (position, column) in columns.iter().enumerate() {
            for name in std::iter::once(&column.name).chain(&column.aliases) {
                // A column of the file counts before the one that every set has.
                names.entry(plain(name)).or_insert(position);
            }
        }
        ColumnSet { kind: self.kind.to_owned(), columns, list: self.list, names }
    }
}
