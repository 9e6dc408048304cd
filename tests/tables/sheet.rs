//! Sheets: what is written is read back as no change, and each fault of spreadsheets has a case with its report.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use handoff::app::ProgramTypeFolders;
use handoff::cli::hmis::HmisArgs;
use handoff::cli::translate::{Args, Format, InputFormat, Target, run};
use handoff::cli::{Exit, Streams};
use handoff::definitions::Definitions;
use handoff::sheet::{self, ColumnSets, ColumnTarget, Options, SheetReader};
use serde_json::{Value, json};

fn sheets() -> &'static ColumnSets {
    static SHEETS: OnceLock<ColumnSets> = OnceLock::new();
    SHEETS.get_or_init(|| {
        let files = ProgramTypeFolders::default().files().unwrap();
        let programs = files.programs(&Definitions::r4().unwrap()).unwrap();
        files.sheets(programs.iter(), programs.crosswalks()).unwrap_or_else(|error| panic!("{error}"))
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

fn all(reading: &SheetReader<'_>) -> Vec<Value> {
    let findings = reading.findings.iter().map(sheet::Finding::to_value);
    findings.collect()
}

#[test]
fn what_is_written_is_read_back_as_no_change() {
    for (name, record) in records() {
        let text = sheet::write(sheets(), [(&record, None)]).unwrap();
        let kind = record["type"].as_str().unwrap();
        let reading = sheets().open(kind, text.as_bytes(), Options::default()).unwrap();
        assert_eq!(all(&reading), Vec::<Value>::new(), "{name}");
        let made = reading.record(&reading.groups()[0], Some(&record), None);
        assert_eq!((made.findings, made.event), (Vec::new(), None), "{name}");
        assert_eq!(made.record, Some(record), "{name}");
    }
}

#[test]
fn what_is_written_is_read_without_the_record_as_it_was() {
    for (name, record) in records() {
        let text = sheet::write(sheets(), [(&record, None)]).unwrap();
        let set = sheets().get(record["type"].as_str().unwrap()).unwrap();
        let reading = sheets().open(&set.kind, text.as_bytes(), Options::default()).unwrap();
        let made = reading.record(&reading.groups()[0], None, None);
        let made = made.record.unwrap_or_else(|| panic!("{name}: {:?}", made.findings));
        for column in &set.columns {
            let items = |record: &Value| record["services"].as_array().cloned().unwrap_or_default();
            match &column.target {
                ColumnTarget::Record(path) => {
                    assert_eq!(path.get(&made), path.get(&record), "{name}: {}", column.name);
                }
                ColumnTarget::Item(path) => {
                    let (made, record) = (items(&made), items(&record));
                    let at = |items: &[Value]| items.iter().map(|item| path.get(item).cloned()).collect::<Vec<_>>();
                    assert_eq!(at(&made), at(&record), "{name}: {}", column.name);
                }
                ColumnTarget::Event(_) | ColumnTarget::Row(_) => {}
            }
        }
        assert_eq!(sheet::write(sheets(), [(&made, None)]).unwrap(), text, "{name}");
    }
}

// === the faults of spreadsheets

/// What goes wrong with the sheets of agencies, and the cases that show what becomes of it.
const FAULTS: &[(&str, &[&str])] = &[
    ("a byte order mark", &["bom"]),
    ("UTF-16", &["utf-16"]),
    ("Windows-1252", &["windows-1252"]),
    ("smart quotes and dashes in names", &["smart-quotes", "windows-1252"]),
    ("semicolons and tabs between cells", &["semicolons", "tabs"]),
    ("newlines in cells", &["quoted-newlines"]),
    ("empty rows and columns at the end", &["empty-rows-and-columns"]),
    ("rows that add up others", &["total-rows"]),
    ("titles above the header", &["title-rows"]),
    (
        "headers that are renamed, reordered, double, unknown",
        &["renamed-headers", "reordered-headers", "duplicate-headers", "unknown-columns", "uneven-rows"],
    ),
    ("lost leading zeros", &["zip-without-zeros", "identifier-without-zeros"]),
    ("1-2 becomes a date", &["turned-into-date"]),
    ("fifteen digits are kept", &["rounded-digits", "scientific-notation"]),
    ("serial dates", &["serial-dates"]),
    ("two-digit years", &["two-digit-years"]),
    (
        "month and day, or day and month",
        &[
            "day-or-month-by-the-column",
            "day-or-month-undecided",
            "day-or-month-said",
            "dates-of-both-orders",
            "impossible-dates",
        ],
    ),
    ("placeholders for birth dates", &["placeholder-birth-dates"]),
    ("values that stand for none", &["sentinels", "hmis-answers-stay"]),
    ("partial birth dates", &["partial-birth-dates"]),
    ("nicknames, two surnames, capitals", &["names"]),
    ("names that hide a person", &["code-names"]),
    ("no fixed address", &["no-fixed-address"]),
    ("a row for each service, or for each person", &["row-for-each-service", "rows-that-disagree"]),
    ("outcomes in free text", &["free-text-outcomes", "spellings", "yes-and-no"]),
    (
        "codes of another version, without dot, not billed",
        &["codes-of-another-version", "icd-without-dot", "codes-that-are-not-billed"],
    ),
    ("the same file, or row, again", &["the-same-file-again", "duplicate-rows", "a-changed-row"]),
    ("rows that were told in place of a record", &["rows-without-a-record"]),
    ("two persons under one id", &["two-persons"]),
    ("no referral id", &["missing-referral-id", "gateway/told-by-person-service-and-date", "gateway/two-alike"]),
    ("first and last name swapped", &["swapped-names"]),
    ("partial Social Security numbers", &["partial-ssn"]),
    ("rows that were written before others", &["stale-rows", "stale-rows-in-conflict", "gateway/stale-rows"]),
    ("what is deleted, and what is left out", &["deleted-services", "omitted-services"]),
    ("times without zone", &["times-without-zone", "times-with-a-zone-said"]),
    ("amounts with signs", &["amounts"]),
    ("telephone numbers with extension", &["phones"]),
    ("formulas", &["formulas"]),
    ("what happened since, and a status of yesterday", &["events", "a-column-for-reading"]),
];

fn cases() -> PathBuf {
    root().join("fixtures/cases/sheet")
}

#[test]
fn each_fault_of_sheets_has_a_case() {
    let names: Vec<&str> = FAULTS.iter().flat_map(|(_, cases)| cases.iter().copied()).collect();
    for name in &names {
        for extension in ["csv", "expect"] {
            assert!(cases().join(name).with_extension(extension).is_file(), "there is no {name}.{extension}");
        }
    }
    for path in files(&cases(), "csv") {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(names.contains(&stem), "{stem} is a case of no fault");
    }
}

/// `HANDOFF_BLESS=1` writes the expectations anew.
#[test]
fn each_case_gives_its_records_and_its_report() {
    let mut seen = Vec::new();
    for path in files(&cases(), "csv") {
        let expect = path.with_extension("expect");
        let message: Value = serde_json::from_str(&std::fs::read_to_string(&expect).unwrap()).unwrap();
        let made = read(&std::fs::read(&path).unwrap(), &message);
        for finding in made["report"].as_array().unwrap() {
            seen.push(finding["fault"].as_str().unwrap().to_owned());
        }
        if std::env::var_os("HANDOFF_BLESS").is_some() {
            std::fs::write(&expect, format!("{made:#}\n")).unwrap();
        } else {
            assert_eq!(made, message, "{}", path.display());
        }
    }
    // These are found by whoever takes the records.
    let outside = ["record", "referral", "already", "event-left-out", "matched"];
    for fault in sheet::Fault::ALL.iter().map(|fault| fault.code()).filter(|code| !outside.contains(code)) {
        assert!(seen.iter().any(|code| code == fault), "no case has the fault {fault}");
    }
}

/// What a case gives: what it says itself, the records, the events, and the report.
fn read(bytes: &[u8], message: &Value) -> Value {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    let options = Options::parse(text("zone"), text("dates")).unwrap();
    let reading = sheets().open(text("program").unwrap(), bytes, options).unwrap();
    let mut report = all(&reading);
    let (mut records, mut events) = (Vec::new(), Vec::new());
    for group in reading.groups() {
        let own = |name: &str| message.get(name).filter(|record| record["id"] == group.id.as_str());
        let made = reading.record(group, own("base"), own("older"));
        report.extend(made.findings.iter().map(sheet::Finding::to_value));
        records.extend(made.record);
        events.extend(made.event);
    }
    let mut made = json!({});
    for name in ["program", "zone", "dates", "base", "older"] {
        if let Some(value) = message.get(name) {
            made[name] = value.clone();
        }
    }
    made["records"] = records.into();
    if !events.is_empty() {
        made["events"] = events.into();
    }
    made["report"] = report.into();
    made
}

#[test]
fn no_finding_shows_what_a_cell_says() {
    for path in files(&cases(), "csv") {
        let expect: Value =
            serde_json::from_str(&std::fs::read_to_string(path.with_extension("expect")).unwrap()).unwrap();
        let report = expect["report"].to_string();
        for word in ["Quillfeather", "QUILLFEATHER", "Imogen", "1984", "0199", "1234567890", "Fernhollow", "Moss"] {
            assert!(!report.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn what_is_wrong_with_a_column_set_is_said_with_its_place() {
    let files = ProgramTypeFolders::default().files().unwrap();
    let programs = files.programs(&Definitions::r4().unwrap()).unwrap();
    let types: Vec<(&str, &Value)> =
        programs.iter().map(|program| (program.kind.as_str(), program.map.schema().json())).collect();
    let load = |text: &str| {
        let generic: Vec<(&str, &Value)> = types.iter().copied().filter(|(kind, _)| *kind == "generic").collect();
        ColumnSets::load([("generic/sheet.yaml", text.as_bytes())], &generic, sheet::Codes::default())
            .map(|_| ())
            .unwrap_err()
            .issues
            .first()
            .map(|issue| {
                let place = issue.position.unwrap();
                format!("{} {}:{} {}", issue.path, place.line, place.column, issue.text)
            })
            .unwrap()
    };
    let head = "sheet: generic\ncolumns:\n  - { column: referral_id, record: id, about: x }\n";
    let one = |row: &str| load(&format!("{head}  - {row}\n"));
    assert_eq!(
        one("{ column: a, record: participant.shoeSize, about: x }"),
        "generic/sheet.yaml 4:26 a record of the type generic has no participant.shoeSize"
    );
    assert_eq!(
        one("{ column: Referral ID, record: type, about: x }"),
        "generic/sheet.yaml 4:15 Referral ID is a name of the column referral_id already"
    );
    assert!(one("{ column: a, record: participant.names, about: x }").contains("is array in the record"));
    assert!(one("{ column: a, record: type, colour: red, about: x }").contains("unknown field `colour`"));
    assert!(one("{ column: a, about: x }").contains("has to say one of record, event and row"));
}

// === the command

/// `handoff translate`: how it ends, what it gives, and what it reports.
fn translate(from: Option<InputFormat>, to: Target, input: &str, progress: bool) -> (Exit, String, String) {
    let args = Args {
        to,
        from,
        program: from.map(|_| "community-action".to_owned()),
        programs: None,
        with: None,
        explain: false,
        format: Format::Json,
        zone: Some("-06:00".to_owned()),
        dates: None,
        hmis: HmisArgs::default(),
        input: PathBuf::from("-"),
    };
    let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), input.as_bytes());
    let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err, colour: false, progress };
    let exit = run(&args, &mut streams).unwrap_or_else(|error| panic!("{error}"));
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[test]
fn the_command_makes_records_of_rows_and_rows_of_records() {
    let sheet = "referral_id,event,last_name,service_date,service,amount\n\
                 task-1,accept,Quillfeather,2026-11-03 10:00,Rent,$640.00\n\
                 task-2,,Moss,,Rent without a date,85\n\
                 task-3,,Vane,2026-11-05,Rent,many\n";
    let (exit, records, report) = translate(Some(InputFormat::Csv), Target::Record, sheet, false);
    assert_eq!(exit, Exit::Invalid, "{report}");
    let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 1, "{report}");
    assert_eq!(records[0]["services"][0]["at"], "2026-11-03T10:00:00-06:00");
    let lines: Vec<Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(u64, &str, &str)> = lines
        .iter()
        .filter_map(|line| Some((line["row"].as_u64()?, line["fault"].as_str()?, line["done"].as_str()?)))
        .collect();
    assert_eq!(
        told,
        [
            (2, "time-without-zone", "changed"),
            (2, "amount", "changed"),
            (2, "event-left-out", "left-out"),
            (3, "record", "refused"),
            (4, "not-a-number", "refused")
        ]
    );
    assert_eq!(lines.last().unwrap()["records"], 1);
    assert!(!report.contains("Quillfeather") && !report.contains('\r'), "{report}");

    let one = records[0].to_string();
    for input in [one.clone(), format!("{one}\n{one}\n"), format!("[{one}]")] {
        let (exit, sheet, _) = translate(None, Target::Csv, &input, false);
        assert_eq!(exit, Exit::Done);
        assert!(sheet.starts_with("referral_id,version,type,status,event,"), "{sheet}");
        assert!(sheet.lines().nth(1).unwrap().starts_with("task-1,,community-action,"), "{sheet}");
    }
    let (.., report) = translate(Some(InputFormat::Csv), Target::Record, sheet, true);
    assert!(report.contains("of 3 referrals"), "progress is for terminals: {report}");
}
