//! `handoff route`: who would get a referral, and why; for people or for programs. Nothing is stored and nothing is sent.
//!
//! With `--program` nobody is chosen: the person is judged by the rules of that type alone. With `--cases` the input is
//! cases of eligibility rules, which are run ([`cases`]).

mod args;
mod cases;
mod text;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::program_type::unknown_program_type;
use super::sources;
use super::streams::{Exit, Streams, unwritable};
use crate::app::ProgramTypeFolders;
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Document, Key, Limits, Node};
use crate::referral::{Graph, Referral};
use crate::routing::{Directory, Facts, Rulebook, decide, judge};

/// The directory of the demo, so that the command needs no folder.
const DEMO: &str = include_str!("../../../fixtures/demo/directory.json");

pub use args::{Args, Format};

/// Runs `handoff route`.
///
/// # Errors
/// If the directory or the referral cannot be read, or the Task's owner is not in the directory.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let types = ProgramTypeFolders::configured(args.programs.as_deref(), None)?;
    let rulebook = types.files()?.rules()?;
    if args.cases {
        rulebook.check(&Definitions::shipped()?)?;
        return cases::run(&rulebook, &args.input, args.format, streams);
    }
    let at = args.at.unwrap_or_else(Timestamp::now);
    let text = match &args.program {
        Some(kind) => eligibility_text(args, kind, &rulebook, streams, at)?,
        None => decision_text(args, &rulebook, streams, at)?,
    };
    write!(streams.out, "{text}").map_err(unwritable)?;
    Ok(Exit::Done)
}

/// The person by the rules of one type.
fn eligibility_text(
    args: &Args,
    kind: &str,
    rulebook: &Rulebook,
    streams: &mut Streams<'_>,
    at: Timestamp,
) -> Result<String> {
    if !rulebook.types().contains(&kind) {
        return Err(unknown_program_type(kind, &rulebook.types()));
    }
    let graph = read(args, streams)?;
    let referral = Referral::read(&graph, graph.only_task()?)?;
    let facts = Facts::of(&referral, rulebook.facts(), at);
    let eligibility = judge(&facts, rulebook.rules(kind));
    Ok(match args.format {
        Format::Human => format!("{kind}: {eligibility}"),
        Format::Json => {
            let mut value = eligibility.to_value();
            value["programType"] = kind.into();
            format!("{value:#}\n")
        }
    })
}

/// The decision among the programs of a directory.
fn decision_text(args: &Args, rulebook: &Rulebook, streams: &mut Streams<'_>, at: Timestamp) -> Result<String> {
    let directory = match &args.directory {
        Some(path) => directory(path, rulebook)?,
        None => Directory::from_bundle(&Document::parse(DEMO)?, rulebook)?,
    };
    for finding in directory.findings() {
        writeln!(streams.err, "{finding}").map_err(unwritable)?;
    }
    let graph = read(args, streams)?;
    let referral = Referral::read(&graph, graph.only_task()?)?;
    let decision = decide(&directory, &referral, at)?;
    let facts = Facts::of(&referral, directory.facts(), at);
    let explained: Vec<_> = if args.explain {
        decision.candidates.iter().map(|candidate| judge(&facts, candidate.program.rules())).collect()
    } else {
        Vec::new()
    };
    Ok(match args.format {
        Format::Human => text::decision(&directory, &decision, &explained),
        Format::Json => {
            let mut value = decision.to_value();
            for (position, eligibility) in explained.iter().enumerate() {
                value["candidates"][position]["eligibility"] = json!(eligibility.to_value());
            }
            format!("{value:#}\n")
        }
    })
}

/// The referral's Bundle as a graph.
fn read(args: &Args, streams: &mut Streams<'_>) -> Result<Graph> {
    let bytes = sources::read_input(&args.input, streams)?;
    Graph::from_bundle(&Arc::new(Document::parse_bytes(&bytes, Limits::default())?))
}

/// The directory in a file, or in the JSON files of a folder; its subfolders hold other things.
fn directory(path: &Path, rulebook: &Rulebook) -> Result<Directory> {
    if path.to_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://")) {
        let message = "a directory is not read from a URL yet; save it as a Bundle and name the file";
        return Err(Error::usage(Key::Parameter, message));
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
    Directory::compile(documents.iter().flat_map(|document| resources(document.root())), rulebook)
}

/// A resource, or those of a Bundle.
fn resources(root: Node<'_>) -> Vec<Node<'_>> {
    if root.get("resourceType").is_some_and(|kind| kind.is_str("Bundle")) {
        root.list("entry").filter_map(|entry| entry.get("resource")).collect()
    } else {
        vec![root]
    }
}
