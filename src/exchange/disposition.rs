//! What becomes of each resource of a message. For a referral's Task that is the whole question: it is routed, consent
//! is asked, and it goes to an agency, stays open, or is refused; or it moves, if it was there before.

use jiff::Timestamp;
use serde_json::Value;

use crate::error::Result;
use crate::fhir::edit::Edits;
use crate::fhir::{Node, ResourceKey};
use crate::referral::plan::{AuditEntry, FeedEntry, Plan, Share, SharedWith};
use crate::referral::reason::Reason;
use crate::referral::state::{Event, Position, State, TaskStatus};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Party, Referral, is_referral_task};
use crate::routing::{self, Decision};
use crate::security::Caller;
use crate::security::consent::ConsentDecision;

use super::status::{self, TaskChange};
use super::write_target::WriteTarget;
use super::{Exchange, disclosure};

/// What becomes of one resource.
#[derive(Debug)]
pub(super) enum Disposition {
    /// It is kept as it came: no Task, a draft, or a Task that is no referral
    Kept,
    /// The referral goes to an agency
    Delivered {
        /// To whom, and why
        decision: Decision,
        /// What its record leaves out, in numbers
        fidelity: String,
        /// Who owned it before and no longer does
        former: Option<String>,
        /// The referral as it was, if it was there before
        before: Option<TaskChange>,
    },
    /// Consent forbids the disclosure; nothing leaves
    Forbidden {
        /// In words
        reason: String,
        /// The referral as it was, if it was there before
        before: Option<TaskChange>,
    },
    /// No program fits; it stays open
    Waiting {
        /// Why none does
        decision: Decision,
        /// The referral as it was, if it was there before
        before: Option<TaskChange>,
    },
    /// A referral that was there before moves, or changes its content
    Changed(TaskChange),
}

const SENT: Position = Position { status: TaskStatus::Requested, state: State::Sent };
const FORBIDDEN: Position = Position { status: TaskStatus::Rejected, state: State::NotPermitted };

impl Exchange {
    /// Decides what becomes of the resource at `target`.
    ///
    /// # Errors
    /// If a referral is not whole, its owner is not served here, or the move is not allowed.
    pub(super) async fn decide_disposition(
        &self,
        caller: &Caller,
        graph: &Graph,
        target: &WriteTarget,
        at: Timestamp,
    ) -> Result<Disposition> {
        let Some(key) = target.key().filter(|key| key.kind == "Task") else { return Ok(Disposition::Kept) };
        let Some(task) = graph.resolve(&key.to_string()).filter(|task| is_referral_task(task.node())) else {
            return Ok(Disposition::Kept);
        };
        match target {
            WriteTarget::Next(stored) => {
                let change = self.task_change_of(caller, stored, task.node()).await?;
                if change.resend {
                    self.send(caller, graph, key, Some(change), at).await
                } else {
                    Ok(Disposition::Changed(change))
                }
            }
            _ => match status::initial_status(task.node())? {
                TaskStatus::Draft => Ok(Disposition::Kept),
                _ => self.send(caller, graph, key, None, at).await,
            },
        }
    }

    /// A referral is sent: where to, and may it be?
    async fn send(
        &self,
        caller: &Caller,
        graph: &Graph,
        key: &ResourceKey,
        before: Option<TaskChange>,
        at: Timestamp,
    ) -> Result<Disposition> {
        let Some(task) = graph.resolve(&key.to_string()) else { return Ok(Disposition::Kept) };
        let referral = Referral::read(graph, task)?;
        let decision = routing::decide(self.directory().await?.as_ref(), &referral, at)?;
        let Some(owner) = &decision.owner else { return Ok(Disposition::Waiting { decision, before }) };
        match self.ask_consent(caller, &referral, owner, at).await? {
            ConsentDecision::Refused { reason, .. } => Ok(Disposition::Forbidden { reason, before }),
            ConsentDecision::Permitted { .. } => {
                let program = self.programs.get(&decision.program_type);
                let fidelity = program.map.get(&referral, &Value::Null).fidelity.to_string();
                let former = before.as_ref().and_then(|before| before.owner.clone());
                let former = former.filter(|former| Some(former) != decision.owner.as_ref());
                Ok(Disposition::Delivered { decision, fidelity, former, before })
            }
        }
    }
}

