//! `handoff audit`: the audit log for whoever may open the store: what it says, whether it is as it was written, and what
//! is no longer kept. Reading it from here is not remembered in it: whoever opens the file needs no gateway to do so.

use clap::{Subcommand, ValueEnum};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::runtime::on_this_thread;
use super::store_file::StoreFile;
use super::streams::{Exit, Streams, unwritable};
use crate::error::{Error, Result};
use crate::fhir::edit::instant;
use crate::fhir::{Key, ResourceKey};
use crate::fhirpath::Temporal;
use crate::referral::plan::{AuditEntry, AuditOutcome};
use crate::store::audit_chain::{AuditRow, ChainEnd, PRUNED};
use crate::store::audit_verify::{self, AuditPruning, AuditVerdict};
use crate::store::{AuditLog, AuditQuery};

/// How many rows are read at once.
const PAGE: usize = 1000;

/// What is nothing but a refusal.
const REFUSALS: &[&str] = &["refused", "rejected", "forbidden", "bad-token"];

/// Who stands in the log for what is done from here.
const COMMAND_LINE: &str = "command-line";

/// Arguments of `handoff audit`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do with the log
    #[command(subcommand)]
    pub action: Action,
    /// Where the log is kept
    #[command(flatten)]
    pub store: StoreFile,
}

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Show what happened, oldest first
    List(ListArgs),
    /// Say whether every row is as it was written: none changed, missing, moved or put in
    Verify {
        /// The end of a chain as an earlier verify said it: that row has to be there still. May be given several times
        #[arg(long, value_name = "CHAIN/NUMBER/HASH", value_parser = end)]
        noted: Vec<ChainEnd>,
    },
    /// Remove rows that are older than a date, from the beginning of the log; the row that stays in their place says which
    Prune {
        /// The first day, or moment, that is kept
        #[arg(long, value_name = "DATE", value_parser = time)]
        before: Time,
    },
}

/// Which rows to show.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// From this day or moment on (YYYY-MM-DD, or YYYY-MM-DDThh:mm:ssZ)
    #[arg(long, value_name = "DATE", value_parser = time)]
    since: Option<Time>,
    /// Up to this day or moment, it included
    #[arg(long, value_name = "DATE", value_parser = time)]
    until: Option<Time>,
    /// Of this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Of clients of this organization
    #[arg(long, value_name = "Organization/ID", value_parser = organization)]
    organization: Option<ResourceKey>,
    /// About this resource, alone or among others
    #[arg(long, value_name = "TYPE/ID", value_parser = resource)]
    subject: Option<ResourceKey>,
    /// Of this kind: read, search, record, disclosed, refused, ...; may be given several times
    #[arg(long, value_name = "ACTION")]
    action: Vec<String>,
    /// How to write them
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line each, for people
    Human,
    /// One array
    Json,
    /// A JSON object a line
    Ndjson,
}

/// A day or a moment: from its first to its last millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    first: Timestamp,
    last: Timestamp,
}

/// Runs `handoff audit`; `now` is when.
///
/// # Errors
/// Where the store is not there or cannot be used.
pub fn run(args: &Args, now: Timestamp, streams: &mut Streams<'_>) -> Result<Exit> {
    on_this_thread()?.block_on(async {
        let store = args.store.open_existing().await?;
        match &args.action {
            Action::List(asked) => list(asked, &*store, streams).await,
            Action::Verify { noted } => verify(&*store, noted, streams).await,
            Action::Prune { before } => prune(&*store, before.first, now, streams).await,
        }
    })
}

/// A row that the command line writes.
pub(super) fn by_command_line(action: &'static str, detail: String, at: Timestamp) -> AuditEntry {
    let client = COMMAND_LINE.to_owned();
    AuditEntry { client, ..AuditEntry::of_nobody(action, AuditOutcome::Done, detail, at) }
}

// === list ===

