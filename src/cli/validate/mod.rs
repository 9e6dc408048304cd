//! `handoff validate`: checks files and says everything that is wrong with them, for people or for programs.

mod args;
mod block;
mod check;
mod counts;
mod excerpt;
mod inputs;
mod parallel;
mod progress;
mod report;
mod terminology_client;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use self::block::Colours;
use self::check::{Check, ReportDetail};
use self::progress::Progress;
use self::report::{Report, State};
use self::terminology_client::TerminologyClient;
use super::sources::{self, Sources};
use super::streams::{Exit, Streams, unwritable};
use crate::error::{Error, Result};
use crate::fhir::Severity;
use crate::fhirpath::Temporal;
use crate::profile::{Amendments, Checker};

pub use args::{Args, Format, MinSeverity};

/// Runs `handoff validate`.
///
/// # Errors
/// Where definitions cannot be loaded or the report not be written. A file that cannot be read is said, and the others
/// are checked nonetheless.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let files = inputs::files(&args.inputs)?;
    let Streams { input, out, err, colour, progress } = streams;
    let check = prepare(args, Colours { colour: *colour }, *err)?;
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
        |job| check.check_job(job),
        |answer| report.take(answer),
    );
    report.finish(done)
}

/// What to check with, from what the arguments name.
fn prepare(args: &Args, colours: Colours, err: &mut dyn Write) -> Result<Check> {
    let Sources { mut definitions, resources, mut issues } = args.sources.load()?;
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
            return Err(Error::unreachable(format!("{profile} holds no StructureDefinition")));
        }
        definitions = definitions.with(package);
    }
    for issue in issues {
        writeln!(err, "{issue}").map_err(unwritable)?;
    }
    // What a resource claims may be unknown; what is asked for here may not.
    if let Some(unknown) = profiles.iter().find(|profile| definitions.structure(profile).is_none()) {
        let message = format!(
            "the profile {unknown} is neither at hand nor a file that is there; load it with --with, or add its package with \
             handoff package add"
        );
        return Err(Error::unreachable(message));
    }
    let form = match args.format {
        _ if args.summary => ReportDetail::Nothing,
        Format::Human => ReportDetail::Blocks(colours),
        Format::Json => ReportDetail::Outcome { indented: true },
        Format::Ndjson => ReportDetail::Outcome { indented: false },
    };
    let min_severity = match args.severity {
        MinSeverity::Error => Severity::Error,
        MinSeverity::Warning => Severity::Warning,
        MinSeverity::Information => Severity::Information,
    };
    Ok(Check {
        checker: Checker::new(Arc::new(definitions)).amended(Amendments::shipped()?),
        terminology: args.terminology.as_deref().map(TerminologyClient::of).transpose()?,
        profiles,
        beside: resources,
        must_support: args.must_support,
        best_practice: args.best_practice,
        no_html: args.no_html,
        no_examples: args.no_examples,
        now: Temporal::from_epoch_millis(Timestamp::now().as_millisecond()),
        min_severity,
        form,
    })
}
