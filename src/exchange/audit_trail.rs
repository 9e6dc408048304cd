//! What is remembered of requests that change nothing: who saw what of a person, what was refused, how many tokens were
//! wrong. It is collected here and written in groups, a second late at most, so that a read does not wait for a disk.
//!
//! An answer is given once it stands here: what cannot be remembered is not told. Keys of resources, types and counts;
//! never what was searched for, and of what is asked for by a name that nobody knows, never that name. The same refusal again is
//! counted (`refusals`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::error::{Category, Error, Result};
use crate::fhir::{Issue, Key, ResourceKey};
use crate::referral::plan::{AuditEntry, AuditOutcome, Plan};
use crate::referral::{Read, Scope};
use crate::security::{Caller, Role};
use crate::store::audit_chain::{AuditRow, PRUNED};
use crate::store::audit_verify::{self, AuditPruning};
use crate::store::{AuditLog, AuditPage, AuditQuery, Page, ReadResult, Resources, Stored};

use super::audit::audit;
use super::parts::{Clock, Stores};
use super::refusals::RepeatedRefusals;

/// How many entries may wait to be written, and resources named in them. Then nothing more is told until the store takes
/// them.
const MAX_WAITING: usize = 200_000;

/// How many entries are written at once: whoever commits meanwhile waits for no more than these.
const GROUP: usize = 200;

/// How often wrong tokens are remembered: after so long, or so many of them.
const BAD_TOKENS_EVERY: SignedDuration = SignedDuration::from_mins(1);
const MAX_BAD_TOKENS: u64 = 1000;

/// See the module head. One for the process.
pub struct AuditTrail {
    log: Arc<dyn AuditLog>,
    resources: Arc<dyn Resources>,
    clock: Arc<dyn Clock>,
    waiting: Mutex<Queue>,
    /// Who writes what waited: whoever wants to read all of it waits until that is written
    writing: tokio::sync::Mutex<()>,
    repeated: Mutex<RepeatedRefusals>,
    bad_tokens: AtomicU64,
    bad_tokens_told: Mutex<Option<Timestamp>>,
}

/// Entries that are to be written.
#[derive(Default)]
struct Queue {
    entries: Vec<WaitingEntry>,
    /// How many they are, with the resources named in them
    weight: usize,
}

/// An entry that is to be written.
struct WaitingEntry {
    entry: AuditEntry,
    /// Its subject was asked for by the caller, and may be nothing that there is
    is_claimed: bool,
    /// It may be one of many like it: see [`RepeatedRefusals`]
    may_repeat: bool,
}

impl AuditTrail {
    pub(super) fn new(stores: &Stores, clock: Arc<dyn Clock>) -> Self {
        Self {
            log: stores.audit_log.clone(),
            resources: stores.resources.clone(),
            clock,
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            repeated: Mutex::default(),
            bad_tokens: AtomicU64::new(0),
            bad_tokens_told: Mutex::default(),
        }
    }

    // --- what was told

    /// Remembers what a read of resources found, or that it was refused, and gives it back.
    pub(super) fn looked_up(&self, caller: &Caller, read: &Read, found: Result<ReadResult>) -> Result<ReadResult> {
        match &found {
            Ok(result) => self.found(caller, read, result)?,
            Err(error) => {
                let (action, key) = match read {
                    Read::Resource { key, version } => (action_of_read(*version), Some(key)),
                    Read::History { key, .. } => ("history", Some(key)),
                    Read::Search { .. } => ("search", None),
                };
                self.refused(caller, action, key, error);
            }
        }
        found
    }

    /// Remembers what a read of resources found. What is public concerns nobody.
    pub(super) fn found(&self, caller: &Caller, read: &Read, result: &ReadResult) -> Result<()> {
        match (read, result) {
            (Read::Resource { version, .. }, ReadResult::Resource(stored)) if !stored.public => {
                self.add(self.about(caller, action_of_read(*version), &stored.key))
            }
            (Read::History { key, .. }, ReadResult::Versions(versions)) => match versions.found.first() {
                Some(newest) if !newest.public => self.add(self.about(caller, "history", key)),
                _ => Ok(()),
            },
            (Read::Search { kind, .. }, ReadResult::Page(Page { matches, included, .. })) => {
                let of_people = |stored: &&Stored| !stored.public;
                let entities: Vec<ResourceKey> =
                    matches.iter().chain(included).filter(of_people).map(|stored| stored.key.clone()).collect();
                if entities.is_empty() {
                    return Ok(());
                }
                let detail = format!("{kind}: {} found, {} with them", matches.len(), included.len());
                self.add(AuditEntry { entities, ..audit(caller, "search", None, detail, self.clock.now()) })
            }
            _ => Ok(()),
        }
    }

