//! HMIS CSV, in and out: the cases of fixtures/cases/hmis, the law that what goes out comes back, and what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod command;
mod large;
mod law;

use std::io::{Cursor, Read as _};
use std::sync::LazyLock;

use handoff::definitions::Definitions;
use handoff::error::Result;
use handoff::hmis::{self, Export, FileSetWriter, Finding, Level, Participation, Report, Rows, Standards};
use handoff::mapping::{ProgramType, ProgramTypes};
use handoff::shipped;
use serde_json::{Value, json};

static PROGRAMS: LazyLock<ProgramTypes> =
    LazyLock::new(|| ProgramTypes::shipped(&Definitions::shipped().unwrap()).expect("the shipped programs load"));

static STANDARDS: LazyLock<Standards> =
    LazyLock::new(|| Standards::load(shipped::files().iter().copied(), &schema).expect("the shipped years load"));

const HOUSING: Participation<'static> =
    Participation { title: "Supportive housing", victim_services: false, hmis: true };

fn program() -> &'static ProgramType {
    PROGRAMS.get("supportive-housing")
}

#[allow(clippy::unnecessary_wraps)] // the shape that is asked for
fn schema(kind: &str) -> Result<Option<&'static Value>> {
    let program = PROGRAMS.get(kind);
    Ok((program.kind == kind).then(|| program.schema_json()))
}

/// Names and bytes of files.
type Files = Vec<(String, Vec<u8>)>;

/// What came of a set that is held whole, or of records.
struct Outcome<T> {
    year: String,
    made: T,
    findings: Vec<Finding>,
}

impl<T> Outcome<T> {
    fn is_refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Refused)
    }
}

fn read(files: &[(String, Vec<u8>)], year: Option<&str>, rows: Rows) -> Outcome<Vec<Value>> {
    let files = files.iter().map(|(name, bytes)| (name.clone(), Cursor::new(bytes.as_slice()))).collect();
    let mut findings = Vec::new();
    let mut sink = |finding| findings.push(finding);
    let mut report = Report::new(&mut sink);
    let mut set = hmis::read(&STANDARDS, files, year, rows, &mut report).unwrap();
    set.check(&mut report, |_| Ok(())).unwrap();
    let made = set.records().collect::<Result<Vec<Value>>>().unwrap();
    Outcome { year: set.year().to_owned(), made, findings }
}

fn write(year: &str, records: &[Value], program: &Participation<'_>) -> Result<Outcome<Files>> {
    let standard = STANDARDS.get(year).unwrap();
    let mut findings = Vec::new();
    let mut sink = |finding| findings.push(finding);
    let mut report = Report::new(&mut sink);
    let mut scratch = || Ok(Cursor::new(Vec::new()));
    let mut set = FileSetWriter::new(&STANDARDS, standard, export(), program, &mut scratch)?;
    for record in records {
        set.add(record, &mut report)?;
    }
    let made = set.finish(&mut report)?.into_iter().map(|(name, mut content)| {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        (name, bytes)
    });
    Ok(Outcome { year: year.to_owned(), made: made.collect(), findings })
}

fn export() -> Export {
    Export {
        id: "EXP-9".to_owned(),
        time: "2026-11-25 08:00:00".to_owned(),
        start: Some("2025-05-01".to_owned()),
        end: "2026-11-25".to_owned(),
        version: "0".to_owned(),
    }
}

#[test]
fn programs_that_may_not_give_to_an_hmis_are_refused_in_words() {
    let refused = |participation: &Participation<'_>| write("fy2026", &[], participation).err().unwrap().to_string();
    let shelter = Participation { title: "A shelter", victim_services: true, hmis: true };
    assert!(refused(&shelter).contains("34 U.S.C. 12291(b)(2)"));
    let pantry = Participation { title: "A pantry", victim_services: false, hmis: false };
    assert!(refused(&pantry).contains("takes no part in an HMIS"));
}

#[test]
fn a_record_of_a_victim_service_provider_is_refused() {
    let mut record: Value = serde_json::from_slice(&law::journey("13-moved-on.json")).unwrap();
    record["extras"] = json!({ "hmis": { "Organization": { "VictimServiceProvider": "1" } } });
    let written = write("fy2026", &[record], &HOUSING).unwrap();
    assert!(written.is_refused() && written.made.is_empty());
}

#[test]
fn two_records_of_one_enrollment_are_refused() {
    let record: Value = serde_json::from_slice(&law::journey("13-moved-on.json")).unwrap();
    let records = [record.clone(), record];
    let written = write("fy2026", &records, &HOUSING).unwrap();
    assert!(written.is_refused() && written.made.is_empty());
}

#[test]
fn what_has_no_room_is_said() {
    let mut record: Value = serde_json::from_slice(&law::journey("13-moved-on.json")).unwrap();
    record["services"][0]["amount"]["currency"] = json!("CAD");
    record["services"][1].as_object_mut().unwrap().remove("recordType");
    record["typeData"]["incomes"][0]["sources"][0]["source"] = json!("Lottery");
    let written = write("fy2024", &[record], &HOUSING).unwrap();
    let message: Vec<String> = written.findings.iter().map(ToString::to_string).collect();
    for part in [
        "Services.csv, FAAmount: amount.currency is not USD",
        "Services.csv: no row without RecordType",
        "IncomeBenefits.csv: sources has an entry for which there is no column",
        "Project.csv, OperatingStartDate: HMIS asks for a value",
    ] {
        assert!(message.iter().any(|line| line.contains(part)), "{part} is not among {message:#?}");
    }
    assert_eq!(written.made.len(), 13);
}

#[test]
fn faults_of_a_year_are_found_where_they_stand() {
    let shipped = shipped::files().iter().find(|(path, _)| path.ends_with("hmis/fy2026.yaml")).unwrap();
    let text = std::str::from_utf8(shipped.1).unwrap();
    let column = "name: EntryDate, form: date, required: true, record: enrollment.entryDate";
    for (from, to, part) in [
        (column, "name: PersonalID, form: date, required: true, record: enrollment.entryDate", "PersonalID twice"),
        (column, "name: EntryDate, form: day, required: true, record: enrollment.entryDate", "unknown variant `day`"),
        (column, "name: EntryDate, form: date, required: true, record: enrollment.begun", "has no enrollment.begun"),
        (column, "name: EntryDate, form: code, list: days, record: enrollment.entryDate", "no list of codes"),
        ("fixed: handoff }", "fixed: handoff, link: Staff.csv }", "there is no file Staff.csv"),
        ("\"16\": \"116\"", "\"16\": \"716\"", "716 is no code of the list"),
        ("each: services\n", "each: services[0\n", "not closed in services[0"),
    ] {
        let broken = text.replace(from, to);
        assert_ne!(broken, text, "{from} is not in the file");
        let error = Standards::load([("own/hmis/fy2026.yaml", broken.as_bytes())], &schema).unwrap_err();
        let issue = &error.issues[0];
        assert!(error.to_string().contains(part), "{error}");
        assert!(issue.path == "own/hmis/fy2026.yaml" && issue.position.is_some(), "{issue:?}");
    }
}
