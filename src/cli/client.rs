//! `handoff client`: who may call the gateway, and with which certificate. A token is shown once, when it is made; what is kept is its digest. A
//! gateway that serves the same store notices within a second.

use std::fmt::Write as _;
use std::path::Path;

use clap::{Subcommand, builder::PossibleValuesParser};
use jiff::Timestamp;

use super::audit;
use super::runtime::on_this_thread;
use super::store_file::StoreFile;
use super::streams::{Exit, Streams, unwritable};
use crate::app::tls_files::pem_file;
use crate::error::{Error, Result};
use crate::fhir::nearest_name::nearest;
use crate::fhir::{Key, ResourceKey};
use crate::referral::Scope;
use crate::referral::plan::AuditEntry;
use crate::security::{Fingerprint, Role, token};
use crate::server::first_certificate;
use crate::store::{ClientRow, Credentials, DirectoryPosition, Store, Stored};
use tokio::sync::mpsc;

/// The longest name of a client, in characters.
const MAX_NAME: usize = 200;

/// Arguments of `handoff client`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with clients
    #[command(subcommand)]
    pub action: Action,
    /// Where the clients are kept
    #[command(flatten)]
    pub store: StoreFile,
}

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Let a client in, and print its token: this once and never again
    Add {
        /// What people call it
        #[arg(long, value_parser = name)]
        name: String,
        /// What it is: ehr and agency take part in referrals; an engineer checks payloads, an auditor reads the audit
        /// log, an administrator sees figures, and none of these three sees a referral
        #[arg(long, value_parser = PossibleValuesParser::new(Role::ALL.map(Role::name)))]
        role: String,
        /// The organization that it acts for
        #[arg(long, value_name = "Organization/ID", value_parser = organization)]
        organization: ResourceKey,
        /// An organization that it may act for beside its own; may be given several times
        #[arg(long, value_name = "Organization/ID", value_parser = organization)]
        acts_for: Vec<ResourceKey>,
        /// The certificate that its token is bound to: it is accepted over connections alone that show it; may be given
        /// several times
        #[arg(long, value_name = "FILE|FINGERPRINT")]
        certificate: Vec<String>,
    },
    /// Bind a client's token to certificates, in the place of those that it is bound to
    Bind {
        /// The client's id, as `list` shows it
        id: String,
        /// A PEM file, whose first certificate counts, or the SHA-256 fingerprint of a certificate; the old one and the new
        /// one while a client changes over
        #[arg(long, value_name = "FILE|FINGERPRINT", required_unless_present = "none")]
        certificate: Vec<String>,
        /// Bind it to none: its token alone is enough again
        #[arg(long, conflicts_with = "certificate")]
        none: bool,
    },
    /// Say which clients there are
    List,
    /// Let a client in no longer
    Revoke {
        /// The client's id, as `list` shows it
        id: String,
    },
}

