//! What may no longer be shared, because a consent is given or taken back or has run out: the referral ends, and its owner
//! takes part in it no longer. Asked whenever something newer would reach the owner, wherever the referral stands.

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::{Issue, Key, Node, Reference, ResourceKey};
use crate::referral::consent_rule::{ConsentSays, rules_of};
use crate::referral::plan::{Permission, Plan, Write};
use crate::referral::reason::Reason;
use crate::referral::state::{self, Actor, Event, Position};
use crate::referral::task_edits::StatusReason;
use crate::referral::{Party, Referral};
use crate::security::Caller;
use crate::store::Resources;

use super::concerned::Concerned;
use crate::exchange::audit::{audit, consent_asked};
use crate::exchange::consent::{ConsentAnswer, ConsentCheck};
use crate::exchange::timeline::leading_to;

/// The Tasks of the person whom a Consent is about that is written, and of the one whom it was about, as far as it may matter to
/// them: what rests on another Consent goes on resting on it, unless this one refuses. `change` is all that is written: no Task that
/// is stored is about a person whom it brings.
pub(super) async fn concerned(
    store: &dyn Resources,
    change: &[Write],
    write: &Write,
    base: Option<&str>,
) -> Result<Vec<ResourceKey>> {
    let mut tasks = Vec::new();
    if write.key.kind != "Consent" {
        return Ok(tasks);
    }
    let refuses = rules_of(write.document.root()).iter().any(|rule| rule.says == ConsentSays::Refuses);
    let person = |consent: Node<'_>| {
        let reference = consent.get("patient").and_then(|patient| patient.str("reference"))?;
        Reference::parse(&reference)?.local(base)
    };
    let now = person(write.document.root());
    let before =
        write.replaces.as_ref().and_then(|document| person(document.root())).filter(|it| Some(it) != now.as_ref());
    let is_new = |person: &ResourceKey| change.iter().any(|other| other.version == 1 && other.key == *person);
    for person in now.into_iter().chain(before).filter(|person| !is_new(person)) {
        tasks.extend(store.resting_on(&person, &write.key, refuses).await?);
    }
    Ok(tasks)
}

/// Ends the parts of those who see what is new of the referral, and whom consent forbids it. Says so to whoever changed it.
pub(super) async fn apply(
    check: &ConsentCheck,
    caller: &Caller,
    plan: &mut Plan,
    concerned: &mut Concerned,
    at: Timestamp,
) -> Result<Vec<Issue>> {
    let mut told = Vec::new();
    for requester in concerned.named_requesters(plan, caller)? {
        let disclosed = concerned.disclosed(plan)?;
        let Ok(referral) = Referral::read(&disclosed, concerned.task()?) else { continue };
        if let ConsentAnswer::Permitted(_) = check.ask(&referral, &requester, at).await? {
            continue;
        }
        let end = concerned.stood.unwrap_or(Position::DRAFT).end_of_part();
        concerned.end_part(plan, &requester, Party::Requester, end)?;
        plan.audit.push(consent_asked(caller, &concerned.task, &requester, false, at));
        told.push(ended(&requester, &concerned.task));
    }
    told.extend(end_referral(check, caller, plan, concerned, at).await?);
    Ok(told)
}

/// What whoever made the change is told of a part that has ended.
fn ended(organization: &str, task: &ResourceKey) -> Issue {
    let text =
        format!("consent does not permit that Organization/{organization} sees {task} any longer; its part has ended");
    Issue::warning(Key::PartEnded, "", text)
}

/// Ends the referral, where consent forbids that its owner sees what is new of it.
async fn end_referral(
    check: &ConsentCheck,
    caller: &Caller,
    plan: &mut Plan,
    concerned: &mut Concerned,
    at: Timestamp,
) -> Result<Option<Issue>> {
    // To whom it goes anew was asked when that was decided; and what an owner writes is no news to it.
    let Some(owner) = concerned.lasting_owner(plan).filter(|owner| *owner != caller.organization) else {
        return Ok(None);
    };
    let disclosed = concerned.disclosed(plan)?;
    let refusal = match Referral::read(&disclosed, concerned.task()?) {
        Ok(referral) => match check.ask(&referral, &owner, at).await? {
            ConsentAnswer::Refused(reason) => reason,
            ConsentAnswer::Permitted(rests_on) => {
                plan.permissions.push(Permission { task: concerned.task.clone(), rests_on });
                plan.audit.push(consent_asked(caller, &concerned.task, &owner, true, at));
                return Ok(None);
            }
        },
        // Of whom nobody can tell whether they agree, they do not.
        Err(_) => "whether consent permits it cannot be told: the referral is not whole".to_owned(),
    };
    let position = crate::referral::task::position(concerned.task()?.node()).unwrap_or(Position::DRAFT);
    let status_reason = StatusReason::new(Reason::ConsentDenied, refusal);
    if let Ok(step) = state::step(position, Event::Forbid, Actor::Gateway, status_reason.reason, true)
        && step.to != position
    {
        concerned.move_to(plan, step, &status_reason, at)?;
    }
    let end = concerned.stood.unwrap_or(Position::DRAFT).end_of_part();
    concerned.end_part(plan, &owner, Party::Owner, end)?;
    let task = &concerned.task;
    plan.audit.push(consent_asked(caller, task, &owner, false, at));
    let to = crate::referral::task::position(concerned.task()?.node()).unwrap_or(position).state;
    let detail = leading_to(Reason::ConsentDenied.code(), to, Some(Reason::ConsentDenied));
    plan.audit.push(audit(caller, "forbidden", Some(task), detail, at));
    Ok(Some(ended(&owner, task)))
}
