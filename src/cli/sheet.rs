//! `handoff translate` of sheets: the rows of a sheet as records, one a line, and records as a sheet. The report goes to
//! standard error, so that the records can be piped on.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::asked_types::AskedTypes;
use super::records::RecordReader;
use super::sources;
use super::streams::{Exit, Streams, unwritable};
use super::translate_args::{Args, Format};
use crate::app::ProgramFiles;
use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::mapping::GENERIC;
use crate::sheet::{self, Fault, Finding, FindingOutcome, Options};

/// How many referrals are read between two looks at the progress.
const PROGRESS_INTERVAL: usize = 1000;

/// Rows as records.
///
/// # Errors
/// A file that cannot be read, or has none of the columns of the program type.
pub(super) fn to_records(
    args: &Args,
    files: &ProgramFiles,
    types: &AskedTypes<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit> {
    let kind = args.program.as_deref().unwrap_or(GENERIC);
    let program = types.get(kind)?;
    // The codes of a sheet are read by all tables.
    let sheets = files.sheets([program], &types.files().tables()?)?;
    let options = Options::parse(args.zone.as_deref(), args.dates.as_deref())?;
    let bytes = sources::read_input(&args.input, streams)?;
    let reading = sheets.open(kind, &bytes, options)?;
    let mut report = Report { format: args.format, counts: BTreeMap::new() };
    report.print_findings(&reading.findings, streams)?;
    let mut records = 0;
    for (at, group) in reading.groups().iter().enumerate() {
        if streams.progress && at % PROGRESS_INTERVAL == 0 {
            write!(streams.err, "\r\x1b[K{at} of {} referrals", reading.groups().len()).map_err(unwritable)?;
        }
        let mut made = reading.record(group, None, None);
        if let Some(record) = &made.record {
            let wrong = program.check(record).into_iter().map(|issue| {
                let message = format!("{}: {}", issue.path, issue.text);
                Finding::of_referral(group.row, Fault::Record, FindingOutcome::Refused, message)
            });
            let before = made.findings.len();
            made.findings.extend(wrong);
            if made.findings.len() == before {
                records += 1;
                writeln!(streams.out, "{record}").map_err(unwritable)?;
            }
        }
        if made.event.is_some() {
            let message = "what happened is an event, and no part of the record";
            made.findings.push(Finding::of_referral(group.row, Fault::EventLeftOut, FindingOutcome::LeftOut, message));
        }
        report.print_findings(&made.findings, streams)?;
    }
    if streams.progress {
        write!(streams.err, "\r\x1b[K").map_err(unwritable)?;
    }
    report.print_summary(reading.len(), records, streams)?;
    Ok(if report.counts.contains_key(&FindingOutcome::Refused) { Exit::Invalid } else { Exit::Done })
}

/// What is said of a sheet.
struct Report {
    format: Format,
    counts: BTreeMap<FindingOutcome, usize>,
}

impl Report {
    fn print_findings(&mut self, findings: &[Finding], streams: &mut Streams<'_>) -> Result<()> {
        for finding in findings {
            *self.counts.entry(finding.outcome).or_default() += 1;
            // What is said stands on a line of its own, behind the progress.
            let clear = if streams.progress { "\r\x1b[K" } else { "" };
            match self.format {
                Format::Human => writeln!(streams.err, "{clear}{finding}"),
                Format::Json => writeln!(streams.err, "{clear}{}", finding.to_value()),
            }
            .map_err(unwritable)?;
        }
        Ok(())
    }

    fn print_summary(&self, rows: usize, records: usize, streams: &mut Streams<'_>) -> Result<()> {
        let count = |done: FindingOutcome| self.counts.get(&done).copied().unwrap_or(0);
        let (taken, changed) = (count(FindingOutcome::Taken), count(FindingOutcome::Changed));
        let (left, refused) = (count(FindingOutcome::LeftOut), count(FindingOutcome::Refused));
        match self.format {
            Format::Human => writeln!(
                streams.err,
                "{rows} rows, {records} records; findings: {taken} taken, {changed} changed, {left} left out, {refused} refused"
            ),
            Format::Json => writeln!(
                streams.err,
                "{}",
                json!({ "rows": rows, "records": records, "taken": taken, "changed": changed, "leftOut": left, "refused": refused })
            ),
        }
        .map_err(unwritable)
    }
}

/// Records as a sheet.
///
/// # Errors
/// Input that is no record, no array of records, and has no record a line.
pub(super) fn from_records(
    args: &Args,
    files: &ProgramFiles,
    types: &AskedTypes<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit> {
    let bytes = sources::read_input(&args.input, streams)?;
    let mut records = RecordReader::new(bytes.as_slice()).collect::<Result<Vec<Value>>>()?;
    if let Some(kind) = &args.program {
        for record in records.iter_mut().filter_map(Value::as_object_mut) {
            record.insert("type".to_owned(), kind.as_str().into());
        }
    }
    if !records.iter().all(|record| record.get("id").is_some_and(Value::is_string)) {
        return Err(Error::refused(Key::RecordInvalid, "id", "expected records, each with its id"));
    }
    let kinds: BTreeSet<&str> =
        records.iter().filter_map(|record| record.get("type").and_then(Value::as_str)).chain([GENERIC]).collect();
    let programs = kinds.into_iter().map(|kind| types.get(kind)).collect::<Result<Vec<_>>>()?;
    // Codes are written as the records have them.
    let sheets = files.sheets(programs, &[])?;
    write!(streams.out, "{}", sheet::write(&sheets, records.iter().map(|record| (record, None)))?)
        .map_err(unwritable)?;
    Ok(Exit::Done)
}
