//! `handoff fhirpath`: what an expression gives on a resource, item by item, each with its type and place.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::sources::{self, SourceArgs, Sources};
use super::streams::{Exit, Streams, unwritable};
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::fhir::{Document, Issue, Limits, Resources, Severity, SourcePosition};
use crate::fhirpath::{Collection, Context, Expression, Item, Temporal};
use crate::profile::Checker;

/// Arguments of `handoff fhirpath`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to evaluate: Task.status, or output.where(value is Reference).exists()
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub expression: String,
    /// The resource to evaluate it on, or - for standard input; without one there is nothing but the expression
    #[arg(value_name = "FILE|-")]
    pub input: Option<PathBuf>,
    /// What lies beside the resource
    #[command(flatten)]
    pub sources: SourceArgs,
    /// How to tell what was found
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// How to tell what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: an item a line
    Human,
    /// A JSON array of objects with type, value, path, line and column
    Json,
}

/// Runs `handoff fhirpath`.
///
/// # Errors
/// If the resource or what lies beside it cannot be read, or the expression cannot be evaluated on it.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let expression = match Expression::parse(&args.expression) {
        Ok(expression) => expression,
        Err(issue) => {
            print_issue(&issue, &args.expression, streams)?;
            return Ok(Exit::Usage);
        }
    };
    let (name, bytes) = input(args, streams)?;
    let document = match Document::parse_bytes(&bytes, Limits::default()) {
        Ok(document) => document,
        Err(mut issue) => {
            issue.text = format!("{name}: {}", issue.text);
            print_issue(&issue, &String::from_utf8_lossy(&bytes), streams)?;
            return Ok(Exit::Invalid);
        }
    };
    let mut environment = Environment::read(args, streams)?;
    // A bundle's references lead into the bundle.
    environment.resources.add(Document::parse(document.text())?);
    let kind = document.root().str("resourceType").unwrap_or_default();
    for mut issue in expression.check(environment.definitions(), &kind) {
        // It is evaluated nonetheless, and gives nothing there.
        issue.severity = Severity::Warning;
        print_issue(&issue, &args.expression, streams)?;
    }
    evaluate(&expression, &document, &environment, args.format, streams)
}

fn input(args: &Args, streams: &mut Streams<'_>) -> Result<(String, Vec<u8>)> {
    match &args.input {
        None => Ok(("nothing".to_owned(), b"{}".to_vec())),
        Some(path) if path.as_os_str() == "-" => {
            let mut bytes = Vec::new();
            let read = streams.input.read_to_end(&mut bytes);
            read.map_err(|error| Error::unreadable_file(Path::new("standard input"), &error))?;
            Ok(("standard input".to_owned(), bytes))
        }
        Some(path) => Ok((path.display().to_string(), sources::bytes(path)?)),
    }
}

fn evaluate(
    expression: &Expression,
    document: &Document,
    environment: &Environment,
    format: Format,
    streams: &mut Streams<'_>,
) -> Result<Exit> {
    let trace_output = RefCell::new(String::new());
    let trace = |label: &str, items: &Collection<'_>| {
        for item in items {
            let _ = writeln!(trace_output.borrow_mut(), "trace {label}: {}", item.to_json());
        }
    };
    let resolve = |reference: &str| environment.resources.find(reference);
    let member_of = |item: &Item<'_>, set: &str| environment.member_of(item, set);
    let conforms_to = |item: &Item<'_>, profile: &str| environment.conforms_to(item, profile);
    let subsumes = |above: &Item<'_>, below: &Item<'_>| environment.subsumes(above, below);
    let now = Temporal::from_epoch_millis(Timestamp::now().as_millisecond());
    let mut context = Context::new(document.root()).model(environment.definitions()).trace(&trace);
    context = context.resolve(&resolve).member_of(&member_of).conforms_to(&conforms_to).subsumes(&subsumes);
    if let Some(now) = now {
        context = context.now(now);
    }
    let outcome = expression.evaluate(&context, document.root());
    write!(streams.err, "{}", trace_output.borrow()).map_err(unwritable)?;
    match outcome {
        Ok(found) => {
            let items = found.iter().map(|item| PrintedItem::new(item, &context));
            print_items(&items.collect::<Vec<_>>(), format, streams)?;
            Ok(Exit::Done)
        }
        Err(issue) => {
            print_issue(&issue, expression.text(), streams)?;
            Ok(Exit::Failed)
        }
    }
}