async fn list(asked: &ListArgs, log: &dyn AuditLog, streams: &mut Streams<'_>) -> Result<Exit> {
    let mut query = AuditQuery {
        since: asked.since.map(|time| time.first),
        until: asked.until.map(|time| time.last),
        client: asked.client.clone(),
        organization: asked.organization.as_ref().map(|key| key.id.clone()),
        subject: asked.subject.clone(),
        actions: asked.action.clone(),
        limit: PAGE,
        ..AuditQuery::default()
    };
    let mut first = true;
    loop {
        let page = log.audit_rows(&query).await?;
        for row in &page.rows {
            let text = match asked.format {
                Format::Human => line(row),
                Format::Ndjson => value(row).to_string(),
                Format::Json => format!("{}{}", if first { "[" } else { "," }, value(row)),
            };
            first = false;
            writeln!(streams.out, "{text}").map_err(unwritable)?;
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    match (asked.format, first) {
        (Format::Json, true) => writeln!(streams.out, "[]"),
        (Format::Json, false) => writeln!(streams.out, "]"),
        (Format::Human, true) => writeln!(streams.err, "nothing in the audit log matches"),
        _ => Ok(()),
    }
    .map_err(unwritable)?;
    Ok(Exit::Done)
}

/// `2026-11-21T10:00:00.000Z  read  Task/1  by 0a1b of Organization/x  request 7`
fn line(row: &AuditRow) -> String {
    let entry = &row.entry;
    let mut parts = vec![instant(entry.at), entry.action.to_string()];
    // Some say by their name that they were refused.
    if entry.outcome != AuditOutcome::Done && !REFUSALS.contains(&entry.action.as_ref()) {
        parts.push(entry.outcome.code().to_owned());
    }
    parts.extend(entry.subject.iter().map(ToString::to_string));
    if !entry.client.is_empty() {
        let of = if entry.organization.is_empty() {
            String::new()
        } else {
            format!(" of Organization/{}", entry.organization)
        };
        parts.push(format!("by {}{of}", entry.client));
    }
    if !entry.entities.is_empty() {
        let keys: Vec<String> = entry.entities.iter().map(ToString::to_string).collect();
        parts.push(format!("with {}", keys.join(" ")));
    }
    if !entry.detail.is_empty() {
        parts.push(format!("({})", entry.detail));
    }
    if !entry.request.is_empty() {
        let called = entry.correlation.as_ref().map(|called| format!(", called {called}")).unwrap_or_default();
        parts.push(format!("request {}{called}", entry.request));
    }
    parts.join("  ")
}

fn value(row: &AuditRow) -> Value {
    let entry = &row.entry;
    json!({
        "chain": row.chain,
        "number": row.number,
        "at": instant(entry.at),
        "action": entry.action,
        "outcome": entry.outcome.code(),
        "client": entry.client,
        "organization": entry.organization,
        "request": entry.request,
        "correlation": entry.correlation,
        "subject": entry.subject.as_ref().map(ToString::to_string),
        "entities": entry.entities.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "detail": entry.detail,
        "hash": HEXLOWER.encode(&row.hash),
    })
}

// === verify and prune ===

async fn verify(log: &dyn AuditLog, noted: &[ChainEnd], streams: &mut Streams<'_>) -> Result<Exit> {
    let verdict = audit_verify::verify(log, noted).await?;
    for finding in &verdict.findings {
        writeln!(streams.out, "{finding}").map_err(unwritable)?;
    }
    if verdict.findings.is_empty() {
        writeln!(streams.out, "{} rows, as they were written", verdict.rows).map_err(unwritable)?;
    } else {
        writeln!(streams.out, "{} rows, not as they were written: see above", verdict.rows).map_err(unwritable)?;
    }
    write_ends(&verdict, streams)?;
    Ok(if verdict.findings.is_empty() { Exit::Done } else { Exit::Invalid })
}

/// Where each chain ends, to be noted where nobody who can write to the store can write.
fn write_ends(verdict: &AuditVerdict, streams: &mut Streams<'_>) -> Result<()> {
    for end in &verdict.ends {
        let hash = HEXLOWER.encode(&end.hash);
        writeln!(streams.out, "--noted {}/{}/{hash}", end.chain, end.number).map_err(unwritable)?;
    }
    Ok(())
}

async fn prune(log: &dyn AuditLog, before: Timestamp, now: Timestamp, streams: &mut Streams<'_>) -> Result<Exit> {
    match audit_verify::prune(log, before, by_command_line(PRUNED, String::new(), now)).await? {
        AuditPruning::Removed(removed) => {
            writeln!(streams.out, "{removed} rows are removed").map_err(unwritable)?;
            Ok(Exit::Done)
        }
        AuditPruning::Broken(finding) => {
            let message = format!(
                "nothing is removed: the log is not as it was written ({finding}); see handoff audit verify, and keep a copy"
            );
            writeln!(streams.err, "handoff: {message}").map_err(unwritable)?;
            Ok(Exit::Invalid)
        }
    }
}

// === arguments ===

fn time(text: &str) -> Result<Time> {
    let interval = Temporal::parse_date_time(text).map(|time| time.interval());
    let moment = |milliseconds| Timestamp::from_millisecond(milliseconds).ok();
    let time = interval.and_then(|(low, high)| Some(Time { first: moment(low)?, last: moment(high)? }));
    time.ok_or_else(|| Error::incorrect(Key::Parameter, "expected a date as 2026-11-30, or 2026-11-30T10:00:00Z"))
}

fn resource(text: &str) -> Result<ResourceKey> {
    ResourceKey::parse(text).ok_or_else(|| Error::incorrect(Key::Parameter, "expected TYPE/ID, as Patient/17"))
}

fn organization(text: &str) -> Result<ResourceKey> {
    let key = ResourceKey::parse(text).filter(|key| key.kind == "Organization");
    key.ok_or_else(|| Error::incorrect(Key::Parameter, "expected Organization/ID"))
}

fn end(text: &str) -> Result<ChainEnd> {
    let mut parts = text.split('/');
    let mut read = || {
        let (chain, number, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let hash = HEXLOWER.decode(hash.as_bytes()).ok()?.try_into().ok()?;
        Some(ChainEnd { chain: chain.to_owned(), number: number.parse().ok()?, hash })
    };
    read().ok_or_else(|| Error::incorrect(Key::Parameter, "expected CHAIN/NUMBER/HASH, as verify writes it"))
}
