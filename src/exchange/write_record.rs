//! A record that comes back changed: through its program's map into the referral.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::precondition::Validators;
use crate::fhir::{Preconditions, ResourceKey};
use crate::limits::ContentLimits;
use crate::mapping::{Detail, GraphUpdate};
use crate::referral::plan::Plan;
use crate::security::Caller;
use crate::store::StoredReferral;

use super::audit::audit;
use super::consequences::Consequence;
use super::context::ReferralContext;
use super::draft::Draft;
use super::parts::Ids;
use super::record::Base;
use super::referrals::{Referrals, context_of, plan_of_draft, task_of};
use super::remarks::Remarks;
use super::size;
use super::stale::{self, stale};
use super::step::{Built, Change};
use super::timeline::through;

/// What takes records in.
pub(super) struct RecordWriter {
    pub(super) referrals: Arc<Referrals>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) limits: ContentLimits,
}

/// A record that an agency writes.
pub(super) struct WrittenRecord<'a> {
    pub(super) writer: &'a RecordWriter,
    pub(super) caller: &'a Caller,
    /// The referral's Task
    pub(super) task: &'a ResourceKey,
    pub(super) record: Value,
    /// What it was changed from
    pub(super) base: Base,
    /// What it depends on; versions are those of the record
    pub(super) conditions: Preconditions,
}

impl Change for WrittenRecord<'_> {
    type Outcome = Remarks;

    async fn build(&self, at: Timestamp) -> Result<Built<Remarks>> {
        let Self { writer, caller, task, .. } = self;
        size::check_record(&self.record, &writer.limits)?;
        let stored = writer.referrals.open_referral(caller, task, true).await?;
        stale::check(&self.conditions, task, Validators::of_version(stored.seq))?;
        let merged = self.merged(&stored).await?;
        let context = context_of(caller, &stored, task)?;
        let mut draft = Draft::new(stored.graph, (*task).clone(), stored.extras);
        let put = writer.take(caller, &context, &mut draft, merged.as_ref().unwrap_or(&self.record))?;
        let remarks = Remarks::of(&put.issues);
        if put.is_empty() {
            return Ok(Built::nothing(remarks));
        }
        let (mut plan, graph) = plan_of_draft(caller, &context, draft, at)?;
        plan.audit.push(audit(caller, "recorded", Some(task), through("record", &put.fidelity.to_string()), at));
        Ok(Built { plan, context: graph, outcome: remarks, refused: None })
    }

    fn tell(&self, remarks: &mut Remarks, consequences: Vec<Consequence>) {
        remarks.add(consequences.into_iter().map(|consequence| consequence.issue));
    }

    fn remember(&self, _: &Plan, remarks: &Remarks) -> String {
        remarks.to_text()
    }
}

impl WrittenRecord<'_> {
    /// The record with what was changed in it since its base, and what happened to the referral since; nothing where it
    /// is based on what stands now.
    async fn merged(&self, stored: &StoredReferral) -> Result<Option<Value>> {
        let (key, referrals) = (self.task, &self.writer.referrals);
        let version = match self.base {
            Base::Version(version) if version > stored.seq => return Err(stale(key, stored.seq)),
            Base::Version(version) if version != stored.seq => version,
            Base::Newest | Base::Version(_) => return Ok(None),
        };
        let then = referrals.view_as_of(self.caller, key, version, stored.seq).await?;
        let now = referrals.view(stored, key)?.value()?;
        let map = &referrals.program_type(task_of(stored, key)?.node()).map;
        map.merge(&then, &self.record, &now).map(Some)
    }
}

impl RecordWriter {
    /// Takes a record into a draft of its referral.
    ///
    /// # Errors
    /// A record that is not the caller's to write, against its schema, or with changes to what is not the agency's.
    pub(super) fn take(
        &self,
        caller: &Caller,
        context: &ReferralContext,
        draft: &mut Draft,
        record: &Value,
    ) -> Result<GraphUpdate> {
        if context.owner() != Some(caller.organization.as_str()) {
            return Err(Error::forbidden("only the agency that owns the referral writes its record"));
        }
        let put = {
            let referral = draft.referral()?;
            let map = &self.referrals.program_type(referral.task.node()).map;
            map.put(record, &referral, &draft.extras, Detail::Totals, &mut || self.ids.next())?
        };
        draft.apply(&put)?;
        Ok(put)
    }
}
