//! `handoff package`: reads FHIR packages, says what is in them, makes compact packs, and keeps those for all commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::runtime::on_this_thread;
use super::sources;
use super::streams::{Exit, Streams, unwritable};
use crate::app::{Options, PackageRequest, Packages, Registry};
use crate::definitions::{Definitions, Package, pack};
use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key};

/// What is embedded, and has not to be added.
const CORE: &str = "hl7.fhir.r4.core";
/// So many packages are fetched for one, by what they depend on; more are a mistake of the registry.
const MAX_DEPENDENCIES: usize = 200;

/// Arguments of `handoff package`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with packages
    #[command(subcommand)]
    pub action: Action,
    /// Folder of the packages that are added; validate and serve load them from there [default: packages]
    #[arg(long, env = "HANDOFF_PACKAGES", value_name = "DIR", global = true)]
    pub packages: Option<PathBuf>,
    /// Settings file, for packages and package-registry [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
}

/// What to do with packages.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Say which packages are at hand: the embedded ones, those added and those given; and which of those that they depend
    /// on are not
    List {
        /// Packages to list besides: a pack, a .tgz, a folder or a resource file
        sources: Vec<PathBuf>,
    },
    /// Add packages: each is made into a pack, which validate and serve load from then on
    Add {
        /// A .tgz, a folder or a resource file; or NAME#VERSION, which is fetched from the configured registry
        #[arg(required = true, value_name = "FILE|DIR|NAME#VERSION")]
        sources: Vec<String>,
        /// Where packages are fetched from, as https://packages.example; package-registry in handoff.toml [default:
        /// nothing is ever fetched]
        #[arg(long, env = "HANDOFF_PACKAGE_REGISTRY", value_name = "URL")]
        registry: Option<String>,
        /// Add what they depend on too
        #[arg(long)]
        dependencies: bool,
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
/// Where a package cannot be read or fetched, or a pack not be written.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let packages = || Packages::configured(args.packages.as_deref(), args.config.as_deref());
    match &args.action {
        Action::List { sources } => list(&packages()?, sources, streams),
        Action::Pack { source, output } => write_pack(&packages()?, source, output, streams),
        Action::Add { sources, registry, dependencies } => {
            let registry = match registry {
                Some(registry) => Some(registry.clone()),
                None => Options::load(args.config.as_deref())?.package_registry,
            };
            let registry = registry.map(|url| Registry::new(&url)).transpose()?;
            let packages = packages()?.or_new();
            let mut collector = PackageCollector { registry, found: Vec::new(), streams };
            collector.collect(sources, *dependencies, &packages)?;
            let PackageCollector { found, .. } = collector;
            add(&packages, found, streams)
        }
    }
}

fn list(packages: &Packages, paths: &[PathBuf], streams: &mut Streams<'_>) -> Result<Exit> {
    let sources = sources::load_sources(packages, paths)?;
    for package in sources.definitions.packages() {
        let version = if package.version.is_empty() { String::new() } else { format!(" {}", package.version) };
        writeln!(streams.out, "{}{version}: {} definitions", package.name, package.definitions).map_err(unwritable)?;
        for (name, version) in package.missing {
            writeln!(streams.out, "  depends on {name} {version}, which is not at hand").map_err(unwritable)?;
        }
    }
    print_issues(&sources.issues, streams)
}

fn write_pack(packages: &Packages, source: &Path, output: &Path, streams: &mut Streams<'_>) -> Result<Exit> {
    let package = sources::package(source)?;
    let bytes = pack_of(&package, &source.display(), packages)?;
    std::fs::write(output, &bytes).map_err(|error| Error::unwritable_file(output, &error))?;
    print_summary(&package, bytes.len(), streams)?;
    print_issues(&package.issues, streams)
}

fn pack_of(package: &Package, source: &dyn std::fmt::Display, packages: &Packages) -> Result<Vec<u8>> {
    if package.definitions.is_empty() {
        return Err(Error::unreachable(format!("{source} holds no definitions")));
    }
    // The core builds on nothing; every other package builds on it, and on what was added.
    let beside = if package.name == CORE { None } else { Some(packages.load(&Definitions::r4()?)?) };
    pack::write(package, beside.as_ref())
}

fn print_summary(package: &Package, bytes: usize, streams: &mut Streams<'_>) -> Result<()> {
    let Package { name, version, definitions, .. } = package;
    let version = if version.is_empty() { String::new() } else { format!(" {version}") };
    writeln!(streams.out, "{name}{version}: {} definitions in {bytes} bytes", definitions.len()).map_err(unwritable)
}

/// Says what could not be used; that does not make the rest unusable.
fn print_issues(issues: &[Issue], streams: &mut Streams<'_>) -> Result<Exit> {
    for issue in issues {
        writeln!(streams.err, "{issue}").map_err(unwritable)?;
    }
    Ok(Exit::Done)
}

// === adding ===

