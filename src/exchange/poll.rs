//! What an agency has not seen yet. A cursor follows commit order: whoever polls with the last one sees every change
//! and misses none.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Category, Error, Result};
use crate::fhir::{Key, ResourceKey};
use crate::referral::party::PartEnd;
use crate::referral::plan::Plan;
use crate::security::{Caller, Role};
use crate::store::{Feed, Resources, StoredReferral};

use super::feed_position::FeedPosition;
use super::record::Record;
use super::referrals::Referrals;
use super::remarks::Remarks;

/// So many referrals are read at one time, before it is looked at how large their records are.
const READ_AT_ONCE: usize = 8;

const NOT_OURS: &str = "the cursor is none that this gateway gave";

/// A record that changed.
#[derive(Debug, Clone)]
pub struct ChangedRecord {
    /// The referral's Task
    task: ResourceKey,
    /// The record, as JSON text
    pub json: String,
    /// Its version; none of one that is no longer the agency's, or cannot be made
    pub version: Option<u64>,
    /// The rule for which no record can be made, where none can
    pub unreadable: Option<Key>,
    /// What the record should be read with
    pub remarks: Remarks,
}

impl ChangedRecord {
    /// Something that is told in the place of a record.
    fn told(task: &ResourceKey, told: &Value, unreadable: Option<Key>) -> Self {
        Self { task: task.clone(), json: told.to_string(), version: None, unreadable, remarks: Remarks::default() }
    }

    /// The id of the referral.
    pub fn id(&self) -> &str {
        &self.task.id
    }
}

/// What is new, and where to go on.
#[derive(Debug, Clone)]
pub struct Records {
    /// The records that changed, each once, at its newest version; of a referral that is no longer the agency's only
    /// `{"id", "withdrawn": true}`
    pub records: Vec<ChangedRecord>,
    /// What to ask with next time
    pub cursor: String,
}

impl Records {
    /// The Tasks of the referrals of which something is told.
    pub(super) fn tasks(&self) -> Vec<ResourceKey> {
        self.records.iter().filter(|record| record.version.is_some()).map(|record| record.task.clone()).collect()
    }
}

/// A referral that is no longer the caller's.
fn withdrawn(task: &ResourceKey) -> ChangedRecord {
    ChangedRecord::told(task, &json!({ "id": task.id, "withdrawn": true }), None)
}

/// Is it about the one referral, and not about the store? Of one that is over for the caller, what it was shown last may not be
/// kept any more.
fn is_about(error: &Error) -> bool {
    error.is_stored_unreadable() || error.issues.iter().any(|issue| issue.key == Key::VersionRemoved)
}

/// A referral of which no record can be made: told in its place, so that it does not keep the others back.
fn unreadable(caller: &Caller, task: &ResourceKey, error: &Error) -> ChangedRecord {
    let rules = Plan::names_of(&error.issues);
    tracing::error!(request.id = caller.request, task = %task, rules, "a record cannot be made; its referral is passed by");
    // What went wrong inside is for whoever runs the gateway.
    let issue = error.issues.first().filter(|_| error.category != Category::Fault);
    let told = json!({
        "key": issue.map_or(Key::Fault, |issue| issue.key).name(),
        "path": issue.map_or("", |issue| issue.path.as_str()),
        "text": issue.map_or("the record cannot be made; the log says why, by the id of the request", |issue| &issue.text),
    });
    let rule = error.issues.first().map_or(Key::Fault, |issue| issue.key);
    ChangedRecord::told(task, &json!({ "id": task.id, "unreadable": told }), Some(rule))
}

/// How much an answer to a poll holds. One record is told whatever its size.
#[derive(Debug, Clone, Copy)]
pub struct PollSize {
    /// About so many records
    pub records: usize,
    /// So many bytes of records
    pub bytes: usize,
}

/// What a poll asks for.
struct Asked {
    /// Whose cursors it is about
    mark: String,
    /// How far they were told
    position: FeedPosition,
}

/// What answers polls.
pub(super) struct Poll {
    pub(super) resources: Arc<dyn Resources>,
    pub(super) feed: Arc<dyn Feed>,
    pub(super) referrals: Arc<Referrals>,
}

impl Poll {
    /// The answer while there is nothing to say, held for up to `wait`; none as soon as something changed since the cursor.
    ///
    /// # Errors
    /// If the caller is no agency, or the cursor is none of ours.
    pub(super) async fn nothing_new(
        &self,
        caller: &Caller,
        since: Option<&str>,
        wait: Duration,
    ) -> Result<Option<Records>> {
        let mut newest = self.feed.newest(&caller.organization);
        let announced = self.feed.newest_now(&caller.organization).await?;
        let Asked { mark, position } = self.asked(caller, since, announced).await?;
        let after = position.read_after();
        if announced <= after && !wait.is_zero() {
            // Time over, and a store that closes, both mean: nothing to say.
            let _ = tokio::time::timeout(wait, newest.wait_for(|newest| *newest > after)).await;
        }
        let is_new = *newest.borrow() > after;
        Ok((!is_new).then(|| Records { records: Vec::new(), cursor: self.cursor(&mark, position) }))
    }

