//! `handoff check`: would a gateway with these settings work here? Each part that it needs is tried as it would be at the start,
//! and nothing is changed: settings, addresses, TLS, store, packages, program types, profiles, directory, clients.

use std::net::SocketAddr;
use std::path::Path;

use jiff::Timestamp;
use tokio::net::TcpListener;

use super::gateway_args::GatewayArgs;
use super::runtime::on_this_thread;
use super::serve::addresses;
use super::setup_remarks;
use super::streams::{Exit, Streams, unwritable};
use crate::app::{ListenAddress, Settings, exposure};
use crate::definitions::Definitions;
use crate::error::{Error, Result};
use crate::exchange::compile_directory;
use crate::routing::Rulebook;
use crate::store::postgres::{DatabaseUrl, PostgresStore};
use crate::store::sqlite::SqliteStore;
use crate::store::sqlite::backup::inspect;
use crate::store::{Store, StorePlace};
use crate::terminology::Terminology;

/// Arguments of `handoff check`.
pub type Args = GatewayArgs;

/// Runs `handoff check`.
///
/// # Errors
/// Settings that cannot be used: then there is nothing to try. What else does not work is in the report.
pub fn run(args: &Args, streams: &mut Streams<'_>) -> Result<Exit> {
    let settings = args.with_file()?.into_settings()?;
    let mut report = Report { streams, worst: Exit::Done };
    report.part("settings", Ok(Found::new("can be used")))?;
    let runtime = on_this_thread()?;
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
    let rules = settings.programs.files().and_then(|files| files.rules());
    report.part("programs", programs(&settings, &definitions, rules.as_ref()))?;
    report.part("profiles", profiles(&settings, &definitions))?;
    if let Some(asked) = &settings.terminology {
        let found = Terminology::of(asked).map(|_| Found::new(format!("{} is asked; it was not now", asked.url)));
        report.part("terminology", found)?;
    }
    let store = match &settings.store {
        StorePlace::Sqlite(path) => store(path),
        StorePlace::Postgres(url) => settings.require_shared_base().and_then(|()| runtime.block_on(database(url))),
    };
    let is_readable = store.as_ref().is_ok_and(|(_, is_readable)| *is_readable);
    report.part("store", store.map(|(found, _)| found))?;
    if is_readable {
        let opened: Box<dyn Store> = match &settings.store {
            StorePlace::Sqlite(path) => Box::new(SqliteStore::open_read_only(path)?),
            StorePlace::Postgres(url) => {
                let parameters = settings.search_parameters()?;
                Box::new(runtime.block_on(PostgresStore::open_for_clients(url, &parameters))?)
            }
        };
        // What builds on rules that cannot be loaded is tried with those that come with the program.
        let rules = rules.or_else(|_| Rulebook::shipped())?;
        report.part("directory", runtime.block_on(directory(&settings, &*opened, &rules)))?;
        report.part("clients", runtime.block_on(clients(&settings, &*opened)))?;
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

/// The addresses that are listened on, at the port that is asked for: of any port another one is had at the start.
fn asked(listen: &ListenAddress, bound: &[(TcpListener, SocketAddr)]) -> Vec<SocketAddr> {
    addresses(bound).into_iter().map(|address| SocketAddr::new(address.ip(), listen.port())).collect()
}

/// Where could be listened, for clients or for operators.
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

fn programs(
    settings: &Settings,
    definitions: &Definitions,
    rules: std::result::Result<&Rulebook, &Error>,
) -> Result<Found> {
    let files = settings.programs.files()?;
    let programs = files.programs(definitions)?;
    files.sheets(programs.iter(), programs.crosswalks())?;
    rules.map_err(Clone::clone)?.check(definitions)?;
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
async fn database(url: &DatabaseUrl) -> Result<(Found, bool)> {
    Ok(match PostgresStore::inspect(url).await? {
        Some((commit, resources)) => (Found::new(format!("{url} at commit {commit}: {resources} resources")), true),
        None => (Found::new(format!("{url} is reached; its tables are made at the first start")), false),
    })
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

async fn directory(settings: &Settings, store: &dyn Store, rules: &Rulebook) -> Result<Found> {
    let directory = compile_directory(store, rules, settings.fhir_base().as_deref()).await?;
    let what = format!("{} organizations, {} programs", directory.organization_count(), directory.programs().count());
    let mut remarks: Vec<String> = directory.findings().iter().map(ToString::to_string).collect();
    if directory.resource_count() == 0 {
        remarks.push(setup_remarks::EMPTY_DIRECTORY.to_owned());
    }
    Ok(Found { what, remarks })
}

async fn clients(settings: &Settings, store: &dyn Store) -> Result<Found> {
    let clients = store.clients().await?;
    let number = clients.iter().filter(|client| client.revoked.is_none()).count();
    Ok(Found { what: format!("{number} are let in"), remarks: setup_remarks::of_clients(settings, &clients) })
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
