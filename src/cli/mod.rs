//! Layer 6: the command line. Each subcommand is a file or folder: its arguments, and a function that takes them and the
//! [`Streams`].
//!
//! Nothing here knows how a thing is done; it reads files, asks the layers below, and says what they found. Exit codes
//! are the contract of [`Exit`].

mod asked_types;
pub mod audit;
mod case_files;
pub mod check;
pub mod client;
pub mod demo;
pub mod explain;
pub mod fhirpath;
mod gateway_args;
pub mod hmis;
pub mod package;
mod program_type;
mod records;
pub mod route;
mod runtime;
mod scratch;
pub mod serve;
pub mod settings;
mod setup_remarks;
mod sheet;
mod sources;
pub mod store;
mod store_file;
mod streams;
pub mod translate;
mod translate_args;
pub mod validate;

use clap::{Parser, Subcommand};
use jiff::Timestamp;

pub use streams::{Exit, Streams};

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
    Serve(Box<serve::Args>),
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
    /// Read the audit log: who saw, changed or was refused what; and verify that it is as it was written
    Audit(audit::Args),
    /// Say each setting with its value and where that comes from
    Settings(settings::Args),
    /// Say whether a gateway with these settings would work here, and what would not
    Check(Box<check::Args>),
    /// Copy the store while it is served, put a copy back, or say whether the store is whole
    Store(store::Args),
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
        Command::Audit(args) => audit::run(args, Timestamp::now(), streams),
        Command::Settings(args) => settings::run(args, streams),
        Command::Check(args) => check::run(args, streams),
        Command::Store(args) => store::run(args, Timestamp::now(), streams),
    };
    done.unwrap_or_else(|error| {
        // Nobody is left to tell if standard error is gone too.
        let _ = writeln!(streams.err, "handoff: {error}");
        Exit::of(&error)
    })
}