    /// The records that changed since the cursor (from the beginning without one), as many as the answer has room for.
    ///
    /// # Errors
    /// If the caller is no agency, or the cursor is none of ours.
    pub(super) async fn records(&self, caller: &Caller, since: Option<&str>, size: PollSize) -> Result<Records> {
        let announced = self.feed.newest_now(&caller.organization).await?;
        let Asked { mark, position: since } = self.asked(caller, since, announced).await?;
        let mut changes = self.feed.changes(&caller.organization, since.read_after(), size.records).await?;
        since.skip_told(&mut changes.items);
        let mut records = Vec::with_capacity(changes.items.len());
        let mut bytes = 0_usize;
        let mut told = 0;
        'full: for items in changes.items.chunks(READ_AT_ONCE) {
            let tasks: Vec<ResourceKey> = items.iter().map(|(task, _)| task.clone()).collect();
            let read = self.resources.referral_each(&caller.scope(), &tasks).await?;
            for (task, stored) in tasks.iter().zip(read) {
                if let Some(record) = self.changed_record(caller, task, stored, changes.newest)? {
                    bytes = bytes.saturating_add(record.json.len());
                    if bytes > size.bytes && !records.is_empty() {
                        break 'full;
                    }
                    records.push(record);
                }
                told += 1;
            }
        }
        let position = if told < changes.items.len() { FeedPosition::once_told(&changes.items, told) } else { None };
        let position = position.unwrap_or(FeedPosition::after(changes.newest));
        Ok(Records { records, cursor: self.cursor(&mark, position) })
    }

    /// What is told of a Task in the place of its last change up to the commit `newest`; nothing of one that changed again
    /// meanwhile, which comes with the next cursor, and only then.
    fn changed_record(
        &self,
        caller: &Caller,
        task: &ResourceKey,
        stored: Result<Option<StoredReferral>>,
        newest: u64,
    ) -> Result<Option<ChangedRecord>> {
        let stored = match stored {
            Err(error) if is_about(&error) => return Ok(Some(unreadable(caller, task, &error))),
            stored => stored?,
        };
        Ok(match stored {
            // Taken from the caller, which still reads what it was shown. What was over for it stands as it was.
            Some(stored) if matches!(stored.end_of(&caller.organization), Some(end) if end != PartEnd::Over) => {
                Some(withdrawn(task))
            }
            Some(stored) if stored.seq > newest => None,
            Some(stored) => Some(match self.referrals.view(&stored, task) {
                Ok(Record { json, version, remarks }) => {
                    ChangedRecord { task: task.clone(), json, version: Some(version), unreadable: None, remarks }
                }
                Err(error) => unreadable(caller, task, &error),
            }),
            None => Some(withdrawn(task)),
        })
    }

    /// The last commit that a cursor with this name of a store may stand for, if it is a name of this one: of the name that
    /// it has now any, of those from before it was restored from a copy one that the copy held.
    fn last_of(&self, store: &str) -> Option<u64> {
        if store == self.feed.store_id() {
            return Some(u64::MAX);
        }
        self.feed.earlier_ids().iter().find(|(earlier, _)| earlier == store).map(|(_, last)| *last)
    }

    /// The store, whose it is, and how far it was told.
    fn cursor(&self, mark: &str, position: FeedPosition) -> String {
        format!("{}-{mark}.{position}", self.feed.store_id())
    }

    /// Who asks, and from where on. `announced` is the newest commit that is known to concern the caller.
    async fn asked(&self, caller: &Caller, cursor: Option<&str>, announced: u64) -> Result<Asked> {
        if caller.role != Role::Agency {
            return Err(Error::forbidden("records are for clients of agencies; ask for resources under /fhir instead"));
        }
        let mark = mark_of(&caller.organization);
        let position = match cursor {
            None => FeedPosition::after(0),
            Some(cursor) => self.read_cursor(&mark, cursor, announced).await?,
        };
        Ok(Asked { mark, position })
    }

    /// How far the cursor was told.
    ///
    /// # Errors
    /// `Incorrect` for one that was not given, was given by another store or to another organization, or is ahead of the
    /// store. A store that was set back to a backup gave less than some of its readers have seen: they would miss what comes
    /// next.
    async fn read_cursor(&self, own_mark: &str, cursor: &str, announced: u64) -> Result<FeedPosition> {
        let refused = |text: &str| {
            Error::incorrect(Key::UnknownCursor, format!("{text}; ask without a cursor to begin from the start"))
        };
        let (issuer, position) = cursor.rsplit_once('.').ok_or_else(|| refused(NOT_OURS))?;
        let position = FeedPosition::read(position).ok_or_else(|| refused(NOT_OURS))?;
        // One that was given before cursors said whose they are has no mark.
        let (store, mark) = issuer.split_once('-').map_or((issuer, None), |(store, mark)| (store, Some(mark)));
        let last = self.last_of(store).ok_or_else(|| refused("the cursor is of another store than this one"))?;
        if mark.is_some_and(|mark| mark != own_mark) {
            return Err(refused("the cursor was given to another organization than yours"));
        }
        // What was just read may not be announced yet.
        let seq = position.seq;
        if seq > last || (seq > announced && seq > self.feed.newest_commit().await?) {
            return Err(refused("the cursor is ahead of this store, which was set back to an earlier state"));
        }
        Ok(position)
    }
}

/// Tells the cursors of an organization from those of others.
fn mark_of(organization: &str) -> String {
    let mark = Sha256::digest(organization).iter().take(6).fold(0_u64, |mark, byte| mark << 8 | u64::from(*byte));
    format!("{mark:012x}")
}
