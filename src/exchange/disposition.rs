//! What becomes of each resource of a message. For a referral's Task that is the whole question: it is routed, consent
//! is asked, and it goes to an agency, stays open, or is refused; or it moves, if it was there before.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::issue::any_error;
use crate::fhir::{Issue, Key, Node, ResourceKey};
use crate::referral::Party;
use crate::referral::modifiers;
use crate::referral::plan::{Extras, Permission, Plan, RestsOn, Share, SharedWith, Sharing};
use crate::referral::reason::Reason;
use crate::referral::state::{Event, Position, State, TaskStatus};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Referral, Resource, is_referral_task};
use crate::routing::{self, Decision};
use crate::security::Caller;

use super::audit::{audit, consent_asked};
use super::consent::{ConsentAnswer, ConsentCheck};
use super::context::owner_among;
use super::directory::CurrentDirectory;
use super::disclosure;
use super::referrals::Referrals;
use super::task_change::{TaskChange, WrittenReason, initial_status, task_change_of};
use super::timeline::{leading_to, through};
use super::write_target::WriteTarget;
use crate::store::Stored;

/// What becomes of one resource.
#[derive(Debug)]
pub(super) struct Disposition {
    what: DispositionKind,
    /// What of the referral was shared with whom before, and where it stood then; nothing of a new one
    before: Option<(Sharing, Position)>,
    /// For whom it is sent, where that is said now
    requesters: Option<Vec<SharedWith>>,
    /// What the sender should know of it
    remarks: Vec<Issue>,
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
        /// On what it rests that its owner sees it
        rests_on: RestsOn,
    },
    /// Consent forbids the disclosure; nothing leaves
    Forbidden(String),
    /// No program fits; it stays open
    Waiting(Decision),
    /// A referral that was there before moves, or changes its content
    Changed(Box<TaskChange>),
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
        let kept = Disposition { what: DispositionKind::Kept, before: None, requesters: None, remarks: Vec::new() };
        let Some(key) = target.key().filter(|key| key.kind == "Task") else { return Ok(kept) };
        let Some(task) = graph.resolve(&key.to_string()) else { return Ok(kept) };
        match target {
            WriteTarget::Next(stored) => {
                keeps_its_kind(stored, task.node())?;
                if !is_referral_task(task.node()) {
                    return Ok(kept);
                }
                let change = task_change_of(&self.referrals, caller, stored, task.node()).await?;
                let before = Some((change.sharing.clone(), change.from));
                let is_first = change.from.status == TaskStatus::Draft;
                if !change.resend {
                    still_stands(graph, task, change.from)?;
                    return Ok(Disposition { what: DispositionKind::Changed(Box::new(change)), before, ..kept });
                }
                let sent = self.send(caller, graph, task, at).await?;
                Ok(Disposition { before, requesters: sent.requesters.filter(|_| is_first), ..sent })
            }
            WriteTarget::New { .. } if is_referral_task(task.node()) => match initial_status(task.node())? {
                // Until it is sent, nobody else gets to see it.
                TaskStatus::Draft => Ok(Disposition { requesters: Some(vec![sender(caller)]), ..kept }),
                _ => self.send(caller, graph, task, at).await,
            },
            _ => Ok(kept),
        }
    }

    /// A referral is sent: where to, and may it be? For whom, and may they see it?
    async fn send(&self, caller: &Caller, graph: &Graph, task: &Resource, at: Timestamp) -> Result<Disposition> {
        let referral = Referral::read(graph, task)?;
        let modified = modifiers::at_sending(&referral);
        if any_error(&modified) {
            return Err(Error::unprocessable(modified));
        }
        let decision = routing::decide(self.directory.get().await?.as_ref(), &referral, at)?;
        let (requesters, remarks) = self.requesters(caller, &referral, at).await?;
        let mut remarks = [modified, remarks].concat();
        let what = match &decision.owner {
            None => DispositionKind::Waiting(decision),
            Some(owner) => match self.consent.ask(&referral, owner, at).await? {
                ConsentAnswer::Refused(reason) => DispositionKind::Forbidden(reason),
                ConsentAnswer::Permitted(rests_on) => {
                    let program = self.referrals.programs.get(&decision.program_type);
                    let fidelity = program.map.get(&referral, &Value::Null).fidelity.to_string();
                    DispositionKind::Delivered { decision, fidelity, rests_on }
                }
            },
        };
        remarks.extend(route_remark(&what, task));
        Ok(Disposition { what, before: None, requesters: Some(requesters), remarks })
    }

    /// The organizations for which a referral is sent: the sender's, and the one that the Task names as its requester,
    /// where the sender acts for it and consent permits that it sees the referral. Any other that is named stays the
    /// sender's words.
    async fn requesters(
        &self,
        caller: &Caller,
        referral: &Referral<'_>,
        at: Timestamp,
    ) -> Result<(Vec<SharedWith>, Vec<Issue>)> {
        let mut requesters = vec![sender(caller)];
        let requester = referral.task.node().get("requester");
        let named = requester
            .and_then(|requester| referral.graph.target(requester))
            .and_then(|named| disclosure::organization_behind(referral.graph, named))
            .filter(|named| named.id != caller.organization);
        let (Some(named), Some(node)) = (named, requester) else { return Ok((requesters, Vec::new())) };
        let remark = |text: String| Issue::warning(Key::NoParty, node.path(), text).at(node.position());
        if !caller.speaks_for(&named.id) {
            let text = format!("{named} is kept as the requester that you name; it takes no part in the referral");
            let own = named_by_sender(referral.graph, &named, caller);
            return Ok((requesters, if own { Vec::new() } else { vec![remark(text)] }));
        }
        match self.consent.ask(referral, &named.id, at).await? {
            ConsentAnswer::Permitted(_) => requesters.push(SharedWith::new(named.id, Party::Requester)),
            ConsentAnswer::Refused(reason) => {
                let text =
                    format!("consent does not permit that {named} sees the referral ({reason}); it takes no part");
                return Ok((requesters, vec![remark(text)]));
            }
        }
        Ok((requesters, Vec::new()))
    }
}

