//! What a change means for referrals, its own and others, whoever made it: an EHR's message, an agency's event, record or
//! sheet.
//!
//! Each consequence looks at what a plan writes and adds to the plan. What it adds may have consequences in turn, so they
//! run until nothing is added.

mod concerned;
mod consent;
mod over;
mod request_status;
mod resting;
mod sharing;
mod withheld;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::mapping::ProgramTypes;
use crate::referral::party::PartEnd;
use crate::referral::plan::{Plan, Share, Sharing, Write};
use crate::referral::{Graph, Resource, Scope};
use crate::security::Caller;
use crate::store::Resources;

use super::consent::ConsentCheck;
use concerned::Concerned;
pub(super) use concerned::Consequence;
use sharing::Giving;

/// How often what was added may have consequences in turn. A referral is concerned once by each resource of it that
/// changes; more rounds than this are a loop.
const MAX_ROUNDS: usize = 16;

/// The consequences, and what they need.
pub(super) struct Consequences {
    pub(super) store: Arc<dyn Resources>,
    pub(super) consent: Arc<ConsentCheck>,
    pub(super) programs: Arc<ProgramTypes>,
    /// The URL under which FHIR is served, so that absolute references to it are known as local
    pub(super) base: Option<String>,
    /// How long an owner sees what changes of a referral that it completed
    pub(super) retention: SignedDuration,
}

impl Consequences {
    /// Adds to the plan what it means for referrals: its own, whose shares it has, and those that share what it writes.
    /// `seen` is what the caller sees around what is written. Gives what whoever made the change should know.
    ///
    /// # Errors
    /// Those of the store; what may not be shared; a fault, where consequences never end.
    pub(super) async fn add(
        &self,
        caller: &Caller,
        plan: &mut Plan,
        seen: &Graph,
        at: Timestamp,
    ) -> Result<Vec<Consequence>> {
        let told = self.add_all(caller, plan, seen, at).await?;
        resting::settle(plan);
        Ok(told)
    }

    async fn add_all(&self, caller: &Caller, plan: &mut Plan, seen: &Graph, at: Timestamp) -> Result<Vec<Consequence>> {
        let (store, directory, base) = (&*self.store, &*self.consent.directory, self.base.as_deref());
        let giving = Giving { store, directory, base, caller };
        let mut told = Vec::new();
        let mut looked_at = 0;
        let mut concerned: BTreeMap<ResourceKey, ResourceKey> =
            plan.shares.iter().map(|share| (share.task.clone(), share.task.clone())).collect();
        for _ in 0..MAX_ROUNDS {
            for write in &plan.writes[looked_at..] {
                let sharing = sharing::concerned(&*self.store, write).await?;
                let agreeing = consent::concerned(&*self.store, write, self.base.as_deref()).await?;
                for task in sharing.into_iter().chain(agreeing) {
                    concerned.entry(task).or_insert_with(|| write.key.clone());
                }
            }
            looked_at = plan.writes.len();
            if concerned.is_empty() {
                return Ok(told);
            }
            for (task, cause) in std::mem::take(&mut concerned) {
                let Some(mut referral) = self.referral(plan, seen, task, cause).await? else { continue };
                let moved = request_status::apply(caller, plan, &mut referral, at)?;
                over::apply(caller, plan, &referral, self.retention, at)?;
                sharing::apply(&giving, plan, &referral).await?;
                // Asked of all that is shared now.
                let refused = consent::apply(&self.consent, caller, plan, &mut referral, at).await?;
                // Of what is shared at last, with those who still take part.
                withheld::apply(&self.programs, base, plan, &referral)?;
                let cause = || referral.cause.clone();
                told.extend(moved.into_iter().chain(refused).map(|issue| Consequence { cause: cause(), issue }));
            }
        }
        Err(Error::fault(format!("the consequences of a change have not ended after {MAX_ROUNDS} rounds")))
    }

    /// A referral as it will be when the plan is committed; the plan has a share of it from then on.
    async fn referral(
        &self,
        plan: &mut Plan,
        seen: &Graph,
        task: ResourceKey,
        cause: ResourceKey,
    ) -> Result<Option<Concerned>> {
        let mut graph = match plan.shares.iter().find(|share| share.task == task) {
            // What the caller sees of its own referral is all of it.
            Some(share) if share.before.resources.iter().all(|it| seen.resolve(&it.resource.to_string()).is_some()) => {
                seen.whole()
            }
            Some(_) => match self.store.referral(&Scope::Gateway, &task, false).await? {
                Some(stored) => with_all_of(stored.graph, seen),
                None => seen.whole(),
            },
            None => {
                let Some(stored) = self.store.referral(&Scope::Gateway, &task, false).await? else { return Ok(None) };
                let (before, after): (Sharing, Sharing) = (stored.sharing(), stored.sharing());
                let withheld = Vec::new();
                plan.shares.push(Share { task: task.clone(), before, after, end: PartEnd::Over, withheld });
                with_all_of(stored.graph, seen)
            }
        };
        let stood = Concerned::stood(plan, &graph, &task);
        for Write { key, version, document, author, .. } in &plan.writes {
            graph.insert(Resource::new(key.to_string(), *version, document.clone()).sent_by(author.as_deref()));
        }
        Ok(Some(Concerned { task, graph, stood, cause }))
    }
}

/// A graph with everything of another, which is seen by somebody: with all of it.
fn with_all_of(mut graph: Graph, seen: &Graph) -> Graph {
    for resource in seen.resources() {
        graph.insert(resource.whole());
    }
    graph
}
