//! `handoff store backup`: a copy of the store, as it is at one commit, in one file that is for its owner alone.

use std::path::PathBuf;

use super::progress::{CopyProgress, megabytes};
use crate::cli::store_file::StoreFile;
use crate::cli::streams::{Exit, Streams, unwritable};
use crate::error::Result;
use crate::store::sqlite::backup::back_up;

/// Arguments of `handoff store backup`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write the copy; it has this name when it is whole
    file: PathBuf,
    /// Replace what has this name
    #[arg(long)]
    replace: bool,
}

pub(super) fn run(args: &Args, store: &StoreFile, streams: &mut Streams<'_>) -> Result<Exit> {
    let store = store.path()?;
    let mut progress = CopyProgress::new(streams.progress, streams.err);
    let copied = back_up(&store, &args.file, args.replace, &mut |done, pages| progress.show(done, pages))?;
    drop(progress);
    writeln!(
        streams.out,
        "{} holds sqlite:{} as of commit {}: {} resources, {}",
        args.file.display(),
        store.display(),
        copied.commit,
        copied.resources,
        megabytes(copied.bytes)
    )
    .map_err(unwritable)?;
    Ok(Exit::Done)
}