    /// Remembers that the caller was told of the referral of a Task, or refused, and gives the answer back.
    pub(super) fn told<T>(
        &self,
        caller: &Caller,
        action: &'static str,
        task: &ResourceKey,
        answer: Result<T>,
    ) -> Result<T> {
        match &answer {
            Ok(_) => self.add(self.about(caller, action, task))?,
            Err(error) => self.refused(caller, action, Some(task), error),
        }
        answer
    }

    /// Remembers that the caller was told of these resources together.
    pub(super) fn told_of(&self, caller: &Caller, action: &'static str, keys: Vec<ResourceKey>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let detail = format!("{} found", keys.len());
        self.add(AuditEntry { entities: keys, ..audit(caller, action, None, detail, self.clock.now()) })
    }

    // --- what was refused

    /// Remembers that a read was refused: what is not there and what is not for this caller look alike.
    fn refused(&self, caller: &Caller, action: &'static str, key: Option<&ResourceKey>, error: &Error) {
        if !matches!(error.category, Category::NotFound | Category::Forbidden) {
            return;
        }
        let entry = audit(caller, action, key, Plan::names_of(&error.issues), self.clock.now());
        self.add_refusal(caller, WaitingEntry { is_claimed: true, may_repeat: true, entry });
    }

    /// Remembers that a request was refused before anybody looked at what it asks: by which rule, on which route.
    pub fn rejected(&self, caller: &Caller, rule: &str, route: &str) {
        let entry = audit(caller, "rejected", None, format!("{rule} {route}"), self.clock.now());
        self.add_refusal(caller, WaitingEntry { is_claimed: false, may_repeat: true, entry });
    }

    /// Remembers that a change was refused: at once where it is the first of its kind, so that it stands in the log before it is
    /// told; where the store does not take it, as soon as it does.
    ///
    /// # Errors
    /// Those of the store, where it waits.
    pub(super) async fn refused_change(&self, caller: &Caller, rules: String) -> Result<()> {
        caller.refusal.remember();
        let entry = audit(caller, "refused", None, rules, self.clock.now());
        let Some(entry) = lock(&self.repeated).first_of_its_kind(entry) else { return Ok(()) };
        if let Err(error) = self.log.audit(vec![entry.clone()]).await {
            self.add(entry)?;
            return Err(error);
        }
        Ok(())
    }

    /// Counts a token that nobody has.
    pub fn count_bad_token(&self) {
        self.bad_tokens.fetch_add(1, Ordering::Relaxed);
    }

    fn add_refusal(&self, caller: &Caller, mut waiting: WaitingEntry) {
        caller.refusal.remember();
        waiting.entry.outcome = AuditOutcome::Refused;
        // A refusal tells nothing, so it is given even where it cannot be remembered.
        let _ = self.push(waiting);
    }

    fn about(&self, caller: &Caller, action: &'static str, key: &ResourceKey) -> AuditEntry {
        audit(caller, action, Some(key), String::new(), self.clock.now())
    }

    fn add(&self, entry: AuditEntry) -> Result<()> {
        self.push(WaitingEntry { entry, is_claimed: false, may_repeat: false })
    }

    fn push(&self, entry: WaitingEntry) -> Result<()> {
        let mut waiting = lock(&self.waiting);
        let weight = 1 + entry.entry.entities.len();
        if waiting.weight + weight > MAX_WAITING {
            let message = "the audit log takes no entries at the moment, so nothing is told";
            return Err(Error::new(Category::Busy, Issue::error(Key::Busy, "", message)));
        }
        waiting.weight += weight;
        waiting.entries.push(entry);
        Ok(())
    }

    // --- what is remembered, for auditors

    /// Rows of the log. What waits is written before, and that somebody looked is remembered, too.
    ///
    /// # Errors
    /// `Forbidden` for everybody but auditors; those of the store.
    pub async fn rows(&self, caller: &Caller, query: &AuditQuery) -> Result<AuditPage> {
        check_auditor(caller)?;
        self.write().await?;
        let page = self.log.audit_rows(query).await?;
        self.add(audit(caller, "audit", None, format!("AuditEvent: {}", page.rows.len()), self.clock.now()))?;
        Ok(page)
    }

    /// How many rows are wanted, whatever the page.
    ///
    /// # Errors
    /// As [`AuditTrail::rows`].
    pub async fn count(&self, caller: &Caller, query: &AuditQuery) -> Result<u64> {
        check_auditor(caller)?;
        self.write().await?;
        let count = self.log.audit_count(query).await?;
        self.add(audit(caller, "audit", None, "AuditEvent: counted".to_owned(), self.clock.now()))?;
        Ok(count)
    }

    /// The row with this number of this chain.
    ///
    /// # Errors
    /// As [`AuditTrail::rows`].
    pub async fn row(&self, caller: &Caller, chain: &str, number: u64) -> Result<Option<AuditRow>> {
        check_auditor(caller)?;
        self.write().await?;
        let row = self.log.audit_row(chain, number).await?;
        self.add(audit(caller, "audit", None, format!("AuditEvent: {}", u8::from(row.is_some())), self.clock.now()))?;
        Ok(row)
    }

