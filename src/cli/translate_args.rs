//! The arguments of `handoff translate`, which its files for sheets and HMIS read too.

use std::path::PathBuf;

use clap::ValueEnum;

/// Arguments of `handoff translate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is given [default: what --to is made of: FHIR for a record, records for everything else]
    #[arg(long, value_enum)]
    pub from: Option<InputFormat>,
    /// What to make: the record of a referral, the FHIR of a record, a sheet of records, or HMIS CSV
    #[arg(long, value_enum)]
    pub to: Target,
    /// The type of program [default: what the Task or the record says, else generic]
    #[arg(long, value_name = "TYPE")]
    pub program: Option<String>,
    /// Folder of program types that are laid over those that come with the program [default: programs of handoff.toml]
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// With --to fhir: the Bundle that the record came from; only what differs from it is changed
    #[arg(long, value_name = "BUNDLE")]
    pub with: Option<PathBuf>,
    /// Say where every field came from, and what became of every element
    #[arg(long)]
    pub explain: bool,
    /// How to tell it
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// With --from csv: the zone of times that say none: Z, -06:00
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true)]
    pub zone: Option<String>,
    /// With --from csv: the order of day and month where the sheet does not tell: mdy, dmy
    #[arg(long, value_name = "ORDER")]
    pub dates: Option<String>,
    /// What HMIS CSV needs besides
    #[command(flatten)]
    pub hmis: HmisArgs,
    /// The Bundle, the record, the records (an array, or one a line), the sheet, the zip or folder of HMIS CSV, or - for
    /// standard input
    #[arg(value_name = "FILE|-")]
    pub input: PathBuf,
}

/// What is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// A Bundle of FHIR resources
    Fhir,
    /// A program record
    Record,
    /// A sheet
    Csv,
    /// The HMIS CSV files of HUD, as a zip or a folder
    HmisArgs,
}

/// What to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Target {
    /// A program record
    Record,
    /// A Bundle of FHIR resources
    Fhir,
    /// A sheet, one row a referral or service
    Csv,
    /// The HMIS CSV files of HUD, as a zip
    HmisArgs,
}

/// How to tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The document, and behind it the report in words where it is asked for
    Human,
    /// One JSON object: the document alone, or with --explain the document and its report
    Json,
}

/// What only HMIS needs to be told.
#[derive(Debug, Default, clap::Args)]
pub struct HmisArgs {
    /// With HMIS CSV: the year of the format, as fy2026 [default: the newest to write, what the set says to read]
    #[arg(long = "hmis", value_name = "YEAR")]
    pub year: Option<String>,
    /// With --from hmis: which rows to take
    #[arg(long, value_enum, default_value_t = RowSelection::All)]
    pub rows: RowSelection,
    /// With --to hmis: the zip to write
    #[arg(long, value_name = "FILE.zip")]
    pub output: Option<PathBuf>,
}

/// Which rows are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum RowSelection {
    /// All, or none where one is refused
    #[default]
    All,
    /// Those that are not refused
    Good,
}
