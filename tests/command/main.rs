//! Commands as people call them: what they print and how they exit.

#![allow(clippy::unwrap_used, clippy::panic)] // these are tests, helpers among them

mod audit;
#[path = "../certificates/mod.rs"]
mod certificates;
mod client;
mod demo;
mod exits;
mod fhirpath;
mod packages;
mod settings;
mod store;

use std::path::Path;

use ::handoff::cli::{self, Cli, Exit, Streams};
use clap::Parser;

/// Runs `handoff COMMAND ...` on the store in `folder`; exit code, standard output, standard error.
fn handoff(folder: &Path, arguments: &[&str]) -> (Exit, String, String) {
    let store = format!("sqlite:{}", folder.join("handoff.db").display());
    run(&[arguments, &["--store", &store]].concat())
}

/// Runs `handoff ...`; exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (Exit, String, String) {
    let cli = Cli::try_parse_from(["handoff"].iter().chain(arguments)).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams =
        Streams { input: &mut std::io::empty(), out: &mut out, err: &mut err, colour: false, progress: false };
    let exit = cli::run(&cli, &mut streams);
    (exit, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}
