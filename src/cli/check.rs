//! `handoff check`: would a gateway with these settings work here? Each part that it needs is tried as it would be at the start,
//! and nothing is changed: settings, addresses, TLS, store, packages, program types, profiles, directory, clients.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::serve::{addresses, bound_in_vain};
use super::streams::{Exit, Streams, unwritable};
use crate::app::{ListenAddress, Options, Settings, exposure};
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::routing::{Directory, Rulebook};
use crate::store::postgres::{DatabaseUrl, PostgresStore};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::backup::inspect;
use crate::store::{Credentials, DirectoryPosition, Resources, StorePlace, Stored};
use crate::terminology::Terminology;

/// Arguments of `handoff check`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Settings file [default: handoff.toml, where it is there]
    #[arg(long, env = "HANDOFF_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Runs `handoff check`.
///
/// # Errors
/// Settings that cannot be used: then there is nothing to try. What else does not work is in the report.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let settings = args.options.clone().with_defaults_from(Options::load(args.config.as_deref())?).into_settings()?;
    let mut report = Report { streams, worst: Exit::Done };
    report.part("settings", Ok(Found::new("can be used")))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::fault)?;
    // What was listened on is held: the other may not have the same.
    let api = runtime.block_on(settings.listen.bind());
    let found = api.as_ref().map(|api| listened(&settings, &asked(&settings.listen, api), &[]));
    let found = found.map_err(Clone::clone);
    report.part("listen", found)?;
    if let Some(listen) = &settings.operations_listen {
        let operations = runtime.block_on(listen.bind());
        report.part("operators", operations.map(|operations| listened(&settings, &[], &asked(listen, &operations))))?;
    }
    drop(api);
    report.part("tls", tls(&settings))?;
    let definitions = Definitions::shipped().and_then(|shipped| settings.packages.load(&shipped));
    report.part("packages", definitions.as_ref().map(packages).map_err(Clone::clone))?;
    // What builds on definitions that cannot be loaded is tried with those that come with the program.
    let definitions = definitions.or_else(|_| Definitions::shipped())?;
    report.part("programs", programs(&settings, &definitions))?;
    report.part("profiles", profiles(&settings, &definitions))?;
    if let Some(asked) = &settings.terminology {
        let found = Terminology::of(asked).map(|_| Found::new(format!("{} is asked; it was not now", asked.url)));
        report.part("terminology", found)?;
    }
    let store = match &settings.store {
        StorePlace::Sqlite(path) => store(path),
        StorePlace::Postgres(url) => runtime.block_on(database(url)).map(|found| (found, false)),
    };
    let is_readable = store.as_ref().is_ok_and(|(_, is_readable)| *is_readable);
    report.part("store", store.map(|(found, _)| found))?;
    if let StorePlace::Sqlite(path) = &settings.store
        && is_readable
    {
        let opened = SqliteStore::open_read_only(path)?;
        let rules = settings.programs.files().and_then(|files| files.rules());
        let rules = rules.or_else(|_| Rulebook::shipped())?;
        report.part("directory", runtime.block_on(directory(&opened, &rules)))?;
        report.part("clients", runtime.block_on(clients(&settings, &opened)))?;
    }
    report.finish()
}

/// What a part is, and what is to be said of it though it works.
struct Found {
    what: String,
    remarks: Vec<String>,
}

impl Found {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), remarks: Vec::new() }
    }
}

// === parts ===

/// Where could be listened, for clients or for operators.
/// The addresses that are listened on, at the port that is asked for: of any port another one is had at the start.
fn asked(listen: &ListenAddress, bound: &[(TcpListener, SocketAddr)]) -> Vec<SocketAddr> {
    addresses(bound).into_iter().map(|address| SocketAddr::new(address.ip(), listen.port())).collect()
}

fn listened(settings: &Settings, api: &[SocketAddr], operations: &[SocketAddr]) -> Found {
    let all: Vec<String> = api.iter().chain(operations).map(ToString::to_string).collect();
    let verb = if all.len() == 1 { "is" } else { "are" };
    Found { what: format!("{} {verb} free", all.join(", ")), remarks: exposure::remarks(settings, api, operations) }
}

fn tls(settings: &Settings) -> Result<Found> {
    let Some(files) = &settings.tls else { return Ok(Found::new("is not spoken")) };
    let config = files.load()?;
    let asked = if files.client_ca.is_some() { "clients may show certificates" } else { "clients show none" };
    // As it would be told to clients.
    let base = settings.clone().with_default_base(&settings.listen).base;
    let remarks = config.remarks(Timestamp::now(), base.as_deref());
    Ok(Found { what: format!("the certificate is valid until {}; {asked}", config.expires()), remarks })
}

