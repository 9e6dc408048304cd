//! Sets larger than memory: what is held grows by an index of the rows alone, in whatever order the files have them.
//!
//! Before sets were streamed, one of 200,000 enrollments (192 MB) took 10.5 GB: 52 kB for each enrollment.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use handoff::hmis::Rows;
use serde_json::Value;

use super::cases::root;
use super::{Files, HOUSING, read, write};

/// What one enrollment of eight rows more may add to what is held: its places and ids, twice where a table grows.
const MAX_BYTES_OF_ENROLLMENT: u64 = 1500;

/// As many enrollments as asked for, each of its own person, with the rows that the complete case has for one. A file has
/// them in the order of the enrollments, or each file in another.
fn set(count: usize, is_sorted: bool) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(root().join("complete-fy2026")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|it| it != "csv") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (header, rows) = text.split_once('\n').unwrap();
        let of_person: Vec<&str> = rows.lines().filter(|row| row.contains("P-30981")).collect();
        if of_person.is_empty() {
            files.push((name, text.into_bytes()));
            continue;
        }
        let mut made = format!("{header}\n");
        // A stride that shares no factor with the count reaches each once.
        let stride = if is_sorted { 1 } else { [7919, 104_729, 1009][name.len() % 3] };
        for number in (0..count).map(|at| at * stride % count) {
            for row in &of_person {
                let row = row.replace("P-30981", &format!("P-{number}")).replace("E-55102", &format!("E-{number}"));
                let row = row.replace("H-77120", &format!("H-{number}"));
                let (id, rest) = row.split_once(',').unwrap();
                let id = if id.contains(&number.to_string()) { id.to_owned() } else { format!("{id}-{number}") };
                made.extend([&id, ",", rest, "\n"]);
            }
        }
        files.push((name, made.into_bytes()));
    }
    files
}

fn save(files: &Files, folder: &Path) {
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn handoff(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handoff"));
    command.arg("translate").args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The most that a process held so far, in bytes.
fn held(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let [sorted, mixed] = [true, false].map(|is_sorted| read(&set(50, is_sorted), None, Rows::All));
    assert_eq!((sorted.made.len(), mixed.made.len()), (50, 50), "{:?}", mixed.findings);
    assert_ne!(sorted.made[1]["id"], mixed.made[1]["id"]);
    for record in &sorted.made {
        assert!(mixed.made.contains(record), "{record}");
    }
    let [sorted, mixed] = [sorted, mixed].map(|outcome| write("fy2026", &outcome.made, &HOUSING).unwrap());
    assert_eq!(sorted.findings.len(), mixed.findings.len());
    for (one, other) in sorted.made.iter().zip(&mixed.made) {
        let lines = |bytes: &[u8]| {
            let mut lines: Vec<String> = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines(&one.1), lines(&other.1), "{}", one.0);
    }
}

#[test]
fn what_records_say_differently_of_one_person_is_told_by_column() {
    let mut records = read(&set(3, true), None, Rows::All).made;
    for record in &mut records {
        record["typeData"]["hmisIds"]["personalId"] = "P-0".into();
    }
    records[2]["participant"]["names"][0]["last"] = "Fern".into();
    let written = write("fy2026", &records, &HOUSING).unwrap();
    let told: Vec<String> = written.findings.iter().map(ToString::to_string).collect();
    let told: Vec<&String> = told.iter().filter(|line| line.contains("says otherwise")).collect();
    assert!(matches!(told[..], [line] if line.contains("record 3 Client.csv, LastName")), "{told:?}");
    let (_, clients) = written.made.iter().find(|(name, _)| name == "Client.csv").unwrap();
    assert_eq!(String::from_utf8_lossy(clients).lines().count(), 2);
}

/// A record of which HMIS asks for more: the first day of its project.
fn without_start_of_project(record: &str) -> String {
    let mut record: Value = serde_json::from_str(record).unwrap();
    record["extras"]["hmis"].as_object_mut().unwrap().remove("Project").unwrap();
    format!("{record}\n")
}

#[test]
fn more_enrollments_are_held_by_their_index() {
    if !Path::new("/proc/self/status").exists() {
        eprintln!("skipped: there is no /proc to ask what a process held");
        return;
    }
    let count = crate::scale::scaled(50_000) as usize;
    let folder = tempfile::tempdir().unwrap();
    let (mut reading, mut writing) = (Vec::new(), Vec::new());
    // What a process holds besides differs by a megabyte from run to run, so that there are many more.
    for count in [count, 4 * count] {
        let path = folder.path().join(count.to_string());
        fs::create_dir(&path).unwrap();
        save(&set(count, false), &path);
        let mut child = handoff(&["--from", "hmis", "--to", "record", &path.display().to_string()]);
        let mut told = child.stderr.take().unwrap();
        let findings = std::thread::spawn(move || {
            let mut text = String::new();
            told.read_to_string(&mut text).unwrap();
            text
        });
        // Who reads no further holds the process back, behind the check of the whole set.
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        out.read_line(&mut first).unwrap();
        reading.push(held(&child));
        let records = std::iter::once(first).chain(out.lines().map(Result::unwrap));
        let records: Vec<String> = records.map(|record| without_start_of_project(&record)).collect();
        assert!(child.wait().unwrap().success(), "{}", findings.join().unwrap());
        assert_eq!(records.len(), count);

        let zip = folder.path().join(format!("{count}.zip")).display().to_string();
        let mut child = handoff(&["--to", "hmis", "--output", &zip, "--format", "json", "-"]);
        let mut input = child.stdin.take().unwrap();
        let giving = std::thread::spawn(move || records.iter().for_each(|it| input.write_all(it.as_bytes()).unwrap()));
        // The report is longer than a pipe holds, and is written when everything else is done.
        let mut out = child.stdout.take().unwrap();
        let mut start = [0; 1];
        out.read_exact(&mut start).unwrap();
        writing.push(held(&child));
        let mut report = Vec::new();
        out.read_to_end(&mut report).unwrap();
        assert!(report.len() > 2 * 64 * 1024, "too short to hold the process back");
        giving.join().unwrap();
        assert!(child.wait().unwrap().success());
    }
    for (what, held) in [("reading", reading), ("writing", writing)] {
        let more = held[1].saturating_sub(held[0]) / (3 * count) as u64;
        assert!(more <= MAX_BYTES_OF_ENROLLMENT, "{what} {} more held {more} bytes for each: {held:?}", 3 * count);
    }
}
