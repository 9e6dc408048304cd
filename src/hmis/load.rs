//! Reading the years of the format (`hmis/YEAR.yaml`): what was loaded works.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use crate::yaml;

use super::standard::{CellFormat, Codes, Column, Derive, Earlier, FileKind, RowsOf, Shape, Standard, Standards};
use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, SourcePosition};
use crate::record::{RecordPath, schema};

/// As long as an id may be.
const ID: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct YearFile {
    year: String,
    program: String,
    #[serde(default, rename = "sources")]
    _sources: Vec<String>,
    #[serde(default)]
    unverified: Vec<String>,
    #[serde(default)]
    always: BTreeMap<String, Spanned<String>>,
    lists: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    earlier: BTreeMap<String, Spanned<Earlier>>,
    tail: Vec<Spanned<ColumnFile>>,
    files: Vec<Spanned<KindFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct KindFile {
    file: String,
    rows: RowsOf,
    #[serde(default)]
    each: Option<Spanned<String>>,
    #[serde(default)]
    required: bool,
    #[serde(default = "yes")]
    tail: bool,
    id: String,
    #[serde(default)]
    when: Vec<String>,
    #[serde(default)]
    latest: Option<String>,
    columns: Vec<Spanned<ColumnFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ColumnFile {
    name: String,
    form: CellFormat,
    #[serde(default)]
    max: Option<usize>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    asked: bool,
    #[serde(default)]
    list: Option<String>,
    #[serde(default)]
    codes: BTreeMap<String, String>,
    #[serde(default)]
    record: Option<String>,
    #[serde(default, rename = "as")]
    shape: Shape,
    #[serde(default)]
    also: BTreeMap<String, String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    derive: Option<Derive>,
    #[serde(default)]
    fixed: Option<String>,
    #[serde(default)]
    absent: Option<String>,
    #[serde(default)]
    refuse: BTreeMap<String, String>,
}

fn yes() -> bool {
    true
}

impl Standards {
    /// The years in these files (path and bytes): `hmis/YEAR.yaml`, wherever the folder is; of two for one year the later
    /// counts. `schema` gives the schema of a program type's record, where it is at hand; the places that columns name
    /// are looked up in it.
    ///
    /// # Errors
    /// Every finding, with file (the issue's path), line, column and how to mend it; and what `schema` fails with.
    pub fn load<'f, 's>(
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
        schema: &dyn Fn(&str) -> Result<Option<&'s Value>>,
    ) -> Result<Self> {
        let (mut years, mut issues) = (Vec::new(), Vec::new());
        for (file, bytes) in files {
            let mut parts = file.rsplit(['/', '\\']);
            let name = parts.next().and_then(|name| name.strip_suffix(".yaml"));
            let is_year = name.is_some() && parts.next() == Some("hmis");
            if !is_year {
                continue;
            }
            match yaml::read::<YearFile>(file, bytes) {
                Err(issue) => issues.push(*issue),
                Ok(read) => {
                    let mut loading =
                        StandardLoader { file, schema: schema(&read.program)?, lists: BTreeMap::new(), issues };
                    let standard = loading.standard(&read);
                    issues = loading.issues;
                    // A folder laid over what is shipped says its year anew.
                    years.retain(|earlier: &Standard| earlier.year != standard.year);
                    years.push(standard);
                }
            }
        }
        years.sort_by(|one, other| one.year.cmp(&other.year));
        if issues.is_empty() { Ok(Self { years }) } else { Err(Error::unprocessable(issues)) }
    }
}

/// A year that is being loaded.
struct StandardLoader<'l> {
    file: &'l str,
    schema: Option<&'l Value>,
    lists: BTreeMap<&'l str, Arc<Codes>>,
    issues: Vec<Issue>,
}

impl<'l> StandardLoader<'l> {
    fn add_issue(&mut self, at: Location, message: impl Into<String>, fix: impl Into<String>) {
        let issue = Issue::error(Key::MapInvalid, self.file, message).hint(fix.into());
        self.issues.push(issue.maybe_at(SourcePosition::counted(at.line(), at.column())));
    }

    fn standard(&mut self, read: &'l YearFile) -> Standard {
        for (name, codes) in &read.lists {
            let earlier = read.earlier.get(name).map(|earlier| earlier.value.clone());
            self.lists.insert(name, Arc::new(Codes { titles: codes.clone(), earlier }));
        }
        for (name, earlier) in &read.earlier {
            let known = read.lists.get(name);
            if let Some(now) = earlier.value.codes.values().find(|now| known.is_none_or(|it| !it.contains_key(*now))) {
                let message = format!("{now} is no code of the list {name}");
                self.add_issue(earlier.referenced, message, "name a code that says the same now");
            }
        }
        let names: BTreeSet<&str> = read.files.iter().map(|file| file.value.file.as_str()).collect();
        let mut files: Vec<FileKind> = Vec::new();
        for file in &read.files {
            if files.iter().any(|earlier| earlier.name == file.value.file) {
                let message = format!("{} stands twice", file.value.file);
                self.add_issue(file.referenced, message, "keep one of them");
            }
            let kind = self.kind(file, &read.tail, &names);
            files.push(kind);
        }
        let mut always = Vec::new();
        for (path, value) in &read.always {
            always.extend(self.path(value.referenced, path, &[]).map(|path| (path, value.value.clone())));
        }
        Standard {
            year: read.year.clone(),
            program: read.program.clone(),
            unverified: read.unverified.clone(),
            always,
            files,
        }
    }

    fn kind(&mut self, file: &Spanned<KindFile>, tail: &[Spanned<ColumnFile>], names: &BTreeSet<&str>) -> FileKind {
        let read = &file.value;
        let each = read.each.as_ref().and_then(|each| self.list(each));
        if (read.rows == RowsOf::Item) != read.each.is_some() {
            self.add_issue(
                file.referenced,
                "rows: item and each belong together",
                "name the list of the record in each",
            );
        }
        let within: Vec<&str> = each.as_ref().map_or(vec![], |path| [path.names(), vec!["[]"]].concat());
        let mut columns: Vec<Column> = Vec::new();
        let tail = tail.iter().filter(|_| read.tail).map(|column| (column, true));
        for (column, is_tail) in read.columns.iter().map(|column| (column, false)).chain(tail) {
            if columns.iter().any(|earlier| earlier.name == column.value.name) {
                let message = format!("{} has the column {} twice", read.file, column.value.name);
                self.add_issue(column.referenced, message, "keep one of them");
            }
            let column = self.column(column, &within, names, is_tail);
            columns.push(column);
        }
        for named in [&read.id].into_iter().chain(&read.when).chain(&read.latest) {
            if !columns.iter().any(|column| column.name == *named) {
                let message = format!("{} has no column {named}", read.file);
                self.add_issue(file.referenced, message, "name one of its columns");
            }
        }
        FileKind {
            name: read.file.clone(),
            rows: read.rows,
            each,
            required: read.required,
            id: read.id.clone(),
            when: read.when.clone(),
            latest: read.latest.clone(),
            columns,
        }
    }

    /// The list of the record whose items are rows.
    fn list(&mut self, each: &Spanned<String>) -> Option<RecordPath> {
        match RecordPath::parse(&each.value) {
            Ok(path) => Some(path),
            Err(message) => {
                self.add_issue(each.referenced, message, "name a list of the record, as services");
                None
            }
        }
    }

    fn column(&mut self, column: &Spanned<ColumnFile>, within: &[&str], names: &BTreeSet<&str>, tail: bool) -> Column {
        let (at, read) = (column.referenced, &column.value);
        let codes = read.list.as_deref().and_then(|list| self.lists.get(list).cloned());
        if (read.form == CellFormat::Code || read.list.is_some()) && codes.is_none() {
            self.add_issue(at, format!("{} has no list of codes", read.name), "name one of lists");
        }
        let stated =
            [&read.fixed, &read.absent].into_iter().flatten().chain(read.codes.values()).chain(read.refuse.keys());
        for code in stated {
            if codes.as_ref().is_some_and(|codes| !codes.titles.contains_key(code)) {
                self.add_issue(at, format!("{code} is no code of its list"), "use a code of the list");
            }
        }
        if let Some(link) = read.link.as_deref().filter(|link| !names.contains(link)) {
            self.add_issue(at, format!("there is no file {link}"), "name one of files");
        }
        let record = read.record.as_deref().and_then(|path| self.path(at, path, within));
        let also = read.also.iter().filter_map(|(path, value)| Some((self.path(at, path, within)?, value.clone())));
        let also = also.collect();
        Column {
            name: read.name.clone(),
            form: read.form,
            max: read.max.or((read.form == CellFormat::Id).then_some(ID)),
            required: read.required,
            asked: read.asked,
            codes,
            record,
            shape: read.shape,
            words: read.codes.clone(),
            also,
            link: read.link.clone(),
            derive: read.derive,
            fixed: read.fixed.clone(),
            absent: read.absent.clone(),
            refuse: read.refuse.clone(),
            tail,
        }
    }

    fn path(&mut self, at: Location, text: &str, within: &[&str]) -> Option<RecordPath> {
        let Ok(path) = RecordPath::parse(text) else {
            let fix = "write it as enrollment.exit.destination, names[use=legal].first or suffix[0]";
            self.add_issue(at, format!("{text} is no place in a record"), fix);
            return None;
        };
        let names = [within, &path.names()].concat();
        if self.schema.is_some_and(|schema| schema::expected_at(schema, &names).is_none()) {
            let fix = "name a place that the record's schema has";
            self.add_issue(at, format!("the record's schema has no {}", names.join(".").replace(".[]", "[]")), fix);
        }
        Some(path)
    }
}