    // --- how it is written

    /// Writes what waits. What the store does not take waits on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write(&self) -> Result<()> {
        self.add_bad_tokens(false);
        self.add_counted(false);
        self.write_waiting().await
    }

    /// Writes what waits before the process ends, and what would have waited longer.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn write_last(&self) -> Result<()> {
        self.add_bad_tokens(true);
        // What waits may be one more of what was counted.
        self.write_waiting().await?;
        self.add_counted(true);
        self.write_waiting().await
    }

    /// Removes what is older than this from the log, and remembers that.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self, older_than: SignedDuration) -> Result<AuditPruning> {
        let now = self.clock.now();
        let before = now.checked_sub(older_than).map_err(Error::fault)?;
        audit_verify::prune(&*self.log, before, AuditEntry::of_nobody(PRUNED, AuditOutcome::Done, String::new(), now))
            .await
    }

    async fn write_waiting(&self) -> Result<()> {
        let _turn = self.writing.lock().await;
        let mut waiting = std::mem::take(&mut *lock(&self.waiting)).entries;
        while !waiting.is_empty() {
            let rest = waiting.split_off(waiting.len().min(GROUP));
            if let Err(error) = self.confirmed(&mut waiting).await {
                return Err(self.put_back(waiting, rest, error));
            }
            self.count_repeated(&mut waiting);
            let entries: Vec<AuditEntry> = waiting.iter().map(|waiting| waiting.entry.clone()).collect();
            if let Err(error) = self.log.audit(entries).await {
                return Err(self.put_back(waiting, rest, error));
            }
            waiting = rest;
        }
        Ok(())
    }

    /// Leaves of refusals those that are the first of their kind, and counts the others.
    fn count_repeated(&self, waiting: &mut Vec<WaitingEntry>) {
        let mut repeated = lock(&self.repeated);
        waiting.retain_mut(|waiting| {
            if !std::mem::take(&mut waiting.may_repeat) {
                return true;
            }
            let first = repeated.first_of_its_kind(waiting.entry.clone());
            first.map(|entry| waiting.entry = entry).is_some()
        });
    }

    /// Adds an entry for each kind of refusal that came again in its minute, which says how often.
    fn add_counted(&self, at_once: bool) {
        for entry in lock(&self.repeated).take_counted(self.clock.now(), at_once) {
            let _ = self.add(entry);
        }
    }

    fn put_back(&self, mut first: Vec<WaitingEntry>, rest: Vec<WaitingEntry>, error: Error) -> Error {
        first.extend(rest);
        let mut waiting = lock(&self.waiting);
        waiting.weight += first.iter().map(|waiting| 1 + waiting.entry.entities.len()).sum::<usize>();
        first.append(&mut waiting.entries);
        waiting.entries = first;
        error
    }

    /// Forgets what was asked for and is not there: it is no resource, only what somebody wrote into an address.
    async fn confirmed(&self, waiting: &mut [WaitingEntry]) -> Result<()> {
        let claimed = |waiting: &WaitingEntry| waiting.entry.subject.clone().filter(|_| waiting.is_claimed);
        let keys: Vec<ResourceKey> = waiting.iter().filter_map(claimed).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let known = self.resources.visible(&Scope::Gateway, &keys).await?;
        let asked = waiting.iter_mut().filter(|waiting| waiting.is_claimed && waiting.entry.subject.is_some());
        for (waiting, is_known) in asked.zip(known) {
            if !is_known {
                waiting.entry.subject = None;
            }
            waiting.is_claimed = false;
        }
        Ok(())
    }

    /// Adds one entry for all tokens that were wrong since the last one, where it is time for one.
    fn add_bad_tokens(&self, at_once: bool) {
        let count = self.bad_tokens.load(Ordering::Relaxed);
        if count == 0 {
            return;
        }
        let now = self.clock.now();
        let mut told = lock(&self.bad_tokens_told);
        let is_time = told.is_none_or(|last| now.duration_since(last) >= BAD_TOKENS_EVERY);
        if !(at_once || is_time || count >= MAX_BAD_TOKENS) {
            return;
        }
        *told = Some(now);
        self.bad_tokens.fetch_sub(count, Ordering::Relaxed);
        let _ = self.add(AuditEntry::of_nobody("bad-token", AuditOutcome::Refused, count.to_string(), now));
    }
}

fn check_auditor(caller: &Caller) -> Result<()> {
    match caller.role {
        Role::Auditor => Ok(()),
        Role::Ehr | Role::Agency | Role::Engineer | Role::Administrator => {
            let message = format!("the audit log is for auditors; the client's role is {}", caller.role);
            Err(Error::forbidden(message))
        }
    }
}

fn action_of_read(version: Option<u64>) -> &'static str {
    if version.is_some() { "vread" } else { "read" }
}

/// Nothing is left half done under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