/// Runs `handoff client`; `now` is when.
///
/// # Errors
/// Where the store cannot be used, or there is no such client.
pub fn run(args: &Args, now: Timestamp, streams: &mut Streams<'_>) -> Result<Exit> {
    let runtime = on_this_thread()?;
    let store = runtime.block_on(async {
        match args.action {
            // The first clients of a new gateway are let in before it is served.
            Action::Add { .. } => args.store.open().await,
            Action::List | Action::Bind { .. } | Action::Revoke { .. } => args.store.open_existing().await,
        }
    })?;
    let text = runtime.block_on(execute(&args.action, &*store, now))?;
    streams.out.write_all(text.as_bytes()).map_err(unwritable)?;
    if let Action::Add { organization, acts_for, .. } = &args.action {
        for key in std::iter::once(organization).chain(acts_for) {
            if let Some(remark) = runtime.block_on(missing_from_directory(&*store, key))? {
                writeln!(streams.err, "handoff: {remark}").map_err(unwritable)?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Does it, and gives what is to be printed.
async fn execute(action: &Action, store: &dyn Credentials, now: Timestamp) -> Result<String> {
    match action {
        Action::Add { name, role, organization, acts_for, certificate } => {
            let issued = token::issue();
            let mut others: Vec<String> = acts_for.iter().map(|key| key.id.clone()).collect();
            others.sort_unstable();
            others.dedup();
            others.retain(|id| *id != organization.id);
            let client = ClientRow {
                id: issued.client,
                name: name.clone(),
                role: role.clone(),
                organization: organization.id.clone(),
                acts_for: others,
                hash: issued.hash,
                certificates: fingerprints(certificate)?,
                created: now,
                revoked: None,
            };
            let detail = format!("{} {} for {}{}", client.id, client.role, organizations(&client), binding(&client));
            store.save_client(client, vec![remembered("client-added", detail, organization, now)]).await?;
            Ok(format!("{}\n", issued.text))
        }
        Action::List => Ok(table(&store.clients().await?)),
        Action::Bind { id, certificate, none: _ } => {
            let client = ClientRow { certificates: fingerprints(certificate)?, ..find(store, id).await? };
            let bound = if client.certificates.is_empty() { " to no certificate".to_owned() } else { binding(&client) };
            let organization = ResourceKey::new("Organization", client.organization.as_str());
            let entry = remembered("client-bound", format!("{id}{bound}"), &organization, now);
            let text = match client.certificates.as_slice() {
                [] => format!("{id} is bound to no certificate\n"),
                certificates => format!("{id} is bound to {}\n", certificates.join(" ")),
            };
            store.save_client(client, vec![entry]).await?;
            Ok(text)
        }
        Action::Revoke { id } => {
            let client = find(store, id).await?;
            let organization = ResourceKey::new("Organization", client.organization.as_str());
            let entry = remembered("client-revoked", id.clone(), &organization, now);
            if store.end_client(id, now, vec![entry]).await? {
                Ok(format!("{id} is revoked\n"))
            } else {
                Err(missing(id))
            }
        }
    }
}

/// The client with this id.
async fn find(store: &dyn Credentials, id: &str) -> Result<ClientRow> {
    store.clients().await?.into_iter().find(|client| client.id == *id).ok_or_else(|| missing(id))
}

fn missing(id: &str) -> Error {
    Error::not_found(format!("the client {id}"))
}

/// The fingerprints of these certificates as they are stored, each once.
fn fingerprints(certificates: &[String]) -> Result<Vec<String>> {
    let mut texts: Vec<String> =
        certificates.iter().map(|text| Ok(certificate(text)?.to_string())).collect::<Result<_>>()?;
    texts.sort_unstable();
    texts.dedup();
    Ok(texts)
}

/// What a client is bound to, as it is remembered.
fn binding(client: &ClientRow) -> String {
    if client.certificates.is_empty() { String::new() } else { format!(" with certificate {}", shortened(client)) }
}

/// The beginnings of a client's fingerprints, by which people tell them apart.
fn shortened(client: &ClientRow) -> String {
    if client.certificates.is_empty() {
        return "-".to_owned();
    }
    client.certificates.iter().map(|text| text.get(..16).unwrap_or(text)).collect::<Vec<_>>().join(" ")
}

/// What is to be said of an organization that the directory lacks. It may come later: a new gateway has clients before it has a
/// directory.
async fn missing_from_directory(store: &dyn Store, key: &ResourceKey) -> Result<Option<String>> {
    if store.read(&Scope::Gateway, key, None).await?.is_some() {
        return Ok(None);
    }
    let known = organizations_of_directory(store).await?;
    let meant = nearest(&key.id, known.iter().map(String::as_str));
    let meant = meant.map(|near| format!("; did you mean {}/{near}?", key.kind)).unwrap_or_default();
    let lacks = if known.is_empty() { "the directory is empty yet" } else { "the directory lacks it" };
    Ok(Some(format!("warning: the client is let in for {key}, and no referral can name that: {lacks}{meant}")))
}

/// The ids of the organizations that the directory has.
async fn organizations_of_directory(store: &dyn Store) -> Result<Vec<String>> {
    let (changes, mut changed) = mpsc::channel(1);
    let mut known = Vec::new();
    let gather = async {
        while let Some(Stored { key, .. }) = changed.recv().await {
            known.extend(Some(key.id).filter(|_| key.kind == "Organization"));
        }
    };
    tokio::join!(store.directory_changes(DirectoryPosition::default(), changes), gather).0?;
    Ok(known)
}

/// What is remembered of a change of clients. Its name is not: it may be that of a person.
fn remembered(action: &'static str, detail: String, organization: &ResourceKey, at: Timestamp) -> AuditEntry {
    AuditEntry { entities: vec![organization.clone()], ..audit::by_command_line(action, detail, at) }
}

/// One line a client, columns aligned.
fn table(clients: &[ClientRow]) -> String {
    let widest =
        |of: fn(&ClientRow) -> usize, head: &str| clients.iter().map(of).chain([head.len()]).max().unwrap_or(0);
    let (id, role) = (widest(|row| row.id.len(), "ID"), widest(|row| row.role.len(), "ROLE"));
    let organization = widest(|row| organizations(row).len(), "ORGANIZATIONS");
    // Most gateways bind nobody.
    let certificate = widest(|row| shortened(row).len(), "CERTIFICATE");
    let is_bound = clients.iter().any(|row| !row.certificates.is_empty());
    let column = |text: &str| if is_bound { format!("{text:certificate$}  ") } else { String::new() };
    let mut text = format!(
        "{:id$}  {:role$}  {:organization$}  {:10}  {:10}  {}NAME\n",
        "ID",
        "ROLE",
        "ORGANIZATIONS",
        "CREATED",
        "REVOKED",
        column("CERTIFICATE")
    );
    for row in clients {
        let (named, bound) = (organizations(row), column(&shortened(row)));
        let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
        let (created, revoked) = (day(row.created), row.revoked.map_or_else(|| "-".to_owned(), day));
        let line = format_args!(
            "{:id$}  {:role$}  {named:organization$}  {created:10}  {revoked:10}  {bound}{}",
            row.id, row.role, row.name
        );
        // Writing to a string does not fail.
        let _ = writeln!(text, "{line}");
    }
    text
}

/// The organization of a client, and those that it may act for beside it.
fn organizations(row: &ClientRow) -> String {
    let all: Vec<String> =
        std::iter::once(&row.organization).chain(&row.acts_for).map(|id| format!("Organization/{id}")).collect();
    all.join(" ")
}

/// A name for people. What turns the line around, breaks it or is not seen would let one client pass for another.
fn name(text: &str) -> Result<String> {
    let text = text.trim();
    if let Some(hidden) = text.chars().find(|character| is_hidden(*character)) {
        let message = format!(
            "the name holds {}, which is not seen as what it is; expected letters, digits, spaces and signs",
            hidden.escape_unicode()
        );
        return Err(Error::incorrect(Key::Parameter, message));
    }
    if text.is_empty() || text.chars().count() > MAX_NAME {
        return Err(Error::incorrect(Key::Parameter, format!("expected a name of 1 to {MAX_NAME} characters")));
    }
    Ok(text.to_owned())
}

/// Control characters, separators of lines and paragraphs, what overrides the direction of writing, and what has no
/// width (<https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

fn organization(text: &str) -> Result<ResourceKey> {
    let key = ResourceKey::parse(text).filter(|key| key.kind == "Organization");
    key.ok_or_else(|| {
        Error::incorrect(Key::Parameter, "expected Organization/ID, the id that the directory knows it by")
    })
}

/// A certificate: by its file, or by its fingerprint.
fn certificate(text: &str) -> Result<Fingerprint> {
    let text = text.trim();
    let printed = text.rsplit_once('=').map_or(text, |(_, fingerprint)| fingerprint);
    if let Ok(fingerprint) = printed.parse() {
        return Ok(fingerprint);
    }
    let file = pem_file(Path::new(text))?;
    Ok(Fingerprint::of(&first_certificate(&file)?))
}
