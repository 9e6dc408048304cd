//! `handoff validate`: checks files and says everything that is wrong with them, for people or for programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use serde_json::Value;

use super::report::{self, Summary};
use super::{Exit, Streams, sources, unwritable};
use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Limits, outcome};
use crate::profile::Checker;

/// What a file may hold; more than a stranger may send, since whoever runs this chose the file.
const LIMITS: Limits = Limits { bytes: 256 * 1024 * 1024, depth: 100 };
/// Says in an OperationOutcome which file it is about.
const FILE: &str = "http://hl7.org/fhir/StructureDefinition/operationoutcome-file";

/// Arguments of `handoff validate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Check against this profile too: its canonical URL, or the file that holds it
    #[arg(long, value_name = "CANONICAL|FILE")]
    pub profile: Vec<String>,
    /// Definitions to check with besides R4 core
    #[arg(long, value_name = "FILE|DIR|TGZ")]
    pub with: Vec<PathBuf>,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// What to check: files, folders of .json files, or - for standard input
    #[arg(required = true, value_name = "FILE|DIR|-")]
    pub inputs: Vec<PathBuf>,
}

/// How to say what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: the place in the source, what is wrong, how to mend it
    Human,
    /// One OperationOutcome, or an array of them for several files
    Json,
    /// One OperationOutcome a line
    Ndjson,
}

/// Something to check.
struct Input {
    /// What it is called in the report
    name: String,
    bytes: Vec<u8>,
}

/// Runs `handoff validate`.
///
/// # Errors
/// Where definitions cannot be loaded or the report not be written. A file that cannot be read is said, and the others
/// are checked nonetheless.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let (checker, profiles) = prepare(args, streams)?;
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    let files = files(&args.inputs)?;
    let is_list = files.len() != 1 || args.inputs.iter().any(|input| input.is_dir());
    let mut summary = Summary::default();
    for (position, path) in files.iter().enumerate() {
        let input = match read(path, streams) {
            Ok(input) => input,
            Err(error) => {
                writeln!(streams.err, "handoff: {error}").map_err(unwritable)?;
                summary.unreadable += 1;
                continue;
            }
        };
        let (document, issues) = check(&checker, &input.bytes, &profiles);
        summary.add(&issues);
        match args.format {
            Format::Human => report::file(&input.name, document.as_deref(), &issues, streams)?,
            Format::Ndjson => writeln!(streams.out, "{}", of_file(&input.name, &issues)).map_err(unwritable)?,
            Format::Json => {
                let before = if !is_list {
                    ""
                } else if position == 0 {
                    "[\n"
                } else {
                    ",\n"
                };
                let value = of_file(&input.name, &issues);
                write!(streams.out, "{before}{value:#}").map_err(unwritable)?;
            }
        }
    }
    match args.format {
        Format::Human => summary.write(streams)?,
        Format::Json if is_list && summary.files == 0 => writeln!(streams.out, "[]").map_err(unwritable)?,
        Format::Json => writeln!(streams.out, "{}", if is_list { "\n]" } else { "" }).map_err(unwritable)?,
        Format::Ndjson => {}
    }
    Ok(summary.exit())
}

/// The checker, and the profiles to check against.
fn prepare(args: &Args, streams: &mut Streams<'_>) -> Result<(Checker, Vec<String>)> {
    let (mut definitions, mut issues) = sources::definitions(&args.with)?;
    let mut profiles = Vec::new();
    for profile in &args.profile {
        let path = Path::new(profile);
        if !path.is_file() {
            profiles.push(profile.clone());
            continue;
        }
        let mut package = sources::package(path)?;
        issues.append(&mut package.issues);
        let of_file = package.definitions.iter().filter(|definition| definition.kind == "StructureDefinition");
        let before = profiles.len();
        profiles.extend(of_file.map(|definition| definition.url.clone()));
        if profiles.len() == before {
            return Err(Error::fault(format!("{profile} holds no StructureDefinition")));
        }
        definitions = definitions.with(package);
    }
    for issue in issues {
        writeln!(streams.err, "{issue}").map_err(unwritable)?;
    }
    Ok((Checker::new(Arc::new(definitions)), profiles))
}

/// The files meant: those of folders and their subfolders too.
fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for input in inputs {
        if input.is_dir() {
            files.extend(sources::json_files_below(input)?);
        } else {
            files.push(input.clone());
        }
    }
    Ok(files)
}

fn read(path: &Path, streams: &mut Streams<'_>) -> Result<Input> {
    if path.as_os_str() != "-" {
        return Ok(Input { name: path.display().to_string(), bytes: sources::bytes(path)? });
    }
    let mut bytes = Vec::new();
    let read = streams.input.read_to_end(&mut bytes);
    read.map_err(|error| Error::fault(format!("cannot read standard input: {error}")))?;
    Ok(Input { name: "-".to_owned(), bytes })
}

/// Everything that is wrong with these bytes; the text as it was read, for excerpts.
fn check(checker: &Checker, bytes: &[u8], profiles: &[&str]) -> (Option<String>, Vec<Issue>) {
    match Document::parse_bytes(bytes, LIMITS) {
        Ok(document) => {
            let issues = checker.check_against(document.root(), profiles);
            let text = (!issues.is_empty()).then(|| document.text().to_owned());
            (text, issues)
        }
        Err(issue) => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            (Some(String::from_utf8_lossy(bytes).into_owned()), vec![*issue])
        }
    }
}

/// The OperationOutcome about a file, which it names.
fn of_file(name: &str, issues: &[Issue]) -> Value {
    let mut value = outcome::to_value(issues);
    if let Some(members) = value.as_object_mut() {
        let file = serde_json::json!([{ "url": FILE, "valueString": name }]);
        members.shift_insert(1, "extension".to_owned(), file);
    }
    value
}
