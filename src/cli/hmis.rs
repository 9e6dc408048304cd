//! `handoff translate --from hmis` and `--to hmis`: a set of HMIS CSV files as the records of supportive housing, one a
//! line, and back. A set may be larger than memory: files are read where they stand, and records one at a time.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use jiff::Zoned;
use serde::Serialize;
use serde::ser::{Error as _, SerializeSeq, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::asked_types::AskedTypes;
use super::records::RecordReader;
use super::scratch::{Gathered, open_seekable, scratch};
use super::streams::{Exit, Streams, unwritable};
use super::translate_args::{Args, Format};
use crate::app::{ProgramFiles, ProgramTypeFolders};
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::hmis::{self, Export, FileSetWriter, Finding, Participation, Report, Rows, Standards};

pub use super::translate_args::{HmisArgs, RowSelection};

fn program_files(args: &Args) -> Result<ProgramFiles> {
    ProgramTypeFolders::configured(args.programs.as_deref(), None)?.files()
}

/// The years of the format, checked against the schemas of the types whose records they have room for.
fn standards(files: &ProgramFiles, types: &AskedTypes<'_>) -> Result<Standards> {
    let schema = |kind: &str| {
        let program = types.get(kind)?;
        Ok((program.kind == kind).then(|| program.schema_json()))
    };
    Standards::load(files.iter(), &schema)
}

/// Runs `handoff translate --from hmis --to record`.
///
/// # Errors
/// If the files cannot be read; what is wrong with their rows is said, and is [`Exit::Invalid`].
pub(super) fn read(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let (files, definitions) = (program_files(args)?, Definitions::shipped()?);
    let types = AskedTypes::new(files.program_types(&definitions));
    types.expect(args.program.as_deref())?;
    let standards = standards(&files, &types)?;
    let year = args.hmis.year.as_deref();
    if let Some(year) = year.filter(|year| standards.get(year).is_none()) {
        return Err(unknown(year, &standards));
    }
    let rows = match args.hmis.rows {
        RowSelection::All => Rows::All,
        RowSelection::Good => Rows::Good,
    };
    let set = open_set(&args.input, streams)?;
    let mut findings = FindingPrinter::new(args.format, streams.err);
    let mut sink = |finding| findings.take(&finding);
    let mut report = Report::new(&mut sink);
    let mut imported = hmis::read(&standards, set, year, rows, &mut report)?;
    // What the schema of the record does not allow was not seen by the format's own rules.
    imported.check(&mut report, |record| check(&types, record))?;
    let is_refused = report.is_refused();
    let gathered = findings.finish()?;
    if args.format == Format::Json {
        let year = imported.year().to_owned();
        let records = imported.records().map(|record| record.map_err(|error| error.to_string()));
        let gathered = gathered.read()?.map(|finding| finding.map_err(|error| error.to_string()));
        let (records, report) = (Sequence::of(records), Sequence::of(gathered));
        write_document(streams.out, &ImportDocument { hmis: &year, records, report })?;
    } else {
        for record in imported.records() {
            writeln!(streams.out, "{}", record?).map_err(unwritable)?;
        }
    }
    Ok(if is_refused { Exit::Invalid } else { Exit::Done })
}

fn check(types: &AskedTypes<'_>, record: &Value) -> Result<()> {
    let kind = record.get("type").and_then(Value::as_str).unwrap_or_default();
    let issues = types.get(kind)?.check(record);
    if issues.is_empty() { Ok(()) } else { Err(Error::unprocessable(issues)) }
}

/// Runs `handoff translate --to hmis`.
///
/// # Errors
/// If the records cannot be read or break their schema, or the program may not give them to an HMIS.
pub(super) fn write(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let Some(output) = &args.hmis.output else {
        return Err(Error::usage(Key::Parameter, "--to hmis needs --output FILE.zip"));
    };
    let (files, definitions) = (program_files(args)?, Definitions::shipped()?);
    let types = AskedTypes::new(files.program_types(&definitions));
    types.expect(args.program.as_deref())?;
    let standards = standards(&files, &types)?;
    let newest = standards.names().last().copied().unwrap_or_default();
    let year = args.hmis.year.as_deref().unwrap_or(newest);
    let standard = standards.get(year).ok_or_else(|| unknown(year, &standards))?;
    let input: Box<dyn io::Read + '_> = if args.input.as_os_str() == "-" {
        Box::new(&mut *streams.input)
    } else {
        let file = File::open(&args.input).map_err(|error| Error::unreadable_file(&args.input, &error))?;
        Box::new(BufReader::new(file))
    };
    let mut records = RecordReader::new(input).peekable();
    let first = match records.next_if(Result::is_err) {
        Some(failed) => failed?,
        None => records.peek().and_then(|first| first.as_ref().ok()).cloned().unwrap_or_default(),
    };
    let kind = first.get("type").and_then(Value::as_str).unwrap_or(&standard.program);
    let program = types.get(args.program.as_deref().unwrap_or(kind))?;
    let privacy = program.about.privacy;
    let participation =
        Participation { title: &program.title, victim_services: privacy.victim_services, hmis: privacy.hmis };
    let mut findings = FindingPrinter::new(args.format, streams.err);
    let mut sink = |finding| findings.take(&finding);
    let mut report = Report::new(&mut sink);
    let mut set = FileSetWriter::new(&standards, standard, export(), &participation, &mut scratch)?;
    for record in records {
        let record = record?;
        let issues = program.check(&record);
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
        set.add(&record, &mut report)?;
    }
    let mut files = set.finish(&mut report)?;
    let is_refused = report.is_refused();
    if !is_refused {
        let failed = |error| Error::unwritable_file(output, &error);
        hmis::pack(&mut files, File::create(output).map_err(failed)?).map_err(failed)?;
    }
    let gathered = findings.finish()?;
    if args.format == Format::Json {
        let gathered = gathered.read()?.map(|finding| finding.map_err(|error| error.to_string()));
        write_document(streams.out, &ExportDocument { hmis: year, report: Sequence::of(gathered) })?;
    }
    Ok(if is_refused { Exit::Invalid } else { Exit::Done })
}

