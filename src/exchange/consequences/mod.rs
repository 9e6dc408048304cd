//! What a change means for referrals, its own and others, whoever made it: an EHR's message, an agency's event, record or
//! sheet.
//!
//! Each consequence looks at what a plan writes and adds to the plan. What it adds may have consequences in turn, so they
//! run until nothing is added.

mod concerned;
mod consent;
mod deferred;
mod over;
mod request_status;
mod resting;
mod sharing;
mod withheld;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::mapping::ProgramTypes;
use crate::referral::party::PartEnd;
use crate::referral::plan::{Plan, Share, Sharing};
use crate::referral::{Graph, Scope};
use crate::security::Caller;
use crate::store::Resources;

use super::consent::ConsentCheck;
use concerned::Concerned;
pub(super) use concerned::Consequence;
use concerned::Moves;
use deferred::Deferral;
pub(super) use deferred::MAX_TASKS_AT_ONCE;
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
    /// How many referrals are dealt with in one commit
    pub(super) tasks_at_once: AtomicUsize,
}

impl Consequences {
    /// Adds to the plan what it means for referrals: its own, whose shares it has, those that share what it writes, and the group whose
    /// turn it is. `seen` is what the caller sees around what is written. Gives what whoever made the change should know.
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

    /// More referrals than these are brought a change later, in groups of so many.
    pub(super) fn set_tasks_at_once(&self, tasks: usize) {
        self.tasks_at_once.store(tasks.max(1), Ordering::Relaxed);
    }

    /// How many referrals are dealt with in one commit.
    pub(super) fn tasks_at_once(&self) -> usize {
        self.tasks_at_once.load(Ordering::Relaxed)
    }

    async fn add_all(&self, caller: &Caller, plan: &mut Plan, seen: &Graph, at: Timestamp) -> Result<Vec<Consequence>> {
        let (store, directory, base) = (&*self.store, &*self.consent.directory, self.base.as_deref());
        let giving = Giving { store, directory, base, caller };
        let tasks_at_once = self.tasks_at_once();
        let deferral = Deferral { store, programs: &self.programs, base, caller, tasks_at_once };
        let mut told = Vec::new();
        let mut places = Places::of(plan);
        let mut looked_at = 0;
        let mut concerned: BTreeMap<ResourceKey, ResourceKey> =
            plan.shares.iter().map(|share| (share.task.clone(), share.task.clone())).collect();
        if let Some(step) = &plan.renewal {
            concerned.extend(step.tasks.iter().map(|task| (task.clone(), step.change.key.clone())));
        }
        for _ in 0..MAX_ROUNDS {
            for write in &plan.writes[looked_at..] {
                if let Some(deferred) = deferral.of(write).await? {
                    told.push(Consequence { cause: write.key.clone(), issue: deferral.told(&write.key) });
                    plan.deferred.retain(|earlier| earlier.resource != deferred.resource);
                    plan.deferred.push(deferred);
                    continue;
                }
                let sharing = sharing::concerned(&*self.store, write).await?;
                let agreeing = consent::concerned(&*self.store, &plan.writes, write, base).await?;
                for task in sharing.into_iter().chain(agreeing) {
                    concerned.entry(task).or_insert_with(|| write.key.clone());
                }
            }
            looked_at = plan.writes.len();
            if concerned.is_empty() {
                return Ok(told);
            }
            for (task, cause) in std::mem::take(&mut concerned) {
                let Some(mut referral) = self.referral(plan, &mut places, seen, task, cause).await? else { continue };
                let moves = plan.writes.len();
                let moved = request_status::apply(caller, plan, &mut referral, at)?;
                over::apply(caller, plan, &referral, self.retention, at)?;
                sharing::apply(&giving, plan, &referral).await?;
                // Asked of all that is shared now.
                let refused = consent::apply(&self.consent, caller, plan, &mut referral, at).await?;
                // Of what is shared at last, with those who still take part.
                withheld::apply(&self.programs, base, plan, &referral)?;
                places.add_moves(&referral.task, moves..plan.writes.len());
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
        places: &mut Places,
        seen: &Graph,
        task: ResourceKey,
        cause: ResourceKey,
    ) -> Result<Option<Concerned>> {
        let place = places.shares.get(&task).copied();
        let graph = match place.and_then(|place| plan.shares.get(place)) {
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
                places.shares.insert(task.clone(), plan.shares.len());
                plan.shares.push(Share { task: task.clone(), before, after, end: PartEnd::Over, withheld });
                with_all_of(stored.graph, seen)
            }
        };
        let place = place.unwrap_or(plan.shares.len().saturating_sub(1));
        let moves = places.moves_of(&task);
        let mut concerned = Concerned { task, place, moves, graph, stood: None, cause };
        concerned.take_in_changes(plan);
        Ok(Some(concerned))
    }
}

/// Where things stand in a plan, so that nobody looks for them among those of all other referrals.
struct Places {
    /// The share of each Task
    shares: HashMap<ResourceKey, usize>,
    /// How many writes are the change itself
    changes: usize,
    /// The writes by which each Task moved
    moves: HashMap<ResourceKey, Vec<usize>>,
}

impl Places {
    fn of(plan: &Plan) -> Self {
        let mut shares = HashMap::new();
        for (place, share) in plan.shares.iter().enumerate() {
            shares.entry(share.task.clone()).or_insert(place);
        }
        Self { shares, changes: plan.writes.len(), moves: HashMap::new() }
    }

    fn add_moves(&mut self, task: &ResourceKey, places: Range<usize>) {
        if !places.is_empty() {
            self.moves.entry(task.clone()).or_default().extend(places);
        }
    }

    fn moves_of(&self, task: &ResourceKey) -> Moves {
        Moves { changes: self.changes, own: self.moves.get(task).cloned().unwrap_or_default() }
    }
}

/// A graph with everything of another, which is seen by somebody: with all of it.
fn with_all_of(mut graph: Graph, seen: &Graph) -> Graph {
    for resource in seen.resources() {
        graph.insert(resource.whole());
    }
    graph
}