/// Why the referral goes where it goes, for whoever sent it; as a warning, where its named owner would not have been chosen.
fn route_remark(what: &DispositionKind, task: &Resource) -> Option<Issue> {
    let (DispositionKind::Delivered { decision, .. } | DispositionKind::Waiting(decision)) = what else { return None };
    let (path, text) = (task.node().path(), decision.to_string());
    Some(if decision.sets_rules_aside() {
        Issue::warning(Key::Routed, path, text)
    } else {
        Issue::information(Key::Routed, path, text)
    })
}

/// The sender's organization, which asks.
fn sender(caller: &Caller) -> SharedWith {
    SharedWith::new(caller.organization.as_str(), Party::Requester)
}

/// Is it an Organization of the sender's own reference data, and so nobody whom the directory knows?
fn named_by_sender(graph: &Graph, organization: &ResourceKey, caller: &Caller) -> bool {
    let resource = graph.resolve(&organization.to_string());
    resource.is_some_and(|it| it.version == 0 || it.author.as_deref() == Some(&*caller.organization))
}

impl Disposition {
    /// Writes into the Task what becomes of it.
    pub(super) fn apply_to_task<'t>(&self, edits: &mut Edits<'t>, task: Node<'t>, at: Timestamp) {
        match &self.what {
            DispositionKind::Kept => {}
            DispositionKind::Delivered { decision, .. } => {
                if self.before.is_some() {
                    // What kept it from going on before is no word for whoever gets it now.
                    task_edits::set_position_and_reason(edits, task, SENT, &StatusReason::default(), at);
                } else {
                    task_edits::set_position(edits, task, SENT, at);
                }
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
            DispositionKind::Changed(change) => {
                match &change.reason {
                    WrittenReason::AsWritten => task_edits::set_position(edits, task, change.to, at),
                    WrittenReason::Given(reason) => {
                        task_edits::set_position(edits, task, change.to, at);
                        task_edits::complete_reason(edits, task, *reason);
                    }
                    WrittenReason::Replaced(status_reason) => {
                        task_edits::set_position_and_reason(edits, task, change.to, status_reason, at);
                    }
                }
                task_edits::keep_routed(edits, task, change.program.as_deref(), change.program_type.as_deref());
            }
        }
    }

