//! What a change of a widely shared resource means for the referrals that share it: work that the change has left
//! (`consequences::deferred`), done here in groups of them.
//!
//! First each referral is decided as it would have been with the change itself, on behalf of whoever made it: what it discloses with
//! it, and to whom. When all are, the resource is shown as it is, and everybody who reads it is told, in groups too. A group is one
//! step like any other; where the gateway stops in between, the next one goes on behind the last group that was committed.

use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::ResourceKey;
use crate::referral::plan::{Plan, RenewalPhase, RenewalStep, Write};
use crate::referral::{Graph, Scope};
use crate::security::{Caller, Role};
use crate::store::{RenewalGroup, Resources, Stored};

use super::consequences::Consequence;
use super::step::{Built, Change, Steps};

/// Deals with the next group of referrals, of at most so many. Says whether there was one.
///
/// # Errors
/// Those of the store.
pub(super) async fn renew_next(store: &Arc<dyn Resources>, steps: &Steps, tasks: usize) -> Result<bool> {
    let Some(group) = store.next_renewal(tasks).await? else { return Ok(false) };
    let RenewalGroup { seq, resource, phase, is_last, .. } = &group;
    let (count, resource, phase, is_last, seq) = (group.tasks.len(), resource.clone(), *phase, *is_last, *seq);
    match renew(store, steps, group, tasks == 1).await {
        Ok(()) => {}
        Err(error) if is_overtaken(&error) => return Ok(true),
        // One referral keeps no other back.
        Err(error) if is_about_a_referral(&error) && tasks > 1 => {
            for _ in 0..count {
                let Some(single) = store.next_renewal(1).await? else { break };
                match renew(store, steps, single, true).await {
                    Err(error) if is_overtaken(&error) => break,
                    renewed => renewed?,
                }
            }
        }
        Err(error) => return Err(error),
    }
    if is_last {
        match phase {
            RenewalPhase::Decide => {
                tracing::debug!(commit = seq, resource = %resource, "a change is decided for all referrals that share it");
            }
            RenewalPhase::Tell => {
                tracing::info!(commit = seq, resource = %resource, "a change was brought to all referrals that share it");
            }
        }
    }
    Ok(true)
}

/// Deals with a group. A single referral that cannot be decided is passed by.
async fn renew(store: &Arc<dyn Resources>, steps: &Steps, group: RenewalGroup, passes_by: bool) -> Result<()> {
    let caller = Caller::new(group.client.clone(), Role::Ehr, group.organization.clone(), group.request.clone());
    let mut group = RenewedGroup { store: store.clone(), group };
    match steps.run(&caller, None, &group).await {
        Err(error) if passes_by && is_about_a_referral(&error) && !group.group.tasks.is_empty() => {
            for task in std::mem::take(&mut group.group.tasks) {
                let rules = Plan::names_of(&error.issues);
                tracing::error!(
                    request.id = caller.request, task = %task, rules,
                    "what a change means for a referral cannot be decided; it discloses what it did"
                );
            }
            steps.run(&caller, None, &group).await?;
        }
        renewed => {
            renewed?;
        }
    }
    Ok(())
}

/// Somebody else went on with it.
fn is_overtaken(error: &Error) -> bool {
    error.category == Category::Conflict
}

/// Is it that something of a referral cannot be read, or would disclose too much? Whatever else fails is tried again.
fn is_about_a_referral(error: &Error) -> bool {
    error.is_stored_unreadable() || error.category == Category::Unprocessable
}

/// See [`renew_next`].
struct RenewedGroup {
    store: Arc<dyn Resources>,
    group: RenewalGroup,
}

impl RenewedGroup {
    async fn version(&self, version: u64) -> Result<Stored> {
        let RenewalGroup { resource, .. } = &self.group;
        let stored = self.store.read(&Scope::Gateway, resource, Some(version)).await?;
        stored.ok_or_else(|| Error::fault(format!("version {version} of {resource}, which was changed, is not there")))
    }

    /// What was changed. Where it is only told of, nothing of it is asked.
    async fn change(&self) -> Result<Write> {
        let newest = self.version(self.group.version).await?;
        let replaces = match self.group.phase {
            RenewalPhase::Decide => Some(self.version(self.group.replaced).await?.document),
            RenewalPhase::Tell => None,
        };
        let Stored { key, version, document, updated, author, public, .. } = newest;
        Ok(Write { key, version, document, updated, author, public, replaces })
    }
}

impl Change for RenewedGroup {
    type Outcome = ();

    async fn build(&self, _: Timestamp) -> Result<Built<()>> {
        let RenewalGroup { seq, phase, after, end, is_last, .. } = self.group;
        let tasks: Vec<ResourceKey> = match phase {
            RenewalPhase::Decide => self.group.tasks.clone(),
            // The store tells them.
            RenewalPhase::Tell => Vec::new(),
        };
        let step = RenewalStep { seq, phase, change: self.change().await?, tasks, after, end, is_last };
        let plan = Plan { renewal: Some(step), ..Plan::default() };
        Ok(Built { plan, context: Graph::default(), outcome: (), refused: None })
    }

    /// Whoever made the change was answered long ago.
    fn tell(&self, (): &mut (), _: Vec<Consequence>) {}

    fn remember(&self, _: &Plan, (): &()) -> String {
        String::new()
    }
}
