//! Program records: a referral as the agency's own kind of document, read and written back.

use serde_json::Value;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, ResourceKey};
use crate::mapping::{Detail, Fidelity, GraphUpdate};
use crate::referral::plan::{FeedEntry, Idempotency};
use crate::referral::{Referral, task_edits};
use crate::security::Caller;
use crate::store::StoredReferral;

use super::disposition::audit;
use super::draft::Draft;
use super::remarks::Remarks;
use super::{Exchange, idempotency, write_target};

/// How often a record that lost a race is put anew.
pub(super) const ATTEMPTS: usize = 8;

/// A referral as a program record.
#[derive(Debug, Clone)]
pub struct Record {
    /// The record, as JSON text
    pub json: String,
    /// The newest commit that concerns the referral; what `ETag` and `If-Match` carry
    pub version: u64,
    /// What the last change of it should be read with
    pub remarks: Remarks,
}

impl Record {
    fn new(json: String, version: u64) -> Self {
        Self { json, version, remarks: Remarks::default() }
    }

    /// The record as a value that can be changed.
    ///
    /// # Errors
    /// A fault, if it is larger than a document may be.
    pub fn value(&self) -> Result<Value> {
        Ok(Document::value_of(&self.json)?)
    }
}

/// What a record that is put was changed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Nothing is said: what stands now
    Newest,
    /// This version, and only if it still stands
    Exactly(u64),
    /// This version; what happened since is merged with it
    Version(u64),
}

impl Exchange {
    /// The record of the referral of the Task `id`.
    ///
    /// # Errors
    /// If the caller sees no such referral.
    pub async fn record(&self, caller: &Caller, id: &str) -> Result<Record> {
        let key = ResourceKey::new("Task", id);
        let stored = self.referral(caller, &key).await?;
        self.view(&stored, &key)
    }

    /// The record of a stored referral.
    pub(super) fn view(&self, stored: &StoredReferral, key: &ResourceKey) -> Result<Record> {
        let task = stored.graph.resolve(&key.to_string()).ok_or_else(|| Error::not_found("the referral"))?;
        let referral = Referral::read(&stored.graph, task)?;
        let program = self.programs.get(&task_edits::program_type(task.node()).unwrap_or_default());
        Ok(Record::new(program.map.get(&referral, &stored.extras).json, stored.seq))
    }

    /// The record, and where each of its values comes from and what became of each element of the referral.
    ///
    /// # Errors
    /// As [`Exchange::record`].
    pub async fn explain(&self, caller: &Caller, id: &str) -> Result<(Record, Fidelity, Vec<Issue>)> {
        let key = ResourceKey::new("Task", id);
        let stored = self.referral(caller, &key).await?;
        let task = stored.graph.resolve(&key.to_string()).ok_or_else(|| Error::not_found("the referral"))?;
        let referral = Referral::read(&stored.graph, task)?;
        let program = self.programs.get(&task_edits::program_type(task.node()).unwrap_or_default());
        let made = program.map.explain(&referral, &stored.extras);
        Ok((Record::new(made.json, stored.seq), made.fidelity, made.issues))
    }

    /// Takes a changed record back into the referral and answers with the record as it then stands. An unchanged one
    /// makes no version. One that was changed from an older version is merged with what happened since.
    ///
    /// # Errors
    /// An unknown referral, a record against its schema, a change to what is not the agency's, a stale version, or what
    /// both sides changed.
    pub async fn put_record(
        &self,
        caller: &Caller,
        id: &str,
        record: &Document,
        base: Base,
        idempotency_key: Option<&str>,
    ) -> Result<Record> {
        let key = ResourceKey::new("Task", id);
        let idempotency = idempotency::of(caller, idempotency_key, &["record", id, record.text()]);
        let value = record.root().to_value();
        let mut remarks = Remarks::default();
        for attempt in 1.. {
            if let Some(before) = self.repeated(idempotency.as_ref()).await? {
                remarks = Remarks::read(&before);
                break;
            }
            match self.put(caller, &key, &value, base, idempotency.clone()).await {
                Ok(found) => {
                    remarks = found;
                    break;
                }
                Err(error) if is_race(&error) && attempt < ATTEMPTS => {}
                Err(error) => return Err(self.audit_refusal(caller, error).await),
            }
        }
        Ok(Record { remarks, ..self.record(caller, id).await? })
    }

