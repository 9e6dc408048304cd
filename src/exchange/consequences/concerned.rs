//! What a consequence looks at, and how it moves it.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::{Document, Issue, ResourceKey};
use crate::referral::party::PartEnd;
use crate::referral::plan::{Plan, Share, Sharing, Write};
use crate::referral::state::{Position, TransitionResult};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Party, Resource, task};
use crate::security::Caller;

use crate::exchange::context::owner_among;

/// A referral that a change concerns, as it is with that change.
pub(super) struct Concerned {
    pub(super) task: ResourceKey,
    /// Where its share stands in the plan
    pub(super) place: usize,
    /// Where its own moves stand among what the plan writes, and how many writes come before all moves
    pub(super) moves: Moves,
    /// Everything of it, changes included
    pub(super) graph: Graph,
    /// Where it stood before the change; nothing of one that is new
    pub(super) stood: Option<Position>,
    /// The resource whose change concerns it
    pub(super) cause: ResourceKey,
}

/// What a plan writes of the change itself, and of the moves that follow: a move is one referral's alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Moves {
    /// How many writes are the change itself; those behind them are moves
    pub(super) changes: usize,
    /// The places of the referral's own moves
    pub(super) own: Vec<usize>,
}

/// What whoever made a change should know of what followed.
#[derive(Debug, Clone)]
pub(in crate::exchange) struct Consequence {
    /// The resource that was changed
    pub(in crate::exchange) cause: ResourceKey,
    /// What followed
    pub(in crate::exchange) issue: Issue,
}

impl Concerned {
    /// What changes of this referral: what the plan writes, but for the moves of others, and what an earlier one wrote whose
    /// consequences the plan holds.
    pub(super) fn changes<'p>(&self, plan: &'p Plan) -> impl Iterator<Item = &'p Write> {
        let earlier = plan.renewal.as_ref().map(|step| &step.change);
        let changes = &plan.writes[..self.moves.changes];
        let own: Vec<&Write> = self.moves.own.iter().map(|place| &plan.writes[*place]).collect();
        earlier.into_iter().chain(changes).chain(own)
    }

    /// Takes in what changes of it, and reads where it stood before.
    pub(super) fn take_in_changes(&mut self, plan: &Plan) {
        let position = |node| task::position(node).unwrap_or(Position::DRAFT);
        let replaced = self.changes(plan).find(|write| write.key == self.task).map(|write| write.replaces.as_ref());
        self.stood = match replaced {
            Some(replaced) => replaced.map(|document| position(document.root())),
            None => self.graph.resolve(&self.task.to_string()).map(|task| position(task.node())),
        };
        let changed: Vec<Resource> = self
            .changes(plan)
            .map(|Write { key, version, document, author, .. }| {
                Resource::new(key.to_string(), *version, document.clone()).sent_by(author.as_deref())
            })
            .collect();
        for resource in changed {
            self.graph.insert(resource);
        }
    }

    /// The Task.
    pub(super) fn task(&self) -> Result<&Resource> {
        self.graph.resolve(&self.task.to_string()).ok_or_else(|| Error::fault("a referral without its Task"))
    }

    /// What the referral discloses with the change, and the Consents that are at hand.
    pub(super) fn disclosed(&self, plan: &mut Plan) -> Result<Graph> {
        let shared: HashSet<String> =
            self.share(plan)?.after.resources.iter().map(|given| given.resource.to_string()).collect();
        let mut graph = Graph::default();
        for resource in self.graph.resources() {
            if resource.kind() == "Consent" || shared.contains(&resource.url) {
                graph.insert(resource.clone());
            }
        }
        Ok(graph)
    }

    /// Its share in the plan.
    pub(super) fn share<'p>(&self, plan: &'p mut Plan) -> Result<&'p mut Share> {
        let share = plan.shares.get_mut(self.place).filter(|share| share.task == self.task);
        share.ok_or_else(|| Error::fault("a referral that is concerned has no share"))
    }

    /// Id of the organization that owns it, before the change and after it; none where it is another, or new.
    pub(super) fn lasting_owner(&self, plan: &Plan) -> Option<String> {
        let share = plan.shares.get(self.place)?;
        let owner = |sharing: &Sharing| owner_among(&sharing.parties).map(str::to_owned);
        owner(&share.before).filter(|before| owner(&share.after).as_ref() == Some(before))
    }

    /// Ids of the organizations that asked before the change and still do, and are neither the sender's nor the caller's:
    /// those for whom somebody else acts.
    pub(super) fn named_requesters(&self, plan: &mut Plan, caller: &Caller) -> Result<Vec<String>> {
        let sender = self.task()?.author.clone();
        let share = self.share(plan)?;
        let lasting = share.after.parties.iter().filter(|with| share.before.parties.contains(with));
        let requesters = lasting.filter(|with| with.party == Party::Requester).map(|with| &with.organization);
        let is_named = |id: &&String| Some(id.as_str()) != sender.as_deref() && **id != caller.organization;
        Ok(requesters.filter(is_named).cloned().collect())
    }

    /// Ends the part that an organization takes.
    pub(super) fn end_part(&self, plan: &mut Plan, organization: &str, party: Party, end: PartEnd) -> Result<()> {
        let share = self.share(plan)?;
        share.after.parties.retain(|with| with.party != party || with.organization != organization);
        share.end = end;
        Ok(())
    }

    /// Moves it: writes the Task where the step leads, unless it stands there.
    pub(super) fn move_to(
        &mut self,
        plan: &mut Plan,
        step: TransitionResult,
        status_reason: &StatusReason,
        at: Timestamp,
    ) -> Result<()> {
        let resource = self.task()?.clone();
        let node = resource.node();
        let version = resource.version + 1;
        let mut edits = Edits::new(node);
        task_edits::set_position_and_reason(&mut edits, node, step.to, status_reason, at);
        edits.stamp(&self.task.id, version, at);
        let document = Arc::new(Document::parse(edits.finish())?);
        let author = resource.author.as_deref().map(str::to_owned);
        self.graph.insert(
            Resource::new(self.task.to_string(), version, document.clone()).sent_by(resource.author.as_deref()),
        );
        let replaces = Some(resource.document().clone());
        self.moves.own.push(plan.writes.len());
        plan.writes.push(Write {
            key: self.task.clone(),
            version,
            document,
            updated: at,
            author,
            public: false,
            replaces,
        });
        Ok(())
    }
}
