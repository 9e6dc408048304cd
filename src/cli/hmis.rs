//! `handoff translate --from hmis` and `--to hmis`: a set of HMIS CSV files as the records of supportive housing, one a
//! line, and back.

use std::path::Path;

use jiff::Zoned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::records;
use super::sources;
use super::streams::{Exit, Streams, unwritable};
use super::translate_args::{Args, Format};
use crate::app::{ProgramFiles, ProgramTypeFolders};
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::Key;
use crate::hmis::{self, Export, File, Participation, Report, Rows, Standards};
use crate::mapping::ProgramTypes;

pub use super::translate_args::{HmisArgs, RowSelection};

/// The program types and the years of the format.
struct HmisPrograms {
    files: ProgramFiles,
    programs: ProgramTypes,
}

impl HmisPrograms {
    fn load(args: &Args) -> Result<Self> {
        let files = ProgramTypeFolders::configured(args.programs.as_deref(), None)?.files()?;
        let programs = files.programs(&Definitions::shipped()?)?;
        Ok(Self { files, programs })
    }

    fn standards(&self) -> Result<Standards> {
        let schema = |kind: &str| {
            let program = self.programs.get(kind);
            (program.kind == kind).then(|| program.schema_json())
        };
        Standards::load(self.files.iter(), &schema)
    }
}

/// Runs `handoff translate --from hmis --to record`.
///
/// # Errors
/// If the files cannot be read; what is wrong with their rows is said, and is [`Exit::Invalid`].
pub(super) fn read(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let programs = HmisPrograms::load(args)?;
    let standards = programs.standards()?;
    let year = args.hmis.year.as_deref();
    if let Some(year) = year.filter(|year| standards.get(year).is_none()) {
        return Err(unknown(year, &standards));
    }
    let rows = match args.hmis.rows {
        RowSelection::All => Rows::All,
        RowSelection::Good => Rows::Good,
    };
    let imported = hmis::read(&standards, &files(&args.input, streams)?, year, rows);
    // What the schema of the record does not allow was not seen by the format's own rules.
    for record in &imported.records {
        let kind = record.get("type").and_then(Value::as_str).unwrap_or_default();
        let issues = programs.programs.get(kind).check(record);
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
    }
    if args.format == Format::Json {
        let text = json!({ "hmis": imported.year, "records": imported.records, "report": imported.report });
        writeln!(streams.out, "{text:#}").map_err(unwritable)?;
    } else {
        for record in &imported.records {
            writeln!(streams.out, "{record}").map_err(unwritable)?;
        }
        print_findings(&imported.report, streams)?;
    }
    Ok(if imported.report.is_refused() { Exit::Invalid } else { Exit::Done })
}

/// Runs `handoff translate --to hmis`.
///
/// # Errors
/// If the records cannot be read or break their schema, or the program may not give them to an HMIS.
pub(super) fn write(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let Some(output) = &args.hmis.output else {
        return Err(Error::usage(Key::Parameter, "--to hmis needs --output FILE.zip"));
    };
    let programs = HmisPrograms::load(args)?;
    let standards = programs.standards()?;
    let newest = standards.names().last().copied().unwrap_or_default();
    let year = args.hmis.year.as_deref().unwrap_or(newest);
    let standard = standards.get(year).ok_or_else(|| unknown(year, &standards))?;
    let records = records::read(&sources::read_input(&args.input, streams)?)?;
    let kind = records.first().and_then(|it| it.get("type")).and_then(Value::as_str).unwrap_or(&standard.program);
    let kind = args.program.as_deref().unwrap_or(kind);
    let program = programs.programs.get(kind);
    for record in &records {
        let issues = program.check(record);
        if !issues.is_empty() {
            return Err(Error::unprocessable(issues));
        }
    }
    let privacy = program.about.privacy;
    let participation =
        Participation { title: &program.title, victim_services: privacy.victim_services, hmis: privacy.hmis };
    let written = hmis::write(&standards, standard, &records, &export(&records), &participation)?;
    if !written.report.is_refused() {
        let zip = hmis::pack(&written.files)?;
        let failed = |error| Error::unwritable_file(output, &error);
        std::fs::write(output, zip).map_err(failed)?;
    }
    if args.format == Format::Json {
        writeln!(streams.out, "{:#}", json!({ "hmis": year, "report": written.report })).map_err(unwritable)?;
    } else {
        print_findings(&written.report, streams)?;
    }
    Ok(if written.report.is_refused() { Exit::Invalid } else { Exit::Done })
}

/// What the set says of itself: everything from the first entry until now, in the time of this place.
fn export(records: &[Value]) -> Export {
    let now = Zoned::now();
    let end = now.date().to_string();
    let entry = |record: &Value| record.pointer("/enrollment/entryDate")?.as_str()?.get(..10).map(str::to_owned);
    Export {
        id: Uuid::new_v4().simple().to_string(),
        time: now.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        start: records.iter().filter_map(entry).min().unwrap_or_else(|| end.clone()),
        end,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

fn unknown(year: &str, standards: &Standards) -> Error {
    let programs = standards.names().join(" and ");
    Error::usage(Key::Parameter, format!("there is no HMIS CSV of {year}; {programs} are known"))
}

/// The files of a folder or of a zip.
fn files(input: &Path, streams: &mut Streams<'_>) -> Result<Vec<File>> {
    if !input.is_dir() {
        return hmis::unpack(&sources::read_input(input, streams)?);
    }
    let unreadable = |error| Error::unreadable_file(input, &error);
    let mut files = Vec::new();
    for entry in input.read_dir().map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|it| it.eq_ignore_ascii_case("csv")) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, sources::bytes(&path)?));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn print_findings(report: &Report, streams: &mut Streams<'_>) -> Result<()> {
    for finding in &report.findings {
        writeln!(streams.err, "{finding}").map_err(unwritable)?;
    }
    Ok(())
}
