//! `handoff route`: who would get a referral, and why; for people or for programs. Nothing is stored and nothing is sent.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;

use super::{Exit, Streams, sources, unwritable};
use crate::error::{Error, Result};
use crate::fhir::{Document, Limits, Node};
use crate::referral::{Graph, Referral};
use crate::routing::{Candidate, Decision, Directory, Rulebook, Verdict, decide};

/// The directory of the demo, so that the command needs no folder.
const DEMO: &str = include_str!("../../fixtures/demo/directory.json");

/// Arguments of `handoff route`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Organizations, programs and service areas to choose among: a Bundle, or a folder of resources and Bundles
    /// [default: the directory of the demo]
    #[arg(long, value_name = "DIR|URL|FILE")]
    pub directory: Option<PathBuf>,
    /// How to tell the decision
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// The Bundle that holds the referral, or - for standard input
    #[arg(value_name = "FILE|-")]
    pub input: PathBuf,
}

/// How to tell the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// One JSON object
    Json,
}

/// Runs `handoff route`.
///
/// # Errors
/// If the directory or the referral cannot be read, or the Task's owner is not in the directory.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let directory = match &args.directory {
        Some(path) => directory(path)?,
        None => demo()?,
    };
    for finding in directory.findings() {
        writeln!(streams.err, "{finding}").map_err(unwritable)?;
    }
    let bytes = if args.input.as_os_str() == "-" {
        let mut bytes = Vec::new();
        let read = streams.input.read_to_end(&mut bytes);
        read.map_err(|error| Error::fault(format!("cannot read standard input: {error}")))?;
        bytes
    } else {
        sources::bytes(&args.input)?
    };
    let decision = route(&directory, Document::parse_bytes(&bytes, Limits::default())?, Timestamp::now())?;
    match args.format {
        Format::Human => write!(streams.out, "{}", told(&directory, &decision)),
        Format::Json => writeln!(streams.out, "{:#}", decision.to_value()),
    }
    .map_err(unwritable)?;
    Ok(Exit::Done)
}

fn route(directory: &Directory, document: Document, at: Timestamp) -> Result<Decision> {
    let graph = Graph::from_bundle(&Arc::new(document))?;
    let referral = Referral::read(&graph, graph.only_task()?)?;
    decide(directory, &referral, at)
}

fn demo() -> Result<Directory> {
    Directory::from_bundle(&Document::parse(DEMO)?, &Rulebook::shipped()?)
}

/// The directory in a file, or in the JSON files of a folder; its subfolders hold other things.
fn directory(path: &Path) -> Result<Directory> {
    if path.to_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://")) {
        let said = "a directory is not read from a URL yet; save it as a Bundle and name the file";
        return Err(Error::fault(said));
    }
    let files = if path.is_dir() { sources::json_files(path)? } else { vec![path.to_owned()] };
    let mut documents = Vec::new();
    for file in files {
        let read = Document::parse_bytes(&sources::bytes(&file)?, Limits::default());
        documents.push(read.map_err(|mut issue| {
            issue.text = format!("{}: {}", file.display(), issue.text);
            issue
        })?);
    }
    Directory::compile(documents.iter().flat_map(|document| resources(document.root())), &Rulebook::shipped()?)
}

/// A resource, or those of a Bundle.
fn resources(root: Node<'_>) -> Vec<Node<'_>> {
    if root.get("resourceType").is_some_and(|kind| kind.is_str("Bundle")) {
        root.list("entry").filter_map(|entry| entry.get("resource")).collect()
    } else {
        vec![root]
    }
}

// === telling ===

fn told(directory: &Directory, decision: &Decision) -> String {
    let mut told = String::new();
    let mut line = |indent: usize, text: &str| {
        told.push_str(&" ".repeat(indent));
        told.push_str(text);
        told.push('\n');
    };
    match &decision.owner {
        Some(id) => {
            let name = directory.organization(id).map_or("", |organization| &organization.name);
            line(0, &format!("goes to {name} (Organization/{id})"));
        }
        None => line(0, "stays open: nobody gets it yet"),
    }
    if let Some(program) = decision.program.as_deref().and_then(|id| directory.program(id)) {
        line(2, &format!("program {} (HealthcareService/{}), type {}", program.name, program.id, program.kind));
    }
    for reason in &decision.reasons {
        line(2, &format!("because {reason} [{}]", reason.code()));
    }
    if decision.contact_prohibited {
        line(2, "nobody may contact the person [contacting-subject-prohibited]");
    }
    if !decision.candidates.is_empty() {
        line(0, "programs looked at, the best first:");
    }
    for candidate in &decision.candidates {
        line(2, &head(candidate));
        for reason in &candidate.reasons {
            let sign = if reason.excludes() { "x" } else { "." };
            line(4, &format!("{sign} {reason} [{}]", reason.code()));
        }
    }
    told
}

fn head(candidate: &Candidate) -> String {
    let verdict = match candidate.verdict {
        Verdict::Kept { score } => format!("kept, score {score}"),
        Verdict::Dropped => "dropped".to_owned(),
    };
    let organization = &candidate.program.organization.name;
    format!("{} of {organization} ({}): {verdict}", candidate.name(), candidate.program.kind)
}
