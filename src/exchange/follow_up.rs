//! What a message changes for referrals that were there before: who sees what when a resource that is shared gets other
//! references, and what may no longer be shared when a consent is given or taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::Result;
use crate::fhir::edit::Edits;
use crate::fhir::{Document, Node, ResourceKey};
use crate::referral::plan::{Plan, Share, Write};
use crate::referral::reason::Reason;
use crate::referral::state::{self, Actor, Event};
use crate::referral::task_edits::{self, StatusReason};
use crate::referral::{Graph, Party, Referral, Resource, Scope, task};
use crate::security::consent::{self, ConsentDecision};
use crate::security::{Caller, Recipient};
use crate::store::StoredReferral;

use super::disposition::audit;
use super::write_target::WriteTarget;
use super::{Exchange, disclosure};

impl Exchange {
    /// Adds to the plan what the message means for referrals that are not part of it.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) async fn follow_up(
        &self,
        caller: &Caller,
        plan: &mut Plan,
        context: &Graph,
        targets: &[WriteTarget],
        at: Timestamp,
    ) -> Result<()> {
        let mut concerned = BTreeSet::new();
        for place in targets {
            match place {
                WriteTarget::Next(stored) if stored.key.kind != "Task" => {
                    concerned.extend(self.store.sharing(&stored.key).await?);
                }
                _ => {}
            }
            let consent = place.version().and(place.key()).filter(|key| key.kind == "Consent");
            if let Some(person) = consent.and_then(|key| person_of(context, key)) {
                concerned.extend(self.store.sharing(&person).await?);
            }
        }
        concerned.retain(|task| plan.write_of(task).is_none());
        for task in concerned {
            let Some(mut stored) = self.store.referral(&Scope::Gateway, &task, false).await? else { continue };
            for resource in context.resources() {
                stored.graph.insert(resource.clone());
            }
            self.share_again(caller, plan, &stored, &task, at).await?;
        }
        Ok(())
    }

    /// Shares a referral anew, or, if consent forbids it now, ends it and shares it with its requesters alone.
    async fn share_again(
        &self,
        caller: &Caller,
        plan: &mut Plan,
        stored: &StoredReferral,
        key: &ResourceKey,
        at: Timestamp,
    ) -> Result<()> {
        let Some(node) = stored.graph.resolve(&key.to_string()) else { return Ok(()) };
        let before = stored.current();
        let mut parties = before.clone();
        let owner = parties.iter().find(|with| with.party == Party::Owner).map(|with| with.organization.clone());
        if let Some(owner) = owner
            && let Ok(referral) = Referral::read(&stored.graph, node)
            && !referral.position().status.is_terminal()
            && let ConsentDecision::Refused { reason, .. } = self.ask_consent(caller, &referral, &owner, at).await?
        {
            let status_reason = StatusReason::new(Reason::ConsentDenied, reason);
            if let Ok(step) =
                state::step(referral.position(), Event::Forbid, Actor::Gateway, status_reason.reason, true)
            {
                parties.retain(|with| with.party != Party::Owner);
                plan.writes.push(task_write(node, key, step.to, &status_reason, stored.author.clone(), at)?);
                plan.audit.push(audit(caller, "forbidden", Some(key), Reason::ConsentDenied.code().to_owned(), at));
                plan.feed.push(crate::referral::plan::FeedEntry { organization: owner, task: key.clone() });
            }
        }
        let resources = disclosure::disclosed(&stored.graph, key);
        plan.shares.push(Share { task: key.clone(), before, parties, resources });
        Ok(())
    }

    /// Does consent permit that `owner` sees this referral?
    pub(super) async fn ask_consent(
        &self,
        caller: &Caller,
        referral: &Referral<'_>,
        owner: &str,
        at: Timestamp,
    ) -> Result<ConsentDecision> {
        let consents = self.consents(caller, referral).await?;
        let nodes: Vec<Node<'_>> = consents.iter().map(Resource::node).collect();
        let directory = self.directory().await?;
        let recipient = directory.organization(owner).map_or_else(|| Recipient::from(owner), Recipient::from);
        Ok(consent::permits(referral, &nodes, recipient, self.settings.consent, at))
    }

    /// The consents that speak about the referral's person: those at hand, and those that the sender stored before.
    async fn consents(&self, caller: &Caller, referral: &Referral<'_>) -> Result<Vec<Resource>> {
        let mut consents: Vec<Resource> = referral.consents().into_iter().cloned().collect();
        if let Some(person) = referral.person.key().filter(|_| referral.person.version > 0) {
            let parameters = [("patient".to_owned(), person.to_string())];
            for stored in self.search(caller, "Consent", &parameters).await?.matches {
                let url = stored.key.to_string();
                if !consents.iter().any(|consent| consent.url == url) {
                    consents.push(Resource::new(url, stored.version, stored.document));
                }
            }
        }
        Ok(consents)
    }
}

/// The person that a Consent is about.
fn person_of(graph: &Graph, consent: &ResourceKey) -> Option<ResourceKey> {
    graph.follow(graph.resolve(&consent.to_string())?.node(), "patient")?.key()
}

fn task_write(
    resource: &Resource,
    key: &ResourceKey,
    to: state::Position,
    status_reason: &StatusReason,
    author: Option<String>,
    at: Timestamp,
) -> Result<Write> {
    let node = resource.node();
    debug_assert!(task::position(node).is_some());
    let version = resource.version + 1;
    let mut edits = Edits::new(node);
    task_edits::set_position_and_reason(&mut edits, node, to, status_reason, at);
    edits.stamp(&key.id, version, at);
    let document = Arc::new(Document::parse(edits.finish())?);
    Ok(Write { key: key.clone(), version, document, updated: at, author, public: false })
}
