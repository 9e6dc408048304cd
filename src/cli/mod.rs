//! Layer 6: the command line. Each subcommand is a file: its arguments, and a function that takes them and the streams.
//!
//! Nothing here knows how a thing is done; it reads files, asks the layers below, and says what they found. Exit codes
//! are the contract of [`Exit`].

pub mod client;
pub mod demo;
pub mod explain;
pub mod fhirpath;
pub mod hmis;
pub mod package;
pub mod route;
pub mod serve;
mod sheet;
mod sources;
pub mod translate;
pub mod validate;

use std::io::{Read, Write};

use clap::{Parser, Subcommand};
use jiff::Timestamp;

use crate::error::{Category, Error};

/// Handoff: a FHIR gateway for closed-loop social-care referrals.
#[derive(Debug, Parser)]
#[command(name = "handoff", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Send one referral all the way round, each step shown, then go on serving
    Demo(demo::Args),
    /// Serve FHIR and the agency API until told to stop
    Serve(serve::Args),
    /// Check resources and bundles, and say everything that is wrong with them
    Validate(validate::Args),
    /// Say what a finding means, why it matters and how to mend it
    Explain(explain::Args),
    /// Say who would get a referral, and why
    Route(route::Args),
    /// Show a referral as the record of a program, or a record as FHIR, and where every field came from
    Translate(translate::Args),
    /// Evaluate a FHIRPath expression on a resource, and say what it gives and where that stands
    Fhirpath(fhirpath::Args),
    /// Read FHIR packages, and make compact packs of them
    Package(package::Args),
    /// Say who may call the gateway: add, list and revoke clients
    Client(client::Args),
}

/// What the caller of the process learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done
    Done = 0,
    /// Could not be done
    Failed = 1,
    /// Asked for in a way that we do not understand; clap's own code too
    Usage = 2,
    /// Done, and what was looked at is not valid
    Invalid = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// What a command reads and writes besides files; tests pass buffers.
pub struct Streams<'a> {
    /// Standard input
    pub input: &'a mut (dyn Read + Send),
    /// Standard output
    pub out: &'a mut dyn Write,
    /// Standard error
    pub err: &'a mut dyn Write,
    /// Standard output is a terminal that shows colours, and wants them
    pub colour: bool,
    /// Standard error is a terminal, so progress is welcome
    pub progress: bool,
}

/// Runs a command. What could not be done is said on standard error.
pub fn run(cli: &Cli, streams: &mut Streams<'_>) -> Exit {
    let done = match &cli.command {
        Command::Demo(args) => demo::run(args, streams),
        Command::Serve(args) => serve::run(args, streams),
        Command::Validate(args) => validate::run(args, streams),
        Command::Explain(args) => explain::run(args, streams),
        Command::Route(args) => route::run(args, streams),
        Command::Translate(args) => translate::run(args, streams),
        Command::Fhirpath(args) => fhirpath::run(args, streams),
        Command::Package(args) => package::run(args, streams),
        Command::Client(args) => client::run(args, Timestamp::now(), streams),
    };
    done.unwrap_or_else(|error| {
        // Nobody is left to tell if standard error is gone too.
        let _ = writeln!(streams.err, "handoff: {error}");
        match error.category {
            Category::Incorrect | Category::Unprocessable => Exit::Invalid,
            _ => Exit::Failed,
        }
    })
}

/// What a writer could not take is our failure, not the payload's.
#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn unwritable(error: std::io::Error) -> Error {
    Error::fault(format!("cannot write: {error}"))
}