    /// Adds to the plan who takes part in the referral now, and what is remembered. What they get to see of it, and what
    /// is owed to whom, then follows.
    pub(super) fn add_to_plan(
        &self,
        plan: &mut Plan,
        caller: &Caller,
        graph: &Graph,
        key: &ResourceKey,
        at: Timestamp,
    ) {
        let (before, stood) = self.before.clone().unwrap_or((Sharing::default(), Position::DRAFT));
        let mut parties = before.parties.clone();
        if !matches!(self.what, DispositionKind::Changed(_)) {
            parties.retain(|with| with.party != Party::Owner);
        }
        if let Some(requesters) = &self.requesters {
            parties.retain(|with| with.party != Party::Requester);
            parties.extend(requesters.iter().cloned());
        }
        if let DispositionKind::Delivered { decision, rests_on, .. } = &self.what {
            plan.permissions.push(Permission { task: key.clone(), rests_on: rests_on.clone() });
            let owner = decision.owner.clone();
            parties.extend(owner.map(|organization| SharedWith { organization, party: Party::Owner }));
        }
        parties.sort();
        parties.dedup();
        if !matches!(self.what, DispositionKind::Kept)
            || graph.resolve(&key.to_string()).is_some_and(|task| is_referral(task.node()))
        {
            // What an agency kept beside the referral is its own, and nothing that the next one gets.
            let owner = owner_among(&before.parties);
            if owner.is_some_and(|owner| owner_among(&parties) != Some(owner)) {
                plan.extras.push(Extras { task: key.clone(), value: Value::Null });
            }
            let after = Sharing { parties, resources: before.resources.clone() };
            let (end, withheld) = (stood.end_of_part(), Vec::new());
            plan.shares.push(Share { task: key.clone(), before, after, end, withheld });
        }
        let asked = match &self.what {
            DispositionKind::Delivered { decision, .. } => decision.owner.as_deref().map(|owner| (owner, true)),
            DispositionKind::Forbidden(_) => Some(("", false)),
            _ => None,
        };
        plan.audit.extend(asked.map(|(owner, permitted)| consent_asked(caller, key, owner, permitted, at)));
        plan.audit.push(audit(caller, self.action(), Some(key), through("fhir", &self.told_detail()), at));
    }

    /// The change of a referral that was there before.
    pub(super) fn change(&self) -> Option<&TaskChange> {
        match &self.what {
            DispositionKind::Changed(change) => Some(change),
            _ => None,
        }
    }

    /// What the sender should know of it.
    pub(super) fn remarks(&self) -> &[Issue] {
        &self.remarks
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

    /// The detail, with where it leads.
    fn told_detail(&self) -> String {
        let detail = self.detail();
        match &self.what {
            DispositionKind::Kept => detail,
            DispositionKind::Delivered { .. } => leading_to(&detail, SENT.state, None),
            DispositionKind::Forbidden(_) => leading_to(&detail, FORBIDDEN.state, Some(Reason::ConsentDenied)),
            DispositionKind::Waiting(_) => leading_to(&detail, SENT.state, Some(Reason::NoRoute)),
            DispositionKind::Changed(change) => leading_to(&detail, change.to.state, change.reason.code()),
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

/// What a Task is stays so: a referral is moved by its rules, whatever the new text says of itself.
///
/// # Errors
/// If one would become what it was not.
fn keeps_its_kind(stored: &Stored, after: Node<'_>) -> Result<()> {
    if is_referral_task(stored.document.root()) == is_referral_task(after) {
        return Ok(());
    }
    let text =
        "a referral stays a referral, and a Task for the person stays one: Task.code is fixed in that; send a new Task";
    let place = after.get("code").map_or(after.position(), Node::position);
    let issue = Issue::error(Key::ReadOnly, format!("{}.code", after.path()), text).at(place);
    Err(Error::unprocessable(vec![issue]))
}

/// What a Task contains goes with it; the request and the person of a referral that is sent do not.
///
/// # Errors
/// If one that it references is contained no longer.
fn still_stands(graph: &Graph, task: &Resource, from: Position) -> Result<()> {
    let leads_inside = |name: &str| {
        let reference = task.node().get(name).and_then(|named| named.str("reference"));
        reference.is_some_and(|reference| reference.starts_with('#'))
    };
    let is_asked = from.status != TaskStatus::Draft && (leads_inside("focus") || leads_inside("for"));
    if is_asked { Referral::read(graph, task).map(|_| ()) } else { Ok(()) }
}

fn is_referral(node: Node<'_>) -> bool {
    node.get("resourceType").is_some_and(|kind| kind.is_str("Task")) && is_referral_task(node)
}
