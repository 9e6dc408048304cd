//! The arguments of `handoff route`.

use std::path::PathBuf;

use clap::ValueEnum;
use jiff::Timestamp;

/// Arguments of `handoff route`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Organizations, programs and service areas to choose among: a Bundle, or a folder of resources and Bundles
    /// [default: the directory of the demo]
    #[arg(long, value_name = "DIR|URL|FILE", conflicts_with_all = ["program", "cases"])]
    pub directory: Option<PathBuf>,
    /// Judge the person by the rules of this program type, without a directory
    #[arg(long, value_name = "TYPE")]
    pub program: Option<String>,
    /// Folder of program types that are laid over those that come with the program [default: programs of handoff.toml]
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Say rule by rule which fact was used and where it came from; it tells values of the person
    #[arg(long)]
    pub explain: bool,
    /// As of when [default: now]
    #[arg(long, value_name = "INSTANT")]
    pub at: Option<Timestamp>,
    /// Run the cases of eligibility rules in FILE, or in the files of a folder
    #[arg(long, conflicts_with_all = ["program", "explain", "at"])]
    pub cases: bool,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// The Bundle that holds the referral, or - for standard input; with --cases a file or folder of cases
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