    async fn put(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        record: &Value,
        base: Base,
        idempotency: Option<Idempotency>,
    ) -> Result<Remarks> {
        let stored = self.referral(caller, key).await?;
        let merged = match base {
            Base::Exactly(version) if version != stored.seq => return Err(write_target::stale(key, stored.seq)),
            Base::Version(version) if version != stored.seq => {
                Some(self.merged(caller, key, record, version, &stored).await?)
            }
            Base::Newest | Base::Exactly(_) | Base::Version(_) => None,
        };
        let record = merged.as_ref().unwrap_or(record);
        let owner = match stored.graph.resolve(&key.to_string()) {
            Some(task) => self.owner_of(task.node(), &stored.graph).await?,
            None => None,
        };
        let parties = stored.current();
        let mut draft = Draft::new(stored.graph, key.clone());
        let put = self.take_record(caller, owner.as_deref(), &mut draft, record, &stored.extras)?;
        let remarks = Remarks::of(&put.issues);
        if put.is_empty() {
            return Ok(remarks);
        }
        let at = self.clock.now();
        let extras = put.extras_changed.then_some(put.extras);
        let mut plan = self.plan(caller, draft, key, parties, extras, at).await?;
        plan.feed.extend(owner.map(|organization| FeedEntry { organization, task: key.clone() }));
        plan.audit.push(audit(caller, "recorded", Some(key), put.fidelity.to_string(), at));
        plan.idempotency = idempotency.map(|asked| Idempotency { answer: remarks.to_text(), ..asked });
        self.store.commit(plan).await?;
        Ok(remarks)
    }

    /// Takes a record into a draft of its referral.
    ///
    /// # Errors
    /// A record that is not the caller's to write, against its schema, or with changes to what is not the agency's.
    pub(super) fn take_record(
        &self,
        caller: &Caller,
        owner: Option<&str>,
        draft: &mut Draft,
        record: &Value,
        extras: &Value,
    ) -> Result<GraphUpdate> {
        if owner != Some(caller.organization.as_str()) {
            return Err(Error::forbidden("only the agency that owns the referral writes its record"));
        }
        let put = {
            let referral = draft.referral()?;
            let program = self.programs.get(&task_edits::program_type(referral.task.node()).unwrap_or_default());
            program.map.put(record, &referral, extras, Detail::Totals, &mut || self.ids.next())?
        };
        draft.apply(&put)?;
        Ok(put)
    }

    /// The record with what was changed in it since this version, and what happened to the referral since.
    async fn merged(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        record: &Value,
        version: u64,
        stored: &StoredReferral,
    ) -> Result<Value> {
        if version > stored.seq {
            return Err(write_target::stale(key, stored.seq));
        }
        let then = self.record_as_of(caller, key, version, stored.seq).await?;
        let now = self.view(stored, key)?.value()?;
        let task = stored.graph.resolve(&key.to_string()).ok_or_else(|| Error::not_found("the referral"))?;
        let program = self.programs.get(&task_edits::program_type(task.node()).unwrap_or_default());
        program.map.merge(&then, record, &now)
    }

    /// The record as it was at a version, of a referral whose newest is this.
    pub(super) async fn record_as_of(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        version: u64,
        newest: u64,
    ) -> Result<Value> {
        let then = self.store.referral_as_of(&caller.scope(), key, version).await?;
        self.view(&then.ok_or_else(|| write_target::stale(key, newest))?, key)?.value()
    }
}

/// Was another request faster, so that it may go well the next time?
pub(super) fn is_race(error: &Error) -> bool {
    error.category == Category::Conflict && error.issues.iter().all(|issue| issue.key != Key::ChangedByBoth)
}
