//! `handoff validate`: checks files and says everything that is wrong with them, for people or for programs.

mod asking;
mod block;
mod check;
mod excerpt;
mod inputs;
mod parallel;
mod progress;
mod report;
mod tally;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use jiff::Timestamp;

use self::asking::Asking;
use self::block::Paint;
use self::check::{Check, ReportDetail};
use self::progress::Progress;
use self::report::{Report, State};
use super::sources::{self, Gathered};
use super::{Exit, Streams, unwritable};
use crate::app::Packages;
use crate::error::{Error, Result};
use crate::fhir::Severity;
use crate::fhirpath::Temporal;
use crate::profile::{Amendments, Checker};

/// Arguments of `handoff validate`.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Args {
    /// Check against this profile too: its canonical URL, or the file that holds it
    #[arg(long, value_name = "CANONICAL|FILE")]
    pub profile: Vec<String>,
    /// Definitions to check with besides R4 core, and resources that references may lead to
    #[arg(long, value_name = "FILE|DIR|TGZ")]
    pub with: Vec<PathBuf>,
    /// Folder of the packages that were added with handoff package add [default: packages]
    #[arg(long, env = "HANDOFF_PACKAGES", value_name = "DIR")]
    pub packages: Option<PathBuf>,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Show nothing that is less than this; it is counted nonetheless
    #[arg(long, value_enum, default_value_t = Least::Information)]
    pub severity: Least,
    /// Show only how many are valid, and what was found how often
    #[arg(long)]
    pub summary: bool,
    /// Say too which elements that a profile marks as must-support are absent
    #[arg(long)]
    pub must_support: bool,
    /// Say too where rules are kept but recommendations are not
    #[arg(long)]
    pub best_practice: bool,
    /// Refuse HTML where text is meant, in strings and in markdown
    #[arg(long)]
    pub no_html: bool,
    /// Refuse addresses that are reserved for examples, such as example.org
    #[arg(long)]
    pub no_examples: bool,
    /// FHIR server that is asked about codes which the value sets at hand cannot judge; its token, if it wants one, stands
    /// in HANDOFF_TERMINOLOGY_TOKEN [default: nobody is asked]
    #[arg(long, env = "HANDOFF_TERMINOLOGY", value_name = "URL")]
    pub terminology: Option<String>,
    /// What to check: .json files, .ndjson files (a resource a line), folders of them, or - for standard input (either)
    #[arg(required = true, value_name = "FILE|DIR|-")]
    pub inputs: Vec<PathBuf>,
}

/// How to say what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: the place in the source, what is wrong, how to mend it
    Human,
    /// One OperationOutcome, or an array of them for several resources
    Json,
    /// One OperationOutcome a line
    Ndjson,
}

/// The least that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Least {
    /// Only what makes it invalid
    Error,
    /// And what is likely wrong
    Warning,
    /// Everything
    Information,
}

/// Runs `handoff validate`.
///
/// # Errors
/// Where definitions cannot be loaded or the report not be written. A file that cannot be read is said, and the others
/// are checked nonetheless.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let files = inputs::files(&args.inputs)?;
    let Streams { input, out, err, colour, progress } = streams;
    let check = prepare(args, Paint { colour: *colour }, *err)?;
    let several = files.len() != 1 || args.inputs.iter().any(|input| input.is_dir() || inputs::has_lines(input));
    let mut report = Report {
        out: *out,
        err: *err,
        progress: Progress::new(*progress, files.len()),
        format: args.format,
        is_summary: args.summary,
        is_list: several,
        state: State::default(),
    };
    let done = parallel::in_order(
        |give| inputs::read(&files, *input, give),
        |job| check.answer(job),
        |answer| report.take(answer),
    );
    report.finish(done)
}

/// What to check with, from what the arguments name.
fn prepare(args: &Args, paint: Paint, err: &mut dyn Write) -> Result<Check> {
    let packages = Packages::configured(args.packages.as_deref(), None)?;
    let Gathered { mut definitions, resources, mut issues } = sources::gather(&packages, &args.with)?;
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
        writeln!(err, "{issue}").map_err(unwritable)?;
    }
    let form = match args.format {
        _ if args.summary => ReportDetail::Nothing,
        Format::Human => ReportDetail::Blocks(paint),
        Format::Json => ReportDetail::Outcome { indented: true },
        Format::Ndjson => ReportDetail::Outcome { indented: false },
    };
    let least = match args.severity {
        Least::Error => Severity::Error,
        Least::Warning => Severity::Warning,
        Least::Information => Severity::Information,
    };
    Ok(Check {
        checker: Checker::new(Arc::new(definitions)).amended(Amendments::shipped()?),
        asking: args.terminology.as_deref().map(Asking::of).transpose()?,
        profiles,
        beside: resources,
        must_support: args.must_support,
        best_practice: args.best_practice,
        no_html: args.no_html,
        no_examples: args.no_examples,
        now: Temporal::from_epoch_millis(Timestamp::now().as_millisecond()),
        least,
        form,
    })
}
