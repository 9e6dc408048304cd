//! `handoff translate`: a referral as the record of a program, or a record as FHIR; with where every field came from.
//! Nothing is stored and nothing is sent.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::asked_types::AskedTypes;
use super::hmis;
use super::streams::{Exit, Streams, unwritable};
use super::{sheet, sources};
use crate::app::ProgramTypeFolders;
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Key, Limits, Reference};
use crate::mapping::{Detail, Fidelity, GraphUpdate, Map, Translation, extras};
use crate::referral::{Graph, Referral, Resource, care_plan, task_edits};

pub use super::translate_args::{Args, Format, InputFormat, Target};

/// Runs `handoff translate`.
///
/// # Errors
/// If the input cannot be read, is no referral or no record, or breaks the record's schema.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    match (args.from, args.to) {
        (None | Some(InputFormat::Record), Target::Hmis) => return hmis::write(args, streams),
        (Some(InputFormat::Hmis), Target::Record) => return hmis::read(args, streams),
        (None | Some(InputFormat::Fhir | InputFormat::Csv), Target::Record)
        | (None | Some(InputFormat::Record), Target::Fhir | Target::Csv) => {}
        (Some(_), _) => {
            let message = "there is no way from there to there in one step; go by way of the record";
            return Err(Error::usage(Key::Parameter, message));
        }
    }
    let files = ProgramTypeFolders::configured(args.programs.as_deref(), None)?.files()?;
    let definitions = Definitions::shipped()?;
    let types = AskedTypes::new(files.program_types(&definitions));
    types.expect(args.program.as_deref())?;
    if args.to == Target::Csv {
        return sheet::from_records(args, &files, &types, streams);
    }
    if args.from == Some(InputFormat::Csv) {
        return sheet::to_records(args, &files, &types, streams);
    }
    let document = read(&args.input, streams)?;
    let (json, issues, fidelity) =
        if args.to == Target::Record { to_record(args, &types, document)? } else { to_fhir(args, &types, &document)? };
    let text = match args.format {
        Format::Json if args.explain => format!("{:#}\n", json!({ "result": json, "fidelity": fidelity.to_value() })),
        Format::Human if args.explain => format!("{json:#}\n{}", explain_fidelity(&fidelity)),
        Format::Json | Format::Human => format!("{json:#}\n"),
    };
    // Remarks go beside the document, so that it can be piped on.
    for issue in &issues {
        writeln!(streams.err, "{issue}").map_err(unwritable)?;
    }
    write!(streams.out, "{text}").map_err(unwritable)?;
    Ok(Exit::Done)
}

/// The map that the arguments name or, where they name none, that of this type.
fn map<'t>(types: &'t AskedTypes<'_>, args: &Args, kind: &str) -> Result<&'t Map> {
    Ok(&types.get(args.program.as_deref().unwrap_or(kind))?.map)
}

fn to_record(args: &Args, types: &AskedTypes<'_>, document: Document) -> Result<(Value, Vec<Issue>, Fidelity)> {
    // A plan whose activities are referrals is as many referrals.
    let planned = care_plan::with_tasks(document.root(), Timestamp::now());
    let document = planned.map_or(Ok(document), Document::parse)?;
    let graph = Graph::from_bundle(&Arc::new(document))?;
    let tasks = graph.tasks();
    if tasks.len() < 2 || args.explain {
        let made = one_record(args, types, &graph, graph.only_task()?)?;
        return Ok((made.record()?, made.issues, made.fidelity));
    }
    let (mut records, mut issues) = (Vec::new(), Vec::new());
    for task in tasks {
        let made = one_record(args, types, &graph, task)?;
        records.push(made.record()?);
        issues.extend(made.issues);
    }
    Ok((Value::Array(records), issues, Fidelity::default()))
}

fn one_record(args: &Args, types: &AskedTypes<'_>, graph: &Graph, task: &Resource) -> Result<Translation> {
    let referral = Referral::read(graph, task)?;
    let kind = task_edits::program_type(referral.task.node()).unwrap_or_default();
    let map = map(types, args, &kind)?;
    let kept = extras::of(graph, task);
    Ok(if args.explain { map.explain(&referral, &kept) } else { map.get(&referral, &kept) })
}

fn to_fhir(args: &Args, types: &AskedTypes<'_>, document: &Document) -> Result<(Value, Vec<Issue>, Fidelity)> {
    let kind = document.root().str("type").unwrap_or_default().into_owned();
    let map = map(types, args, &kind)?;
    let record = document.root().to_value();
    let text = if args.explain { Detail::Rows } else { Detail::Totals };
    let mut ids = || Uuid::new_v4().to_string();
    let Some(path) = &args.with else {
        let put = map.create(&record, text, &mut ids)?;
        return Ok((bundle(&Graph::default(), &put)?, put.issues, put.fidelity));
    };
    let graph = Graph::from_bundle(&Arc::new(Document::parse_bytes(&sources::bytes(path)?, Limits::default())?))?;
    let referral = Referral::read(&graph, graph.only_task()?)?;
    let put = map.put(&record, &referral, &extras::of(&graph, referral.task), text, &mut ids)?;
    Ok((bundle(&graph, &put)?, put.issues, put.fidelity))
}

