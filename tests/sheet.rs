//! Sheets: what is written is read back as no change, and each fault of spreadsheets has a case with its report.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use handoff::app::ProgramTypes;
use handoff::definitions::Definitions;
use handoff::sheet::{self, ColumnSets, Options, Place, Reading};
use serde_json::Value;

fn sheets() -> &'static ColumnSets {
    static SHEETS: OnceLock<ColumnSets> = OnceLock::new();
    SHEETS.get_or_init(|| {
        let files = ProgramTypes::default().files().unwrap();
        let programs = files.programs(&Definitions::r4().unwrap()).unwrap();
        files.sheets(&programs).unwrap_or_else(|error| panic!("{error}"))
    })
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|own| own == extension));
    found.sort();
    found
}

/// Every record of every journey.
fn records() -> Vec<(String, Value)> {
    let mut records = Vec::new();
    for set in sheets().iter() {
        for path in files(&root().join("fixtures/cases/programs").join(&set.kind), "json") {
            let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            if value.get("referral").is_some() && value.get("type").is_some() {
                records.push((path.display().to_string(), value));
            }
        }
    }
    assert!(records.len() > 40, "{} records", records.len());
    records
}

fn all(reading: &Reading<'_>) -> Vec<Value> {
    let findings = reading.findings.iter().map(sheet::Finding::to_value);
    findings.collect()
}

#[test]
fn what_is_written_is_read_back_as_no_change() {
    for (name, record) in records() {
        let text = sheet::write(sheets(), [&record]).unwrap();
        let kind = record["type"].as_str().unwrap();
        let reading = sheets().open(kind, text.as_bytes(), Options::default()).unwrap();
        assert_eq!(all(&reading), Vec::<Value>::new(), "{name}");
        let made = reading.record(&reading.groups()[0], Some(&record));
        assert_eq!((made.findings, made.event), (Vec::new(), None), "{name}");
        assert_eq!(made.record, Some(record), "{name}");
    }
}

#[test]
fn what_is_written_is_read_without_the_record_as_it_was() {
    for (name, record) in records() {
        let text = sheet::write(sheets(), [&record]).unwrap();
        let set = sheets().get(record["type"].as_str().unwrap()).unwrap();
        let reading = sheets().open(&set.kind, text.as_bytes(), Options::default()).unwrap();
        let made = reading.record(&reading.groups()[0], None);
        let made = made.record.unwrap_or_else(|| panic!("{name}: {:?}", made.findings));
        for column in &set.columns {
            let items = |record: &Value| record["services"].as_array().cloned().unwrap_or_default();
            match &column.place {
                Place::Record(path) => assert_eq!(path.get(&made), path.get(&record), "{name}: {}", column.name),
                Place::Item(path) => {
                    let (made, record) = (items(&made), items(&record));
                    let at = |items: &[Value]| items.iter().map(|item| path.get(item).cloned()).collect::<Vec<_>>();
                    assert_eq!(at(&made), at(&record), "{name}: {}", column.name);
                }
                Place::Event(_) => {}
            }
        }
        assert_eq!(sheet::write(sheets(), [&made]).unwrap(), text, "{name}");
    }
}
