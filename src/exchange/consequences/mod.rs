//! What a change means for other referrals than its own, whoever made it: an EHR's message, an agency's event, record or
//! sheet.
//!
//! Each consequence looks at what a plan writes and adds to the plan. What it adds may have consequences in turn, so they
//! run until nothing is added.

mod concerned;
mod consent;
mod sharing;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::referral::plan::{Plan, Write};
use crate::referral::{Graph, Resource, Scope};
use crate::security::Caller;
use crate::store::Resources;

use super::consent::ConsentCheck;
use concerned::Concerned;

/// How often what was added may have consequences in turn. A referral is concerned once by each resource of it that
/// changes; more rounds than this are a loop.
const MAX_ROUNDS: usize = 16;

/// The consequences, and what they need.
pub(super) struct Consequences {
    pub(super) store: Arc<dyn Resources>,
    pub(super) consent: Arc<ConsentCheck>,
}

impl Consequences {
    /// Adds to the plan what it means for referrals that are not part of it. `context` is what the caller sees around
    /// what is written.
    ///
    /// # Errors
    /// Those of the store; a fault, where consequences never end.
    pub(super) async fn add(&self, caller: &Caller, plan: &mut Plan, context: &Graph, at: Timestamp) -> Result<()> {
        let own: BTreeSet<ResourceKey> = plan.shares.iter().map(|share| share.task.clone()).collect();
        let mut seen = 0;
        for _ in 0..MAX_ROUNDS {
            let new = &plan.writes[seen..];
            if new.is_empty() {
                return Ok(());
            }
            let mut concerned = BTreeSet::new();
            for write in new {
                concerned.extend(sharing::concerned(&*self.store, write).await?);
                concerned.extend(consent::concerned(&*self.store, write).await?);
            }
            seen = plan.writes.len();
            concerned.retain(|task| !own.contains(task) && plan.write_of(task).is_none());
            for task in concerned {
                let Some(mut referral) = self.referral(plan, context, task).await? else { continue };
                consent::apply(&self.consent, caller, plan, &mut referral, at).await?;
                sharing::apply(plan, &referral);
            }
        }
        Err(Error::fault(format!("the consequences of a change have not ended after {MAX_ROUNDS} rounds")))
    }

    /// A referral as it will be when the plan is committed.
    async fn referral(&self, plan: &Plan, context: &Graph, task: ResourceKey) -> Result<Option<Concerned>> {
        let Some(mut stored) = self.store.referral(&Scope::Gateway, &task, false).await? else { return Ok(None) };
        for resource in context.resources() {
            stored.graph.insert(resource.clone());
        }
        for Write { key, version, document, .. } in &plan.writes {
            stored.graph.insert(Resource::new(key.to_string(), *version, document.clone()));
        }
        Ok(Some(Concerned { task, stored }))
    }
}
