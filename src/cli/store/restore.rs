//! `handoff store restore`: a copy becomes the store, once it is found to be whole.

use std::path::PathBuf;

use jiff::Timestamp;

use super::check::{Base, write_report};
use super::progress::{CopyProgress, megabytes};
use crate::cli::audit::by_command_line;
use crate::cli::runtime::on_this_thread;
use crate::cli::store_file::{StoreFile, file_of};
use crate::cli::streams::{Exit, Streams, unwritable};
use crate::error::Result;
use crate::store::sqlite::restore::{Restoration, RestoreOptions, restore};

/// Arguments of `handoff store restore`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The copy, as handoff store backup made it
    file: PathBuf,
    /// Write over the store that is there
    #[arg(long)]
    replace: bool,
    /// Take a copy that was made without the log of a running store: what was committed last is lost with it
    #[arg(long)]
    without_log: bool,
    #[command(flatten)]
    base: Base,
}

pub(super) fn run(args: &Args, store: &StoreFile, now: Timestamp, streams: &mut Streams<'_>) -> Result<Exit> {
    let settings = args.base.settings(store)?;
    let file = file_of(&settings.store)?;
    let parameters = settings.search_parameters()?;
    let options = RestoreOptions { replace: args.replace, without_log: args.without_log };
    let entry = by_command_line("restored", String::new(), now);
    let runtime = on_this_thread()?;
    let mut progress = CopyProgress::new(streams.progress, streams.err);
    let mut show = |done, pages| progress.show(done, pages);
    let restored = runtime.block_on(restore(&args.file, file, options, &parameters, entry, &mut show))?;
    drop(progress);
    match restored {
        Restoration::Done(state) => {
            writeln!(
                streams.out,
                "sqlite:{} is as {} has it, at commit {}: {} resources, {}\n\
                 what was committed after that is gone; agencies whose cursor is newer are told to begin again without one",
                file.display(),
                args.file.display(),
                state.commit,
                state.resources,
                megabytes(state.bytes)
            )
            .map_err(unwritable)?;
            Ok(Exit::Done)
        }
        Restoration::NotWhole(report) => {
            write_report(&format!("sqlite:{}", args.file.display()), &report, 1, streams)?;
            writeln!(streams.err, "handoff: nothing is restored: the copy is not whole").map_err(unwritable)?;
            Ok(Exit::Invalid)
        }
    }
}
