//! Layer 4: a message's way in, back and out. **Read this first.**
//!
//! - `intake`: everything that is sent comes in through [`Exchange::accept`]: check, choose the
//!   target of each entry, load the context, decide each disposition, commit one plan.
//! - `status`: every event that an agency reports goes through [`Exchange::raise_event`]: read the referral, step through
//!   the table, let the map write what was done, commit one plan.
//! - `poll`, `record`: what an agency gets to see of it, in its own kind of document; `eligibility`: whether the person may
//!   have the program.
//!
//! Nothing here opens a socket or writes SQL. Clock and ids are given to it.

mod bundle;
mod capacity;
mod disclosure;
mod disposition;
mod draft;
mod dry_run;
mod eligibility;
mod event;
mod follow_up;
mod idempotency;
mod intake;
mod load_context;
mod message;
mod poll;
mod record;
mod remarks;
mod report;
mod rights;
mod sheet;
mod source_status;
mod status;
mod write_target;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, Node, ResourceKey};
use crate::fhirpath::Temporal;
use crate::mapping::ProgramTypes;
use crate::profile::{Checker, Request};
use crate::referral::plan::{Plan, Write};
use crate::routing::{Directory, Rulebook};
use crate::security::Caller;
use crate::security::consent::Policy;
use crate::store::index::SearchParameters;
use crate::store::query::Query;
use crate::store::{Page, Store, Stored};
use crate::terminology::Terminology;

pub use message::parse_etag;
pub use poll::Records;
pub use record::{Base, Record};
pub use remarks::Remarks;
pub use sheet::{SentSheet, SheetReport};

use disposition::audit;
use intake::Message;
use message::{Entry, EntryRequest};
use write_target::WriteTarget;

/// What time it is. Given to the exchange, so that tests decide.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Where ids come from. Given to the exchange, so that tests decide.
pub trait Ids: Send + Sync {
    /// A new id that was never given before.
    fn next(&self) -> String;
}

/// What the exchange is told about the house that it works in.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Does a missing consent block?
    pub consent: Policy,
    /// The URL under which FHIR is served, so that absolute references to it are known as local
    pub base: Option<String>,
    /// The profiles that every resource of a type has to meet which is sent: type to canonical URLs
    pub profiles: HashMap<String, Vec<String>>,
}

/// The parts that an exchange is made of.
pub struct Parts {
    /// Where everything is kept
    pub store: Arc<dyn Store>,
    /// What payloads are checked with
    pub checker: Arc<Checker>,
    /// Who is asked about codes that the definitions at hand do not know
    pub terminology: Terminology,
    /// The program types and their maps
    pub programs: Arc<ProgramTypes>,
    /// The eligibility rules of program types
    pub rules: Arc<Rulebook>,
    /// What resources are found by
    pub parameters: Arc<SearchParameters>,
    /// What time it is
    pub clock: Arc<dyn Clock>,
    /// Where ids come from
    pub ids: Arc<dyn Ids>,
    /// The house
    pub settings: Settings,
}

/// The gateway's business. One for the process, shared by all requests.
pub struct Exchange {
    store: Arc<dyn Store>,
    checker: Arc<Checker>,
    terminology: Terminology,
    programs: Arc<ProgramTypes>,
    rules: Arc<Rulebook>,
    parameters: Arc<SearchParameters>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    settings: Settings,
    directory: ArcSwap<CompiledDirectory>,
    directory_version: watch::Receiver<u64>,
}

/// The directory, compiled, and which version of the store's it is.
struct CompiledDirectory {
    version: Option<u64>,
    directory: Arc<Directory>,
}

