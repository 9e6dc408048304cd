//! `fixtures/cases/hmis/NAME`: a folder of CSV files, and what comes of it. A case may stand over another and hold only
//! the files that differ.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use handoff::hmis::Rows;
use serde::Deserialize;
use serde_json::Value;

use super::{Files, program, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows
    says: String,
    /// The case that it stands over
    over: Option<String>,
    /// Files of that case that are not there
    #[serde(default)]
    without: Vec<String>,
    /// The year that is asked for
    hmis: Option<String>,
    /// Which rows: all or good
    rows: Option<String>,
    /// The year that it is read as
    year: String,
    records: Vec<Value>,
    /// Each finding as it is told
    report: Vec<String>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cases/hmis")
}

fn csv_files(folder: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "csv") {
            into.insert(path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap());
        }
    }
}

#[test]
fn every_case_gives_its_records_and_its_report() {
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 20);
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let case: Case = serde_json::from_slice(&fs::read(folder.join("expect.json")).unwrap())
            .unwrap_or_else(|error| panic!("{name}/expect.json: {error}"));
        let mut files = BTreeMap::new();
        if let Some(over) = &case.over {
            csv_files(&root().join(over), &mut files);
        }
        csv_files(&folder, &mut files);
        files.retain(|file, _| !case.without.contains(file));
        let files: Files = files.into_iter().collect();
        let rows = if case.rows.as_deref() == Some("good") { Rows::Good } else { Rows::All };
        let got = read(&files, case.hmis.as_deref(), rows);
        let report: Vec<String> = got.findings.iter().map(ToString::to_string).collect();
        if report != case.report || got.made != case.records || got.year != case.year {
            let records = serde_json::to_string_pretty(&got.made).unwrap();
            wrong.push(format!("{name} ({}): {} {report:#?}\n{records}", case.says, got.year));
        }
        for record in &got.made {
            let issues = program().check(record);
            assert!(issues.is_empty(), "{name}: a record breaks its schema: {issues:?}");
        }
        assert!(rows == Rows::Good || !got.is_refused() || got.made.is_empty(), "{name}: half-imported");
    }
    assert!(wrong.is_empty(), "{} cases give something else:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_file_in_another_encoding_is_refused_and_a_mark_is_said() {
    let mut files = BTreeMap::new();
    csv_files(&root().join("complete-fy2026"), &mut files);
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice(&files["Client.csv"]);
    files.insert("Client.csv".to_owned(), marked);
    let read = |files: &BTreeMap<String, Vec<u8>>| {
        let files: Files = files.iter().map(|(name, bytes)| (name.clone(), bytes.clone())).collect();
        read(&files, None, Rows::All)
    };
    let got = read(&files);
    assert_eq!(got.made.len(), 2);
    assert!(got.findings.iter().any(|it| it.found.contains("byte order mark")));
    files.get_mut("Client.csv").unwrap().extend_from_slice(b"P-9,Zo\xeb\n");
    assert!(read(&files).findings.iter().any(|it| it.found == "the file is not UTF-8"));
}
