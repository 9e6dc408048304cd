//! The arguments of `handoff validate`.

use std::path::PathBuf;

use clap::ValueEnum;

use super::super::sources::SourceArgs;

/// Arguments of `handoff validate`.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Args {
    /// Check against this profile too: its canonical URL, or the file that holds it
    #[arg(long, value_name = "CANONICAL|FILE")]
    pub profile: Vec<String>,
    /// What to check with
    #[command(flatten)]
    pub sources: SourceArgs,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Show nothing that is less than this; it is counted nonetheless
    #[arg(long, value_enum, default_value_t = MinSeverity::Information)]
    pub severity: MinSeverity,
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
pub enum MinSeverity {
    /// Only what makes it invalid
    Error,
    /// And what is likely wrong
    Warning,
    /// Everything
    Information,
}