impl Disposition {
    /// Writes into the Task what becomes of it.
    pub(super) fn apply_to_task<'t>(&self, edits: &mut Edits<'t>, task: Node<'t>, at: Timestamp) {
        match self {
            Self::Kept => {}
            Self::Delivered { decision, .. } => {
                task_edits::set_position(edits, task, SENT, at);
                if let Some(owner) = &decision.owner {
                    task_edits::assign(edits, task, owner, decision.program.as_deref(), &decision.program_type);
                }
            }
            Self::Forbidden { reason, .. } => {
                task_edits::set_position_and_reason(
                    edits,
                    task,
                    FORBIDDEN,
                    &StatusReason::new(Reason::ConsentDenied, reason.as_str()),
                    at,
                );
            }
            Self::Waiting { decision, .. } => {
                task_edits::set_position_and_reason(
                    edits,
                    task,
                    SENT,
                    &StatusReason::new(Reason::NoRoute, Reason::NoRoute.text()),
                    at,
                );
                task_edits::note(edits, task, None, &decision.to_string(), at);
            }
            Self::Changed(change) => task_edits::set_position(edits, task, change.to, at),
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
        let before = self.before().map(|change| change.parties.clone()).unwrap_or_default();
        let parties = self.parties(caller, graph, key);
        if !matches!(self, Self::Kept) || graph.resolve(&key.to_string()).is_some_and(|task| is_referral(task.node())) {
            let mut resources = disclosure::disclosed(graph, key);
            resources.extend(self.routed_to().into_iter().filter(|to| !resources.contains(to)).collect::<Vec<_>>());
            plan.shares.push(Share { task: key.clone(), before, parties, resources });
        }
        let owed = match self {
            Self::Delivered { decision, .. } => decision.owner.clone(),
            Self::Changed(change) => change.owner.clone(),
            _ => None,
        };
        // Who loses the referral to another owner is owed that news.
        let former = if let Self::Delivered { former, .. } = self { former.clone() } else { None };
        let owed = owed.into_iter().chain(former);
        plan.feed.extend(owed.map(|organization| FeedEntry { organization, task: key.clone() }));
        plan.audit.push(audit(caller, self.action(), Some(key), self.detail(), at));
    }

    /// The referral as it was, if it was there before.
    fn before(&self) -> Option<&TaskChange> {
        match self {
            Self::Kept => None,
            Self::Delivered { before, .. } | Self::Forbidden { before, .. } | Self::Waiting { before, .. } => {
                before.as_ref()
            }
            Self::Changed(change) => Some(change),
        }
    }

    /// Who takes part from now on: whoever asks, and who owns it. Where it only changed, that stays.
    fn parties(&self, caller: &Caller, graph: &Graph, key: &ResourceKey) -> Vec<SharedWith> {
        if let Self::Changed(change) = self {
            return change.parties.clone();
        }
        let author = self.before().and_then(|before| before.author.clone());
        let requesters = requesters(graph, key, caller).into_iter().chain(author);
        let mut parties: Vec<SharedWith> =
            requesters.map(|organization| SharedWith::new(organization, Party::Requester)).collect();
        if let Self::Delivered { decision: Decision { owner: Some(owner), .. }, .. } = self {
            parties.push(SharedWith::new(owner.as_str(), Party::Owner));
        }
        parties
    }

    /// The organization and the program that the referral was routed to: the record tells them by name.
    fn routed_to(&self) -> Vec<ResourceKey> {
        let Self::Delivered { decision, .. } = self else { return Vec::new() };
        let owner = decision.owner.iter().map(|id| ResourceKey::new("Organization", id));
        owner.chain(decision.program.iter().map(|id| ResourceKey::new("HealthcareService", id))).collect()
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Kept => "stored",
            Self::Delivered { .. } => "delivered",
            Self::Forbidden { .. } => "forbidden",
            Self::Waiting { .. } => "unrouted",
            Self::Changed(_) => "moved",
        }
    }

    /// Codes and ids of organizations and programs; never anything of a person.
    fn detail(&self) -> String {
        match self {
            Self::Kept => String::new(),
            Self::Delivered { decision, fidelity, .. } => format!("{}; {fidelity}", decision.trail()),
            Self::Waiting { decision, .. } => decision.trail(),
            Self::Forbidden { .. } => Reason::ConsentDenied.code().to_owned(),
            Self::Changed(change) => change.event.map_or("updated", Event::code).to_owned(),
        }
    }
}

fn is_referral(node: Node<'_>) -> bool {
    node.get("resourceType").is_some_and(|kind| kind.is_str("Task")) && is_referral_task(node)
}

/// The organizations on whose behalf a referral is sent: the sender's, and the one that the Task names as requester.
fn requesters(graph: &Graph, key: &ResourceKey, caller: &Caller) -> Vec<String> {
    let named = graph
        .resolve(&key.to_string())
        .and_then(|task| task.node().get("requester")?.str("reference"))
        .and_then(|reference| disclosure::organization_behind(graph, &reference));
    [caller.organization.clone()].into_iter().chain(named.map(|key| key.id)).collect()
}

/// An audit entry of this caller's request.
pub(super) fn audit(
    caller: &Caller,
    action: &'static str,
    subject: Option<&ResourceKey>,
    detail: String,
    at: Timestamp,
) -> AuditEntry {
    AuditEntry {
        at,
        action,
        client: caller.client.clone(),
        organization: caller.organization.clone(),
        request: caller.request.clone(),
        subject: subject.cloned(),
        detail,
    }
}