fn packages(definitions: &Definitions) -> Found {
    let packages = definitions.packages();
    let missing = |package: &crate::definitions::PackageSummary| {
        package
            .missing
            .iter()
            .map(|(name, version)| format!("{} depends on {name} {version}, which is not at hand", package.name))
            .collect::<Vec<_>>()
    };
    Found { what: format!("{} packages", packages.len()), remarks: packages.iter().flat_map(missing).collect() }
}

fn programs(settings: &Settings, definitions: &Definitions) -> Result<Found> {
    let files = settings.programs.files()?;
    let programs = files.programs(definitions)?;
    files.sheets(&programs)?;
    files.rules()?.check(definitions)?;
    Ok(Found::new(format!("{} program types", programs.iter().count())))
}

fn profiles(settings: &Settings, definitions: &Definitions) -> Result<Found> {
    let required = settings.profiles.resolve(definitions)?;
    let mut kinds: Vec<&str> = required.keys().map(String::as_str).collect();
    kinds.sort_unstable();
    Ok(Found::new(if kinds.is_empty() {
        "none are demanded".to_owned()
    } else {
        format!("demanded of {}", kinds.join(", "))
    }))
}

/// The database of a store. It is looked at and not opened as a store: that would change it where it is new.
async fn database(url: &DatabaseUrl) -> Result<Found> {
    Ok(Found::new(match PostgresStore::inspect(url).await? {
        Some((commit, resources)) => format!("{url} at commit {commit}: {resources} resources"),
        None => format!("{url} is reached; its tables are made at the first start"),
    }))
}

/// The store, and whether it can be looked into.
fn store(path: &Path) -> Result<(Found, bool)> {
    let shown = path.display();
    if !path.exists() {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        tempfile::tempfile_in(folder).map_err(|error| Error::unwritable_file(path, &error))?;
        return Ok((Found::new(format!("sqlite:{shown} is made at the first start")), false));
    }
    let inspected = inspect(path)?;
    let state = inspected.state;
    let mut found = Found::new(format!("sqlite:{shown} at commit {}: {} resources", state.commit, state.resources));
    if !inspected.is_newest {
        found.remarks.push(format!(
            "it has schema {}, which an earlier handoff wrote, and is brought to that of this one when it is served",
            inspected.schema
        ));
    }
    Ok((found, inspected.is_newest))
}

async fn directory(store: &SqliteStore, rules: &Rulebook) -> Result<Found> {
    let (changes, mut changed) = mpsc::channel::<Stored>(1);
    let mut update = Directory::new(rules).update(rules);
    let add_all = async {
        while let Some(stored) = changed.recv().await {
            update.add(stored.document.root());
        }
    };
    tokio::join!(store.directory_changes(DirectoryPosition::default(), changes), add_all).0?;
    let directory = update.finish()?;
    let what = format!("{} organizations, {} programs", directory.organization_count(), directory.programs().count());
    let mut remarks: Vec<String> = directory.findings().iter().map(ToString::to_string).collect();
    if directory.resource_count() == 0 {
        remarks.push("it is empty, so no referral finds a program".to_owned());
    }
    Ok(Found { what, remarks })
}

async fn clients(settings: &Settings, store: &SqliteStore) -> Result<Found> {
    let clients = store.clients().await?;
    let number = clients.iter().filter(|client| client.revoked.is_none()).count();
    let mut remarks: Vec<String> = bound_in_vain(settings, &clients).into_iter().collect();
    if number == 0 {
        remarks.push("nobody is let in; add clients with: handoff client add".to_owned());
    }
    Ok(Found { what: format!("{number} are let in"), remarks })
}

// === report ===

struct Report<'s, 'w> {
    streams: &'s mut Streams<'w>,
    worst: Exit,
}

impl Report<'_, '_> {
    /// A line for a part, and one for each remark.
    fn part(&mut self, name: &str, found: Result<Found>) -> Result<()> {
        let found = found.unwrap_or_else(|error| {
            let exit = Exit::of(&error);
            if exit as u8 > self.worst as u8 {
                self.worst = exit;
            }
            Found::new(format!("does not work: {error}"))
        });
        writeln!(self.streams.out, "{name:11}  {}", found.what).map_err(unwritable)?;
        for remark in found.remarks {
            writeln!(self.streams.out, "{:11}  remark: {remark}", "").map_err(unwritable)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Exit> {
        let verdict = if self.worst == Exit::Done { "it would work" } else { "it would not work" };
        writeln!(self.streams.out, "{verdict}").map_err(unwritable)?;
        Ok(self.worst)
    }
}