/// The graph after the change: what was there, changed where the record differs, and what came into being.
fn bundle(graph: &Graph, put: &GraphUpdate) -> Result<Value> {
    let full_urls = FullUrls::of(graph);
    let mut entries = Vec::new();
    for resource in graph.resources() {
        // What is kept beside the referral is written anew.
        if resource.kind() == "Basic" && extras::is_extras(resource.node()) {
            continue;
        }
        let changed = put.changes.iter().find(|change| change.url == resource.url);
        let json = match changed {
            Some(change) => Document::value_of(&change.json)?,
            None => resource.node().to_value(),
        };
        let name = if resource.url.contains(':') { resource.url.clone() } else { full_urls.full(&resource.url) };
        entries.push(json!({ "fullUrl": name, "resource": json }));
    }
    for created in &put.created {
        let name = full_urls.full(&format!("{}/{}", created.kind, created.id));
        entries.push(json!({ "fullUrl": name, "resource": Document::value_of(&created.json)? }));
    }
    let task = graph.tasks().first().map(|task| task.url.clone());
    let made = put.created.iter().find(|created| created.kind == "Task").map(|task| format!("Task/{}", task.id));
    let kept = task.or(made).map(|task| extras::to_resource(&put.extras, &task)).transpose()?;
    if let Some(kept) = kept.flatten() {
        let name = format!("urn:uuid:{}", Uuid::new_v4());
        entries.push(json!({ "fullUrl": name, "resource": kept }));
    }
    let mut bundle = json!({ "resourceType": "Bundle", "type": "collection", "entry": entries });
    full_urls.rename(&mut bundle, put);
    Ok(bundle)
}

/// How the resources of a bundle are named (<https://hl7.org/fhir/R4/bundle.html#references>).
enum FullUrls {
    /// `urn:uuid:`, as the bundle that was given has them
    Uuids,
    /// Below this base, so that `Type/id` leads to them
    Below(String),
}

impl FullUrls {
    /// As the resources that are there are named; where they are not, below a base that nobody serves.
    fn of(graph: &Graph) -> Self {
        let task = graph.tasks().first().map(|task| task.url.clone()).unwrap_or_default();
        match Reference::parse(&task) {
            _ if task.starts_with("urn:") => Self::Uuids,
            Some(Reference::Absolute { restful: Some((base, ..)), .. }) => Self::Below(base.to_owned()),
            _ => Self::Below("https://handoff.invalid/fhir".to_owned()),
        }
    }

    /// The `fullUrl` of a resource with this type and id.
    fn full(&self, name: &str) -> String {
        match self {
            Self::Uuids => format!("urn:uuid:{}", name.rsplit('/').next().unwrap_or(name)),
            Self::Below(base) => format!("{base}/{name}"),
        }
    }

    /// Lets references name what came into being as its entry does.
    fn rename(&self, value: &mut Value, put: &GraphUpdate) {
        match (self, value) {
            (Self::Uuids, Value::Object(members)) => {
                let named = members.get("reference").and_then(Value::as_str).filter(|name| {
                    put.created.iter().any(|created| **name == format!("{}/{}", created.kind, created.id))
                });
                if let Some(full) = named.map(|name| self.full(name)) {
                    members.insert("reference".to_owned(), full.into());
                }
                members.values_mut().for_each(|member| self.rename(member, put));
            }
            (Self::Uuids, Value::Array(items)) => items.iter_mut().for_each(|item| self.rename(item, put)),
            _ => {}
        }
    }
}

fn read(input: &Path, streams: &mut Streams<'_>) -> Result<Document> {
    let document = Document::parse_bytes(&sources::read_input(input, streams)?, Limits::default())?;
    if document.root().is_object() {
        return Ok(document);
    }
    let message = format!("expected a JSON object, found {}", document.root().kind());
    Err(Error::unprocessable(vec![Issue::error_at(Key::WrongType, document.root(), message)]))
}

// === telling ===

fn explain_fidelity(fidelity: &Fidelity) -> String {
    let mut words = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(words, "\nfields of the record ({fidelity}):");
    for row in &fidelity.fields {
        let origin = row.origin.as_ref().map(|origin| format!(" <- {origin}")).unwrap_or_default();
        let via = if row.via.is_empty() { String::new() } else { format!(" via {}", row.via) };
        let _ = writeln!(words, "  {}{origin}{via}: {}", row.record, row.outcome);
    }
    if !fidelity.elements.is_empty() {
        let _ = writeln!(words, "\nelements of the referral:");
    }
    for element in &fidelity.elements {
        let _ = writeln!(words, "  {} -> {}", element.origin, element.outcome);
    }
    words
}
