//! What becomes of each resource of a message. For a referral's Task that is the whole question: it is routed, consent
//! is asked, and it goes to an agency, stays open, or is refused; or it moves, if it was there before.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::Result;
use crate::fhir::edit::Edits;
use crate::fhir::{Node, ResourceKey};
use crate::referral::Party;
use crate::referral::plan::{Plan, Share, SharedWith};
use crate::referral::reason::Reason;
use crate::referral::state::{Event, Position, State, TaskStatus};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Referral, Resource, is_referral_task};
use crate::routing::{self, Decision};
use crate::security::Caller;
use crate::security::consent::ConsentDecision;

use super::audit::{audit, consent_asked};
use super::consent::ConsentCheck;
use super::directory::CurrentDirectory;
use super::disclosure;
use super::referrals::Referrals;
use super::task_change::{TaskChange, initial_status, task_change_of};
use super::write_target::WriteTarget;

/// What becomes of one resource.
#[derive(Debug)]
pub(super) struct Disposition {
    what: DispositionKind,
    /// Who took part in the referral before
    before: Vec<SharedWith>,
}

#[derive(Debug)]
enum DispositionKind {
    /// It is kept as it came: no Task, a draft, or a Task that is no referral
    Kept,
    /// The referral goes to an agency
    Delivered {
        /// To whom, and why
        decision: Decision,
        /// What its record leaves out, in numbers
        fidelity: String,
    },
    /// Consent forbids the disclosure; nothing leaves
    Forbidden(String),
    /// No program fits; it stays open
    Waiting(Decision),
    /// A referral that was there before moves, or changes its content
    Changed(TaskChange),
}

const SENT: Position = Position { status: TaskStatus::Requested, state: State::Sent };
const FORBIDDEN: Position = Position { status: TaskStatus::Rejected, state: State::NotPermitted };

/// What decides it: where referrals go, and whether they may.
pub(super) struct Router {
    pub(super) directory: Arc<CurrentDirectory>,
    pub(super) consent: Arc<ConsentCheck>,
    pub(super) referrals: Arc<Referrals>,
}

impl Router {
    /// Decides what becomes of the resource at `target`.
    ///
    /// # Errors
    /// If a referral is not whole, its owner is not served here, or the move is not allowed.
    pub(super) async fn decide(
        &self,
        caller: &Caller,
        graph: &Graph,
        target: &WriteTarget,
        at: Timestamp,
    ) -> Result<Disposition> {
        let kept = Disposition { what: DispositionKind::Kept, before: Vec::new() };
        let Some(key) = target.key().filter(|key| key.kind == "Task") else { return Ok(kept) };
        let Some(task) = graph.resolve(&key.to_string()).filter(|task| is_referral_task(task.node())) else {
            return Ok(kept);
        };
        match target {
            WriteTarget::Next(stored) => {
                let change = task_change_of(&self.referrals, caller, stored, task.node()).await?;
                let before = change.shared_with.clone();
                let what = if change.resend {
                    self.send(caller, graph, task, at).await?
                } else {
                    DispositionKind::Changed(change)
                };
                Ok(Disposition { what, before })
            }
            _ => match initial_status(task.node())? {
                TaskStatus::Draft => Ok(kept),
                _ => Ok(Disposition { what: self.send(caller, graph, task, at).await?, before: Vec::new() }),
            },
        }
    }

    /// A referral is sent: where to, and may it be?
    async fn send(&self, caller: &Caller, graph: &Graph, task: &Resource, at: Timestamp) -> Result<DispositionKind> {
        let referral = Referral::read(graph, task)?;
        let decision = routing::decide(self.directory.get().await?.as_ref(), &referral, at)?;
        let Some(owner) = &decision.owner else { return Ok(DispositionKind::Waiting(decision)) };
        match self.consent.ask(caller, &referral, owner, at).await? {
            ConsentDecision::Refused { reason, .. } => Ok(DispositionKind::Forbidden(reason)),
            ConsentDecision::Permitted { .. } => {
                let program = self.referrals.programs.get(&decision.program_type);
                let fidelity = program.map.get(&referral, &Value::Null).fidelity.to_string();
                Ok(DispositionKind::Delivered { decision, fidelity })
            }
        }
    }
}

