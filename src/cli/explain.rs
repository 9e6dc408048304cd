//! `handoff explain`: what the name of a finding means, from the table that terminal, OperationOutcome and HTTP read.

use super::streams::{Exit, Streams, unwritable};
use crate::error::Result;
use crate::fhir::Key;
use crate::fhir::authored::code_system::ISSUE_CODE_SYSTEM;
use crate::fhir::nearest_name::nearest;

/// Arguments of `handoff explain`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Names of findings, as reports show them in brackets; none for a list of all
    #[arg(value_name = "KEY", value_parser = key)]
    pub keys: Vec<Key>,
}

/// Runs `handoff explain`.
///
/// # Errors
/// Where it cannot be written.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let explained: Vec<String> = args.keys.iter().copied().map(explanation).collect();
    let text = if explained.is_empty() { list() } else { explained.join("\n") };
    streams.out.write_all(text.as_bytes()).map_err(unwritable)?;
    Ok(Exit::Done)
}

/// The finding that is meant: `missing`, and as it is copied from a report: `error[missing]:`.
fn key(written: &str) -> Result<Key, String> {
    let name = written.rsplit_once('[').map_or(written, |(_, inner)| inner.trim_end_matches([']', ':']));
    Key::of_name(name).ok_or_else(|| {
        let meant = nearest(name, Key::ALL.iter().map(|key| key.name()));
        let meant = meant.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
        format!("no finding is called so{meant} (handoff explain without a name lists all)")
    })
}

/// Every name with what it means.
fn list() -> String {
    let width = Key::ALL.iter().map(|key| key.name().len()).max().unwrap_or_default();
    let lines: Vec<String> = Key::ALL.iter().map(|key| format!("{:width$}  {}", key.name(), key.what())).collect();
    lines.join("\n") + "\n"
}

fn explanation(key: Key) -> String {
    let see_also = key.see_also().map_or_else(String::new, |url| format!("  see:   {url}\n"));
    format!(
        "{}: {}\n\n  why:   {}\n{see_also}  mend:  {}\n  in an OperationOutcome: issue.code {}, issue.details.coding {}#{}\n",
        key.name(),
        key.what(),
        key.why(),
        key.fix(),
        key.code(),
        ISSUE_CODE_SYSTEM,
        key.name(),
    )
}
