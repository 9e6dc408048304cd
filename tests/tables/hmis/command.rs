//! `handoff translate` with HMIS CSV.

use std::path::Path;

use clap::Parser;
use handoff::cli::{Cli, Exit, Streams, run};
use serde_json::Value;

use super::{cases, law};

fn handoff(args: &[&str], mut input: &[u8]) -> (Exit, String, String) {
    let cli = Cli::try_parse_from(["handoff", "translate"].iter().chain(args)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = Streams { input: &mut input, out: &mut out, err: &mut err, colour: false, progress: false };
    let exit = run(&cli, &mut streams);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn case(name: &str) -> String {
    cases::root().join(name).display().to_string()
}

#[test]
fn a_folder_becomes_records_and_records_a_zip() {
    let (exit, records, report) = handoff(&["--from", "hmis", "--to", "record", &case("complete-fy2026")], b"");
    assert_eq!((exit, records.lines().count()), (Exit::Done, 2), "{report}");
    assert!(report.contains("information Disabilities.csv"), "{report}");

    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("out.zip").display().to_string();
    let args = ["--from", "record", "--to", "hmis", "--hmis", "fy2024", "--output", &zip, "-"];
    let (exit, _, report) = handoff(&args, records.as_bytes());
    assert_eq!(exit, Exit::Done, "{report}");

    let (exit, told, report) = handoff(&["--from", "hmis", "--to", "record", "--format", "json", &zip], b"");
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}{report}"));
    assert_eq!(
        (exit, told["hmis"].as_str(), told["records"].as_array().unwrap().len()),
        (Exit::Done, Some("fy2024"), 2)
    );
    assert_eq!(told["records"][0]["enrollment"]["exitDate"], "2026-10-31");
}

#[test]
fn what_an_hmis_says_goes_through_fhir() {
    let (_, records, _) = handoff(&["--from", "hmis", "--to", "record", &case("complete-fy2026")], b"");
    for record in records.lines() {
        let (exit, bundle, message) = handoff(&["--from", "record", "--to", "fhir", "-"], record.as_bytes());
        assert_eq!(exit, Exit::Done, "{message}");
        let (exit, again, message) = handoff(&["--from", "fhir", "--to", "record", "-"], bundle.as_bytes());
        assert_eq!(exit, Exit::Done, "{message}");
        let (first, second): (Value, Value) =
            (serde_json::from_str(record).unwrap(), serde_json::from_str(&again).unwrap());
        assert_eq!(law::room(&first), law::room(&second));
        assert_eq!(first["extras"]["hmis"], second["extras"]["hmis"]);
    }
}

#[test]
fn a_refused_row_leaves_no_record() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["complete-fy2026", "duplicate-id"] {
        for entry in std::fs::read_dir(cases::root().join(name)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    let set = folder.path().display().to_string();
    let (exit, records, report) = handoff(&["--from", "hmis", "--to", "record", &set], b"");
    assert_eq!((exit, records.as_str()), (Exit::Invalid, ""));
    assert!(report.contains("refused Services.csv row 3, ServicesID: row 2 has the same id"), "{report}");
    let (exit, records, _) = handoff(&["--from", "hmis", "--to", "record", "--rows", "good", &set], b"");
    assert_eq!((exit, records.lines().count()), (Exit::Invalid, 2));
}

#[test]
fn what_cannot_be_asked_for_is_said() {
    let (exit, _, message) = handoff(&["--to", "hmis", "-"], b"{}");
    assert!(exit == Exit::Usage && message.contains("--output"), "{message}");
    let (exit, _, message) = handoff(&["--from", "hmis", "--to", "fhir", "-"], b"");
    assert!(exit == Exit::Usage && message.contains("by way of the record"), "{message}");
    let (exit, _, message) = handoff(&["--from", "hmis", "--to", "record", "--hmis", "fy1999", "-"], b"");
    assert!(exit == Exit::Usage && message.contains("fy2024 and fy2026 are known"), "{message}");
    let (exit, _, message) = handoff(&["--from", "hmis", "--to", "record", "-"], b"no zip");
    assert!(exit == Exit::Invalid && message.contains("the zip cannot be read"), "{message}");
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("out.zip");
    let path = zip.display().to_string();
    let example =
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles/programs/chw/example.json")).unwrap();
    let (exit, _, message) = handoff(&["--to", "hmis", "--output", &path, "-"], &example);
    assert!(exit == Exit::Failed && message.contains("takes no part in an HMIS") && !zip.exists(), "{message}");
}

#[test]
fn no_type_is_read_that_is_not_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    // Types that cannot be read: whoever looks at one of them fails.
    for number in 0..20 {
        let own = folder.path().join(format!("programs/broken-{number}"));
        std::fs::create_dir_all(&own).unwrap();
        for file in ["program.yaml", "map.yaml", "record.schema.json", "sheet.yaml", "example.json"] {
            std::fs::write(own.join(file), "[ {").unwrap();
        }
    }
    let programs = folder.path().join("programs").display().to_string();
    let zip = folder.path().join("out.zip").display().to_string();
    let translate = |args: &[&str], input: &[u8]| {
        let (exit, out, message) = handoff(&[&["--programs", &programs], args].concat(), input);
        assert_eq!(exit, Exit::Done, "{args:?}: {message}");
        out
    };
    let records = translate(&["--from", "hmis", "--to", "record", &case("complete-fy2026")], b"");
    translate(&["--from", "record", "--to", "hmis", "--output", &zip, "-"], records.as_bytes());
    let sheet = translate(&["--from", "record", "--to", "csv", "-"], records.as_bytes());
    translate(&["--from", "csv", "--to", "record", "--program", "supportive-housing", "-"], sheet.as_bytes());
    let first = records.lines().next().unwrap();
    translate(&["--from", "record", "--to", "fhir", "-"], first.as_bytes());
    let (exit, _, message) = handoff(&["--programs", &programs, "--to", "record", "--program", "broken-7", "-"], b"{}");
    assert!(exit != Exit::Done && !message.contains("there is no program type"), "{message}");
}