impl Disposition {
    /// Writes into the Task what becomes of it.
    pub(super) fn apply_to_task<'t>(&self, edits: &mut Edits<'t>, task: Node<'t>, at: Timestamp) {
        match &self.what {
            DispositionKind::Kept => {}
            DispositionKind::Delivered { decision, .. } => {
                task_edits::set_position(edits, task, SENT, at);
                if let Some(owner) = &decision.owner {
                    task_edits::assign(edits, task, owner, decision.program.as_deref(), &decision.program_type);
                }
            }
            DispositionKind::Forbidden(why) => {
                task_edits::set_position_and_reason(
                    edits,
                    task,
                    FORBIDDEN,
                    &StatusReason::new(Reason::ConsentDenied, why.as_str()),
                    at,
                );
            }
            DispositionKind::Waiting(decision) => {
                task_edits::set_position_and_reason(
                    edits,
                    task,
                    SENT,
                    &StatusReason::new(Reason::NoRoute, Reason::NoRoute.text()),
                    at,
                );
                task_edits::note(edits, task, None, &decision.to_string(), at);
            }
            DispositionKind::Changed(change) => task_edits::set_position(edits, task, change.to, at),
        }
    }

    /// Adds to the plan who sees the referral now, what is owed to whom, and what is remembered.
    pub(super) fn add_to_plan(
        &self,
        plan: &mut Plan,
        caller: &Caller,
        graph: &Graph,
        key: &ResourceKey,
        at: Timestamp,
    ) {
        let mut parties = self.before.clone();
        if !matches!(self.what, DispositionKind::Changed(_)) {
            parties.retain(|with| with.party != Party::Owner);
        }
        if parties.is_empty() {
            parties = requesters(graph, key, caller);
        }
        if let DispositionKind::Delivered { decision, .. } = &self.what {
            let owner = decision.owner.clone();
            parties.extend(owner.map(|organization| SharedWith { organization, party: Party::Owner }));
        }
        parties.sort();
        parties.dedup();
        if !matches!(self.what, DispositionKind::Kept)
            || graph.resolve(&key.to_string()).is_some_and(|task| is_referral(task.node()))
        {
            let mut resources = disclosure::disclosed(graph, key);
            resources.extend(self.routed_to().into_iter().filter(|to| !resources.contains(to)).collect::<Vec<_>>());
            plan.shares.push(Share { task: key.clone(), before: self.before.clone(), parties, resources });
        }
        let asked = match &self.what {
            DispositionKind::Delivered { decision, .. } => decision.owner.as_deref().map(|owner| (owner, true)),
            DispositionKind::Forbidden(_) => Some(("", false)),
            _ => None,
        };
        plan.audit.extend(asked.map(|(owner, permitted)| consent_asked(caller, key, owner, permitted, at)));
        plan.audit.push(audit(caller, self.action(), Some(key), self.detail(), at));
    }

    /// The organization and the program that the referral was routed to: the record tells them by name.
    fn routed_to(&self) -> Vec<ResourceKey> {
        let DispositionKind::Delivered { decision, .. } = &self.what else { return Vec::new() };
        let owner = decision.owner.iter().map(|id| ResourceKey::new("Organization", id));
        owner.chain(decision.program.iter().map(|id| ResourceKey::new("HealthcareService", id))).collect()
    }

    fn action(&self) -> &'static str {
        match &self.what {
            DispositionKind::Kept => "stored",
            DispositionKind::Delivered { .. } => "delivered",
            DispositionKind::Forbidden(_) => "forbidden",
            DispositionKind::Waiting(_) => "unrouted",
            DispositionKind::Changed(_) => "moved",
        }
    }

    /// Codes and ids of organizations and programs; never anything of a person.
    fn detail(&self) -> String {
        match &self.what {
            DispositionKind::Kept => String::new(),
            DispositionKind::Delivered { decision, fidelity, .. } => format!("{}; {fidelity}", decision.trail()),
            DispositionKind::Waiting(decision) => decision.trail(),
            DispositionKind::Forbidden(_) => Reason::ConsentDenied.code().to_owned(),
            DispositionKind::Changed(change) => change.event.map_or("updated", Event::code).to_owned(),
        }
    }
}

fn is_referral(node: Node<'_>) -> bool {
    node.get("resourceType").is_some_and(|kind| kind.is_str("Task")) && is_referral_task(node)
}

/// The organizations on whose behalf a referral is sent: the sender's, and the one that the Task names as requester.
fn requesters(graph: &Graph, key: &ResourceKey, caller: &Caller) -> Vec<SharedWith> {
    let named = graph
        .resolve(&key.to_string())
        .and_then(|task| task.node().get("requester")?.str("reference"))
        .and_then(|reference| disclosure::organization_behind(graph, &reference));
    let organizations = [caller.organization.clone()].into_iter().chain(named.map(|key| key.id));
    organizations.map(|organization| SharedWith { organization, party: Party::Requester }).collect()
}
