//! The `handoff` binary.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use handoff::cli::{self, Cli, Streams};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Not locked: the log of a serving gateway is written by other threads meanwhile.
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let is_terminal = std::io::stdout().is_terminal();
    let (mut input, mut err) = (std::io::stdin().lock(), std::io::stderr());
    let exit = cli::run(&cli, &mut Streams { input: &mut input, out: &mut out, err: &mut err, is_terminal });
    // A reader that has gone away (`| head`) is no failure of ours.
    let _ = out.flush();
    exit.into()
}
