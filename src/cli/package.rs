//! `handoff package`: reads FHIR packages, says what is in them, and makes compact packs.

use std::path::PathBuf;

use clap::Subcommand;

use super::{Exit, Streams, sources, unwritable};
use crate::definitions::pack;
use crate::error::{Error, Result};
use crate::fhir::Issue;

/// Arguments of `handoff package`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with packages
    #[command(subcommand)]
    pub action: Action,
}

/// What to do with packages.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Say which packages are at hand: the embedded R4 core and those given
    List {
        /// Packages to list besides: a pack, a .tgz, a folder or a resource file
        sources: Vec<PathBuf>,
    },
    /// Make a pack: one compact file that opens at once and is decoded piece by piece
    Pack {
        /// A package: a .tgz, a folder or a resource file
        source: PathBuf,
        /// Where to write the pack
        #[arg(short, long)]
        output: PathBuf,
    },
}

/// Runs `handoff package`.
///
/// # Errors
/// Where a package cannot be read or a pack not be written.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    match &args.action {
        Action::List { sources } => list(sources, streams),
        Action::Pack { source, output } => make(source, output, streams),
    }
}

fn list(paths: &[PathBuf], streams: &mut Streams<'_>) -> Result<Exit> {
    let (definitions, issues) = sources::definitions(paths)?;
    for package in definitions.packages() {
        let version = if package.version.is_empty() { String::new() } else { format!(" {}", package.version) };
        writeln!(streams.out, "{}{version}: {} definitions", package.name, package.definitions).map_err(unwritable)?;
    }
    report(&issues, streams)
}

fn make(source: &std::path::Path, output: &std::path::Path, streams: &mut Streams<'_>) -> Result<Exit> {
    let package = sources::package(source)?;
    if package.definitions.is_empty() {
        return Err(Error::fault(format!("{} holds no definitions", source.display())));
    }
    // The core builds on nothing; every other package builds on it.
    let core = if package.name == "hl7.fhir.r4.core" { None } else { Some(crate::definitions::Definitions::r4()?) };
    let bytes = pack::write(&package, core.as_ref())?;
    std::fs::write(output, &bytes)
        .map_err(|error| Error::fault(format!("cannot write {}: {error}", output.display())))?;
    let said = format!(
        "{} {}: {} definitions in {} bytes",
        package.name,
        package.version,
        package.definitions.len(),
        bytes.len()
    );
    writeln!(streams.out, "{said}").map_err(unwritable)?;
    report(&package.issues, streams)
}

/// Says what could not be used; that does not make the rest unusable.
fn report(issues: &[Issue], streams: &mut Streams<'_>) -> Result<Exit> {
    for issue in issues {
        writeln!(streams.err, "{issue}").map_err(unwritable)?;
    }
    Ok(Exit::Done)
}
