//! The `handoff` binary.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use handoff::cli::{self, Cli, Streams};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // Not locked: the log of a serving gateway is written by other threads meanwhile.
    let mut out = std::io::BufWriter::new(std::io::stdout());
    let (mut input, mut err) = (std::io::stdin(), std::io::stderr());
    let colour = std::io::stdout().is_terminal() && wants_colour();
    let progress = err.is_terminal();
    let exit = cli::run(&cli, &mut Streams { input: &mut input, out: &mut out, err: &mut err, colour, progress });
    // A reader that has gone away (`| head`) is no failure of ours.
    let _ = out.flush();
    exit.into()
}

/// <https://no-color.org>, and terminals that say that they are dumb.
fn wants_colour() -> bool {
    let is = |name, value: fn(&str) -> bool| std::env::var(name).is_ok_and(|set| value(&set));
    !is("NO_COLOR", |set| !set.is_empty()) && !is("TERM", |set| set == "dumb")
}