/// Finds the packages that are to be added.
struct PackageCollector<'a, 's> {
    registry: Option<Registry>,
    found: Vec<Package>,
    streams: &'a mut Streams<'s>,
}

impl PackageCollector<'_, '_> {
    /// Reads or fetches all of them.
    fn collect(&mut self, sources: &[String], dependencies: bool, packages: &Packages) -> Result<()> {
        for source in sources {
            let path = Path::new(source);
            let package = if path.exists() {
                sources::package(path)?
            } else if let Some(wanted) = PackageRequest::parse(source) {
                self.fetch(&wanted)?
            } else {
                let text = format!("{source} is neither a file or folder that is there, nor NAME#VERSION");
                return Err(Error::unreachable(text));
            };
            self.found.push(package);
        }
        if dependencies { self.collect_dependencies(packages) } else { Ok(()) }
    }

    /// Fetches what those found depend on, as far as it is not at hand. What the registry has not got is said, and the
    /// others are added nonetheless.
    fn collect_dependencies(&mut self, packages: &Packages) -> Result<()> {
        let at_hand = packages.load(&Definitions::r4()?)?.packages();
        let mut asked: BTreeSet<PackageRequest> = BTreeSet::new();
        let mut next = 0;
        while let Some(package) = self.found.get(next) {
            next += 1;
            for (name, version) in package.dependencies.clone() {
                let wanted = PackageRequest { name, version };
                let is_here = |name: &str, version: &str| {
                    name == wanted.name && crate::definitions::resolve::version_matches(version, &wanted.version)
                };
                let is_known = wanted.name == CORE
                    || at_hand.iter().any(|one| is_here(&one.name, &one.version))
                    || self.found.iter().any(|one| is_here(&one.name, &one.version));
                if is_known || !asked.insert(wanted.clone()) {
                    continue;
                }
                if asked.len() > MAX_DEPENDENCIES {
                    return Err(Error::unreachable(format!("they depend on more than {MAX_DEPENDENCIES} packages")));
                }
                match self.fetch(&wanted) {
                    Ok(package) => self.found.push(package),
                    Err(error) if self.registry.is_none() => return Err(error),
                    Err(error) => writeln!(self.streams.err, "{error}").map_err(unwritable)?,
                }
            }
        }
        Ok(())
    }

    fn fetch(&mut self, wanted: &PackageRequest) -> Result<Package> {
        let Some(registry) = &self.registry else {
            let issue = Issue::error(
                Key::SettingInvalid,
                "package-registry",
                format!("{wanted} would have to be fetched, and no registry is configured"),
            );
            let hint = "name one with --registry URL, HANDOFF_PACKAGE_REGISTRY or package-registry in handoff.toml, or \
                        add the package from a file";
            return Err(Error { category: Category::Unreachable, issues: vec![issue.hint(hint)] });
        };
        let Streams { err, progress, .. } = &mut *self.streams;
        let mut shown = None;
        // Nobody minds if progress cannot be written.
        let mut show = |bytes: usize| {
            let megabytes = bytes >> 20;
            if *progress && shown.replace(megabytes) != Some(megabytes) {
                let _ = write!(err, "\r\x1b[Kfetching {wanted}: {megabytes} MB");
            }
        };
        show(0);
        let runtime = on_this_thread()?;
        let bytes = runtime.block_on(registry.fetch(wanted, &mut show));
        if *progress {
            let _ = write!(err, "\r\x1b[K");
        }
        Package::from_tgz(&bytes?[..])
    }
}

/// Makes packs of them, what others depend on first, and keeps those.
fn add(packages: &Packages, mut found: Vec<Package>, streams: &mut Streams<'_>) -> Result<Exit> {
    while !found.is_empty() {
        let waits = |package: &Package| {
            let needs = |other: &Package| package.dependencies.iter().any(|(name, _)| *name == other.name);
            found.iter().any(|other| other.name != package.name && needs(other))
        };
        // Packages that depend on each other in a circle have no first one.
        let first = found.iter().position(|package| !waits(package)).unwrap_or(0);
        let package = found.remove(first);
        if streams.progress {
            let _ = write!(streams.err, "\r\x1b[Kpacking {} {}", package.name, package.version);
        }
        let bytes = pack_of(&package, &package.name, packages);
        if streams.progress {
            let _ = write!(streams.err, "\r\x1b[K");
        }
        let bytes = bytes?;
        let file = packages.save_package(&package, &bytes)?;
        print_summary(&package, bytes.len(), streams)?;
        writeln!(streams.out, "  kept as {}", file.display()).map_err(unwritable)?;
        print_issues(&package.issues, streams)?;
    }
    for package in packages.load(&Definitions::r4()?)?.packages() {
        for (name, version) in package.missing {
            let text =
                format!("{} depends on {name} {version}, which is not at hand: add {name}#{version}", package.name);
            writeln!(streams.err, "{text}").map_err(unwritable)?;
        }
    }
    Ok(Exit::Done)
}
