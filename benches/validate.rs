//! What `handoff validate FILE` takes from the start of the process to the verdict, and what it takes to hold everything
//! that a gateway checks with in memory (DESIGN section 7: under 50 ms; the issue of validation: under 120 MB).
//!
//! `cargo bench --bench validate`. The packages come from `../shared/packages`; they are made into packs first, as
//! `handoff package add` does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use handoff::definitions::Definitions;
use handoff::fhir::{Document, Limits};
use handoff::profile::{Amendments, Checker};

const PACKAGES: &[&str] = &["hl7.fhir.us.core-7.0.0", "hl7.fhir.us.sdoh-clinicalcare-3.0.0"];
const TASK: &str = "benches/referral-task.json";
const EXAMPLES: &str = "../shared/examples/sdohcc";
const RUNS: usize = 40;

fn main() {
    let empty = tempfile::tempdir().unwrap();
    say("with R4 and our own definitions", &time(empty.path(), None));
    let sources: Vec<PathBuf> =
        PACKAGES.iter().map(|name| Path::new("../shared/packages").join(format!("{name}.tgz"))).collect();
    if !sources.iter().all(|source| source.is_file()) {
        println!("skipped: the packages are not in ../shared");
        return;
    }
    let packs = tempfile::tempdir().unwrap();
    for source in &sources {
        let added =
            handoff().arg("package").arg("add").arg("--packages").arg(packs.path()).arg(source).output().unwrap();
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }
    let profile = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement";
    say("with US Core 7.0.0 and SDOH Clinical Care 3.0.0 besides, and its profile", &time(packs.path(), Some(profile)));
    compare_with_packs(packs.path());
}

fn handoff() -> Command {
    Command::new(env!("CARGO_BIN_EXE_handoff"))
}

/// How long each run took, the shortest first.
fn time(packages: &Path, profile: Option<&str>) -> Vec<Duration> {
    let mut times = Vec::with_capacity(RUNS);
    for run in 0..=RUNS {
        let mut command = handoff();
        command.arg("validate").arg("--packages").arg(packages).arg(TASK);
        if let Some(profile) = profile {
            command.arg("--profile").arg(profile);
        }
        let started = Instant::now();
        let output = command.output().unwrap();
        let took = started.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        // The first run brings the file into memory.
        if run > 0 {
            times.push(took);
        }
    }
    times.sort_unstable();
    times
}

fn say(what: &str, times: &[Duration]) {
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1_000.0;
    println!(
        "handoff validate FILE {what}: fastest {:.1} ms, median {:.1} ms, slowest {:.1} ms",
        at(0),
        at(50),
        at(100)
    );
}

/// Checks every example of the guide with the packs, and says how much memory the process then has.
fn compare_with_packs(packs: &Path) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(packs).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    let packs = files.iter().filter(|file| file.is_file());
    let packs = packs.map(|file| (file.display().to_string(), std::fs::read(file).unwrap()));
    let definitions = Definitions::shipped().unwrap().with_packs(packs).unwrap();
    let checker = Checker::new(Arc::new(definitions)).amended(Amendments::shipped().unwrap());
    let mut count = 0;
    for entry in std::fs::read_dir(EXAMPLES).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let document = Document::parse_bytes(&bytes, Limits::default()).unwrap();
        let issues = checker.check(document.root());
        assert!(issues.iter().all(|issue| !issue.is_error()), "{issues:?}");
        count += 1;
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1_024.0)
    };
    println!(
        "resident with R4, US Core and SDOH Clinical Care, {count} examples checked: {:.1} MB, at most {:.1} MB",
        of("VmRSS:"),
        of("VmHWM:")
    );
}
