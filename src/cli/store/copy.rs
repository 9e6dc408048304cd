//! `handoff store copy`: the store in another database, as it is at one commit.

use std::io::Write;

use crate::cli::runtime::on_this_thread;
use crate::cli::streams::{Exit, Streams, unwritable};
use crate::error::Result;
use crate::store::StorePlace;
use crate::store::copy::copy;

/// Arguments of `handoff store copy`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The store that is copied; what is committed meanwhile is not in the copy
    #[arg(long, value_name = "URL", value_parser = StorePlace::parse)]
    from: StorePlace,
    /// Where to: an empty database, or a file that is not there. A copy that was broken off is gone on with
    #[arg(long, value_name = "URL", value_parser = StorePlace::parse)]
    to: StorePlace,
}

pub(super) fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let mut line = Line { err: streams.progress.then_some(&mut *streams.err) };
    let mut show = |table: &'static str, rows| line.show(table, rows);
    let copied = on_this_thread()?.block_on(copy(args.from.clone(), args.to.clone(), &mut show));
    drop(line);
    let copied = copied?;
    writeln!(
        streams.out,
        "{} holds {} as of commit {}: {} rows, the same in number and digest",
        args.to, args.from, copied.commit, copied.rows
    )
    .map_err(unwritable)?;
    Ok(Exit::Done)
}

/// The line of progress.
struct Line<'e> {
    /// Where it is written; nowhere, if nobody looks
    err: Option<&'e mut dyn Write>,
}

impl Line<'_> {
    /// Shows which table is copied. Nobody minds if it cannot be written.
    fn show(&mut self, table: &str, rows: u64) {
        if let Some(err) = &mut self.err {
            let _ = write!(err, "\r\x1b[Kcopying: {table}, {rows} rows");
            let _ = err.flush();
        }
    }
}

impl Drop for Line<'_> {
    /// Takes the line away.
    fn drop(&mut self) {
        if let Some(err) = &mut self.err {
            let _ = write!(err, "\r\x1b[K");
            let _ = err.flush();
        }
    }
}