// === telling ===

/// An item as it is told.
struct PrintedItem {
    kind: String,
    value: Value,
    at: Option<(String, SourcePosition)>,
}

impl PrintedItem {
    fn new(item: &Item<'_>, context: &Context<'_>) -> Self {
        let named = Expression::parse("$this.type().name").ok().and_then(|kind| {
            let name = kind.evaluate_item(context, item.clone()).ok()?;
            Some(name.only()?.as_str()?.into_owned())
        });
        let at = match item {
            Item::Element(element) => Some(element.either()).map(|node| (node.path(), node.position())),
            Item::Value(_) => None,
        };
        Self { kind: named.unwrap_or_else(|| "unknown".to_owned()), value: item.to_json(), at }
    }
}

fn print_items(found: &[PrintedItem], format: Format, streams: &mut Streams<'_>) -> Result<()> {
    if format == Format::Json {
        let items = found.iter().map(|items| {
            let mut object = json!({ "type": items.kind, "value": items.value });
            if let Some((path, position)) = &items.at {
                object["path"] = path.as_str().into();
                object["line"] = position.line.into();
                object["column"] = position.column.into();
            }
            object
        });
        return writeln!(streams.out, "{:#}", items.collect::<Value>()).map_err(unwritable);
    }
    if found.is_empty() {
        // As the language writes it.
        writeln!(streams.out, "{{}}").map_err(unwritable)?;
    }
    for PrintedItem { kind, value, at } in found {
        match at {
            Some((path, position)) => writeln!(streams.out, "{path} ({position}): {kind} {value}"),
            None => writeln!(streams.out, "{kind} {value}"),
        }
        .map_err(unwritable)?;
    }
    Ok(())
}

/// Says what is wrong with an expression or a document, and marks the place in it.
fn print_issue(issue: &Issue, text: &str, streams: &mut Streams<'_>) -> Result<()> {
    writeln!(streams.err, "handoff: {issue}").map_err(unwritable)?;
    let Some(position) = issue.position else { return Ok(()) };
    let Some(line) = text.split('\n').nth(position.line as usize - 1) else { return Ok(()) };
    // So much before the place fits on a screen with what follows.
    let before = (position.column as usize - 1).min(60);
    let shown = line.chars().skip(position.column as usize - 1 - before).take(100);
    let shown: String = shown.map(|one| if one.is_control() { ' ' } else { one }).collect();
    writeln!(streams.err, "  | {shown}\n  | {}^", " ".repeat(before)).map_err(unwritable)
}

// === what the expression may ask ===

/// What lies beside the resource.
struct Environment {
    checker: Checker,
    resources: Resources,
}

impl Environment {
    fn read(args: &Args, streams: &mut Streams<'_>) -> Result<Self> {
        let Sources { definitions, resources, issues } = args.sources.load()?;
        for issue in issues {
            writeln!(streams.err, "{issue}").map_err(unwritable)?;
        }
        Ok(Self { checker: Checker::new(Arc::new(definitions)), resources })
    }

    fn definitions(&self) -> &Definitions {
        self.checker.definitions()
    }

    /// A code by its code alone, a Coding with its system, a CodeableConcept by any of its codings.
    fn member_of(&self, item: &Item<'_>, canonical: &str) -> Option<bool> {
        let set = self.definitions().value_set(canonical)?;
        let found = match item.node() {
            Some(node) => set.contains_coded(node),
            None => set.contains_code(&item.as_str()?),
        };
        found.as_bool()
    }

    fn conforms_to(&self, item: &Item<'_>, canonical: &str) -> Option<bool> {
        self.definitions().structure(canonical)?;
        let document = Document::parse(item.node()?.text()).ok()?;
        Some(!self.checker.check_against(document.root(), &[canonical]).iter().any(Issue::is_error))
    }

    fn subsumes(&self, above: &Item<'_>, below: &Item<'_>) -> Option<bool> {
        let (above, below) = (above.node()?, below.node()?);
        let system = above.str("system").filter(|system| below.str("system").as_ref() == Some(system))?;
        let known = self.definitions().code_system(&system)?;
        Some(known.is_a(known.position(&below.str("code")?)?, known.position(&above.str("code")?)?))
    }
}
