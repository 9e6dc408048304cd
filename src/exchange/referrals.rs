//! Referrals as they are stored, seen by a caller: the graph, where it stands, and its view as a program record.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, Node, ResourceKey};
use crate::mapping::{ProgramType, ProgramTypes};
use crate::referral::party::PartEnd;
use crate::referral::plan::{Extras, Plan, Share};
use crate::referral::state::Position;
use crate::referral::{Graph, Party, Referral, Resource, task, task_edits};
use crate::security::Caller;
use crate::store::{Resources, StoredReferral};

use super::context::ReferralContext;
use super::draft::Draft;
use super::record::Record;
use super::remarks::Remarks;
use super::stale::stale;

/// See the module head.
pub(super) struct Referrals {
    pub(super) store: Arc<dyn Resources>,
    pub(super) programs: Arc<ProgramTypes>,
}

impl Referrals {
    /// The referral of this Task, as the caller sees it, with its history; as it was shown last, where the caller takes
    /// part in it no longer.
    pub(super) async fn referral(&self, caller: &Caller, key: &ResourceKey) -> Result<StoredReferral> {
        let stored = self.store.referral(&caller.scope(), key, true).await?;
        stored.ok_or_else(|| Error::not_found("the referral"))
    }

    /// The referral of this Task, to be changed; `with_history` only where its record is looked at.
    ///
    /// # Errors
    /// If the caller sees no such referral, or takes part in it no longer.
    pub(super) async fn open_referral(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        with_history: bool,
    ) -> Result<StoredReferral> {
        let stored = self.store.referral(&caller.scope(), key, with_history).await?;
        let stored = stored.ok_or_else(|| Error::not_found("the referral"))?;
        if stored.until.is_none() {
            return Ok(stored);
        }
        Err(Error::forbidden("your organization takes part in the referral no longer; it stays readable as it was"))
    }

    /// The record of a stored referral.
    pub(super) fn view(&self, stored: &StoredReferral, key: &ResourceKey) -> Result<Record> {
        let task = task_of(stored, key)?;
        let referral = Referral::read(&stored.graph, task)?;
        let record = Record::new(self.program_type(task.node()).map.get(&referral, &stored.extras).json, stored.seq);
        let remarks =
            Remarks::of(&stored.graph.history().is_cut.then(|| history_is_cut(key)).into_iter().collect::<Vec<_>>());
        Ok(Record { remarks, ..record })
    }

    /// The record as it was at a version, of a referral whose newest is this.
    pub(super) async fn view_as_of(
        &self,
        caller: &Caller,
        key: &ResourceKey,
        version: u64,
        newest: u64,
    ) -> Result<Value> {
        let then = self.store.referral_as_of(&caller.scope(), key, version).await?;
        self.view(&then.ok_or_else(|| stale(key, newest))?, key)?.value()
    }

    /// The program type that a Task was routed to.
    pub(super) fn program_type(&self, task: Node<'_>) -> &ProgramType {
        self.programs.get(&task_edits::program_type(task).unwrap_or_default())
    }
}

/// What is said of a record that tells less than all of its history.
fn history_is_cut(key: &ResourceKey) -> Issue {
    let text = "the history has more steps than a record tells; it begins later than the referral";
    let hint = format!("what is before it is in GET /fhir/{key}/_history");
    Issue::warning(Key::TooLarge, "referral.history", text).hint(hint)
}

/// The draft as a plan: what is written, what is beside it, and that it is shared with those who took part before.
/// What it discloses then follows from it (`consequences`).
///
/// # Errors
/// A fault, if a text that results cannot be read.
pub(super) fn plan_of_draft(
    caller: &Caller,
    context: &ReferralContext,
    draft: Draft,
    at: Timestamp,
) -> Result<(Plan, Graph)> {
    let task = draft.task().clone();
    let (before, after) = (context.sharing.clone(), context.sharing.clone());
    let share = Share { task: task.clone(), before, after, end: PartEnd::Over, withheld: Vec::new() };
    let extras = draft.changed_extras().map(|value| Extras { task, value });
    let writes = draft.writes(&caller.organization, at)?;
    let plan = Plan { shares: vec![share], extras: extras.into_iter().collect(), writes, ..Plan::default() };
    Ok((plan, draft.graph))
}

/// Where a referral stands, and as what the caller acts on it.
///
/// # Errors
/// If its Task is not among what the caller sees.
pub(super) fn context_of(caller: &Caller, stored: &StoredReferral, key: &ResourceKey) -> Result<ReferralContext> {
    let task = task_of(stored, key)?;
    let mut parties = stored.parties_of(&caller.organization);
    // A Task that was no referral until now is shared with nobody: who sent it asks.
    if stored.parties.is_empty() && stored.author.as_ref() == Some(&caller.organization) {
        parties.push(Party::Requester);
    }
    // What an owner may do comes first.
    parties.sort_by_key(|party| *party != Party::Owner);
    Ok(ReferralContext {
        position: task::position(task.node()).unwrap_or(Position::DRAFT),
        parties,
        sharing: stored.sharing(),
    })
}

/// The Task of a stored referral.
pub(super) fn task_of<'s>(stored: &'s StoredReferral, key: &ResourceKey) -> Result<&'s Resource> {
    stored.graph.resolve(&key.to_string()).ok_or_else(|| Error::not_found("the referral"))
}