/// What became of one resource that was sent.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Type and id
    pub key: ResourceKey,
    /// The version that is now the newest
    pub version: u64,
    /// Its `meta.lastUpdated`
    pub updated: Timestamp,
    /// Is it new? False also where a condition found it
    pub created: bool,
    /// The resource as it is stored
    pub document: Arc<Document>,
    /// Findings that did not stand in the way
    pub issues: Vec<Issue>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Puts the parts together.
    ///
    /// # Errors
    /// If the directory that the store holds cannot be used.
    pub async fn new(parts: Parts) -> Result<Self> {
        let Parts { store, checker, terminology, programs, rules, parameters, clock, ids, settings } = parts;
        let directory_version = store.directory_version();
        let directory =
            ArcSwap::from_pointee(CompiledDirectory { version: None, directory: Arc::new(Directory::default()) });
        let exchange = Self {
            store,
            checker,
            terminology,
            programs,
            rules,
            parameters,
            clock,
            ids,
            settings,
            directory,
            directory_version,
        };
        exchange.directory().await?;
        Ok(exchange)
    }

    // --- what is served on /fhir

    /// Takes in one new resource of this type.
    ///
    /// # Errors
    /// Every finding; nothing is stored then.
    pub async fn create(
        &self,
        caller: &Caller,
        kind: &str,
        document: Document,
        if_none_exist: Option<&str>,
    ) -> Result<Outcome> {
        self.write_one(caller, kind, document, EntryRequest::Create { if_none_exist: if_none_exist.map(str::to_owned) })
            .await
    }

    /// Takes in a new version of a resource.
    ///
    /// # Errors
    /// Every finding; nothing is stored then.
    pub async fn update(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        document: Document,
        if_match: Option<u64>,
    ) -> Result<Outcome> {
        self.write_one(caller, &key.kind, document, EntryRequest::Update { key: key.clone(), if_match }).await
    }

    async fn write_one(&self, caller: &Caller, kind: &str, document: Document, ask: EntryRequest) -> Result<Outcome> {
        let document = Arc::new(document);
        let root = document.root();
        if !root.get("resourceType").is_some_and(|named| named.is_str(kind)) {
            let text = format!("expected a {kind}, as the URL says");
            let node = root.get("resourceType").unwrap_or(root);
            return Err(Error::unprocessable(vec![Issue::error(Key::NotAResource, "", text).at(node.position())]));
        }
        let entry = Entry { ask, full_url: None, resource: Some(root), request: None };
        let message = Message { document: &document, root, entries: std::slice::from_ref(&entry) };
        let mut outcomes = self.accept(caller, message, None).await?;
        outcomes.pop().flatten().ok_or_else(|| Error::fault("one resource was taken in and has no outcome"))
    }

    /// A resource, at its newest version or at the one named.
    ///
    /// # Errors
    /// If it is not there, or not for this caller.
    pub async fn read(&self, caller: &Caller, key: &ResourceKey, version: Option<u64>) -> Result<Stored> {
        let stored = self.store.read(&caller.scope(), key, version).await?;
        stored.ok_or_else(|| Error::not_found(key))
    }

    /// The newest `count` versions of a resource, newest first.
    ///
    /// # Errors
    /// If it is not there, or not for this caller.
    pub async fn history(&self, caller: &Caller, key: &ResourceKey, count: usize) -> Result<Vec<Stored>> {
        let versions = self.store.history(&caller.scope(), key, count).await?;
        if versions.is_empty() { Err(Error::not_found(key)) } else { Ok(versions) }
    }

    /// Resources of a type that the caller sees and that match.
    ///
    /// # Errors
    /// If a parameter is unknown or unreadable.
    pub async fn search(&self, caller: &Caller, kind: &str, parameters: &[(String, String)]) -> Result<Page> {
        let query = Query::parse(&self.parameters, kind, parameters)
            .map_err(|issues| Error { category: Category::Incorrect, issues })?;
        self.store.search(&caller.scope(), &query).await
    }

    /// Everything that is wrong with a resource, which is not stored: against the standard, the profiles that it claims
    /// and these (canonical URLs); as one that is sent, against those that are demanded here as well.
    pub async fn validate(&self, root: Node<'_>, profiles: &[&str], as_sent: bool) -> Vec<Issue> {
        let by_type = as_sent.then_some(&self.settings.profiles);
        let request = Request {
            profiles,
            by_type,
            now: Temporal::from_epoch_millis(self.clock.now().as_millisecond()),
            questions: self.terminology.is_configured(),
            ..Request::default()
        };
        let report = self.checker.report(root, &request);
        self.terminology.answer_questions(report).await
    }

    /// The profiles that a resource of this type has to meet which is sent.
    pub fn demanded(&self, kind: &str) -> &[String] {
        self.settings.profiles.get(kind).map_or(&[], Vec::as_slice)
    }

    // --- what the parts of the exchange share

    /// The directory as it is by now.
    async fn directory(&self) -> Result<Arc<Directory>> {
        let version = Some(*self.directory_version.borrow());
        let held = self.directory.load();
        if held.version == version {
            return Ok(held.directory.clone());
        }
        let stored = self.store.directory().await?;
        let nodes: Vec<Node<'_>> = stored.iter().map(|stored| stored.document.root()).collect();
        let directory = Arc::new(Directory::compile(nodes, &self.rules)?);
        self.directory.store(Arc::new(CompiledDirectory { version, directory: directory.clone() }));
        Ok(directory)
    }

    /// Remembers that a request was refused, by the names of the rules alone, and gives the error back.
    async fn audit_refusal(&self, caller: &Caller, error: Error) -> Error {
        if matches!(error.category, Category::Unprocessable | Category::Forbidden) {
            let entry = audit(caller, "refused", None, Plan::names_of(&error.issues), self.clock.now());
            if let Err(fault) = self.store.audit(vec![entry]).await {
                tracing::error!(request.id = caller.request, error = %fault, "a refusal could not be remembered");
            }
        }
        error
    }
}

impl Outcome {
    /// What became of the resource at this place; nothing for an entry that only asked.
    fn of(write_target: &WriteTarget, writes: &[Write], findings: &[Issue]) -> Option<Self> {
        match write_target {
            WriteTarget::Nowhere => None,
            WriteTarget::Found(stored) => Some(Self {
                key: stored.key.clone(),
                version: stored.version,
                updated: stored.updated,
                created: false,
                document: stored.document.clone(),
                issues: Vec::new(),
            }),
            WriteTarget::New { .. } | WriteTarget::Next(_) => {
                let write = writes.iter().rev().find(|write| Some(&write.key) == write_target.key())?;
                Some(Self {
                    key: write.key.clone(),
                    version: write.version,
                    updated: write.updated,
                    created: matches!(write_target, WriteTarget::New { .. }),
                    document: write.document.clone(),
                    issues: findings.to_vec(),
                })
            }
        }
    }
}
