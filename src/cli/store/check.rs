//! `handoff store check`: is the store whole? A line for each part that is looked at, and what is wrong with it.

use std::num::NonZeroU64;

use crate::app::{Options, Settings};
use crate::cli::runtime::on_this_thread;
use crate::cli::store_file::StoreFile;
use crate::cli::streams::{Exit, Streams, unwritable};
use crate::error::Result;
use crate::store::StorePlace;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::check::{Part, StoreReport, check};

/// Arguments of `handoff store check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Look at one of so many resources, and at what leads to them
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    one_of: NonZeroU64,
    #[command(flatten)]
    base: Base,
}

/// Where the gateway is reached, as far as a command has to know it.
#[derive(Debug, clap::Args)]
pub(super) struct Base {
    /// Where clients reach the gateway: with it the index was made [default: that of the settings, else the address
    /// listened on]
    #[arg(long, env = "HANDOFF_BASE", value_name = "URL")]
    base: Option<String>,
}

impl Base {
    /// The settings with which a gateway would serve the store.
    pub(super) fn settings(&self, store: &StoreFile) -> Result<Settings> {
        let settings = store.settings(Options { base: self.base.clone(), ..Options::default() })?;
        let listen = settings.listen.clone();
        Ok(settings.with_default_base(&listen))
    }
}

pub(super) fn run(args: &Args, store: &StoreFile, streams: &mut Streams<'_>) -> Result<Exit> {
    let settings = args.base.settings(store)?;
    let parameters = settings.search_parameters()?;
    let report = on_this_thread()?.block_on(async {
        match &settings.store {
            StorePlace::Sqlite(path) => check(path, &parameters, args.one_of).await,
            StorePlace::Postgres(url) => PostgresStore::open(url, &parameters).await?.check(args.one_of).await,
        }
    })?;
    write_report(&settings.store.to_string(), &report, args.one_of.get(), streams)?;
    Ok(if report.is_whole() { Exit::Done } else { Exit::Invalid })
}

/// A line for each part, with its findings.
pub(super) fn write_report(store: &str, report: &StoreReport, one_of: u64, streams: &mut Streams<'_>) -> Result<()> {
    let file_is_whole = !report.findings.iter().any(|finding| finding.part == Part::File);
    let share = if one_of == 1 { String::new() } else { format!(", one of {one_of}") };
    let index = match report.index_rows {
        Some(rows) => format!("{rows} rows{share}"),
        None => {
            "not compared: it was made with other search parameters, or for another --base; a gateway makes it anew"
                .to_owned()
        }
    };
    let parts = [
        (Part::File, "every page is that of a database".to_owned()),
        (Part::References, "every row leads to one that is there".to_owned()),
        (Part::Counts, "what is counted is there".to_owned()),
        (Part::Documents, format!("{} resources{share}", report.resources)),
        (Part::Index, index),
        (Part::Audit, format!("{} rows, as they were written", report.audit_rows)),
    ];
    let commit = report.commit.map(|commit| format!(" at commit {commit}")).unwrap_or_default();
    writeln!(streams.out, "{store}{commit}").map_err(unwritable)?;
    // The pages of a database are its server's to check.
    let has_file = store.starts_with("sqlite:");
    for (part, looked_at) in parts.into_iter().filter(|(part, _)| has_file || *part != Part::File) {
        let findings: Vec<_> = report.findings.iter().filter(|finding| finding.part == part).collect();
        let text = match findings.first() {
            None if part != Part::File && !file_is_whole => "not looked at",
            None => &looked_at,
            Some(_) => "not whole",
        };
        writeln!(streams.out, "  {:10}  {text}", part.name()).map_err(unwritable)?;
        for finding in findings {
            writeln!(streams.out, "    {}", finding.text).map_err(unwritable)?;
        }
    }
    let verdict = if report.is_whole() { "whole" } else { "not whole" };
    writeln!(streams.out, "{verdict}").map_err(unwritable)
}