/// What the set says of itself: everything from the first entry until now, in the time of this place.
fn export() -> Export {
    let now = Zoned::now();
    Export {
        id: Uuid::new_v4().simple().to_string(),
        time: now.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        start: None,
        end: now.date().to_string(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn unknown(year: &str, standards: &Standards) -> Error {
    let programs = standards.names().join(" and ");
    Error::usage(Key::Parameter, format!("there is no HMIS CSV of {year}; {programs} are known"))
}

/// The files of a folder, or of a zip.
fn open_set(input: &Path, streams: &mut Streams<'_>) -> Result<Vec<hmis::File<File>>> {
    if !input.is_dir() {
        return hmis::unpack(BufReader::new(open_seekable(input, streams)?), &mut scratch);
    }
    let unreadable = |error| Error::unreadable_file(input, &error);
    let mut files = Vec::new();
    for entry in input.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|it| it.eq_ignore_ascii_case("csv")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, File::open(&path).map_err(|error| Error::unreadable_file(&path, &error))?));
        }
    }
    files.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    Ok(files)
}

// === telling

/// Says findings as they are found, or gathers them where they stand in a document behind the records.
struct FindingPrinter<'e> {
    format: Format,
    err: &'e mut dyn Write,
    gathered: Gathered,
    failed: Option<io::Error>,
}

impl<'e> FindingPrinter<'e> {
    fn new(format: Format, err: &'e mut dyn Write) -> Self {
        Self { format, err, gathered: Gathered::new(), failed: None }
    }

    fn take(&mut self, finding: &Finding) {
        if self.format == Format::Json {
            self.gathered.add(finding);
        } else if self.failed.is_none() {
            self.failed = writeln!(self.err, "{finding}").err();
        }
    }

    fn finish(self) -> Result<Gathered> {
        self.failed.map_or(Ok(self.gathered), |error| Err(unwritable(error)))
    }
}

/// Writes one JSON object whose lists are written as they come.
fn write_document(out: &mut dyn Write, document: &impl Serialize) -> Result<()> {
    let written = serde_json::to_writer_pretty(&mut *out, document);
    written.map_err(|error| if error.is_io() { unwritable(error.into()) } else { Error::unreachable(error) })?;
    writeln!(out).map_err(unwritable)
}

/// What came of a set.
#[derive(Serialize)]
struct ImportDocument<'y, A: Serialize, B: Serialize> {
    hmis: &'y str,
    records: A,
    report: B,
}

/// What came of records.
#[derive(Serialize)]
struct ExportDocument<'y, B: Serialize> {
    hmis: &'y str,
    report: B,
}

/// Values that are written as they come.
struct Sequence<I>(RefCell<I>);

impl<I> Sequence<I> {
    fn of(values: I) -> Self {
        Self(RefCell::new(values))
    }
}

impl<I: Iterator<Item = std::result::Result<Value, String>>> Serialize for Sequence<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(None)?;
        for value in &mut *self.0.borrow_mut() {
            sequence.serialize_element(&value.map_err(S::Error::custom)?)?;
        }
        sequence.end()
    }
}
