//! Which change is brought later to the referrals that share what it changes, because they are very many: the change is stored
//! with the work that it leaves, and the work is done in groups of them (`renewal`).
//!
//! What has to hold at once is no such change: one by which Tasks move, a Consent, and whatever may withhold more. And what the changed
//! resource led to and does not any more is not seen through any of the referrals from the change on, until that referral is decided.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::fhir::{Issue, Key, Node, ResourceKey};
use crate::mapping::ProgramTypes;
use crate::referral::Scope;
use crate::referral::plan::{DeferredChange, Write};
use crate::security::Caller;
use crate::store::Resources;

use super::request_status;
use super::sharing::{MAX_SHARED, followed};

/// How many referrals are dealt with in one commit.
pub(in crate::exchange) const MAX_TASKS_AT_ONCE: usize = 100;

/// What decides it.
pub(super) struct Deferral<'d> {
    pub(super) store: &'d dyn Resources,
    pub(super) programs: &'d ProgramTypes,
    /// The URL under which FHIR is served, so that absolute references to it are known as local
    pub(super) base: Option<&'d str>,
    pub(super) caller: &'d Caller,
    /// More referrals than these are brought a change later
    pub(super) tasks_at_once: usize,
}

impl Deferral<'_> {
    /// The change, if it is brought later to the referrals that share it.
    pub(super) async fn of(&self, write: &Write) -> Result<Option<DeferredChange>> {
        let Some(replaced) = write.replaces.as_ref().filter(|_| write.version > 1 && !write.public) else {
            return Ok(None);
        };
        let (before, after) = (replaced.root(), write.document.root());
        if matches!(&*write.key.kind, "Task" | "Consent")
            || request_status::says_another_thing(before, after)
            || self.programs.iter().any(|program| program.map.may_withhold_more(before, after))
            || !self.store.is_shared_widely(&write.key, self.tasks_at_once).await?
        {
            return Ok(None);
        }
        Ok(Some(DeferredChange {
            resource: write.key.clone(),
            withdrawn: self.withdrawn(&write.key, before, after).await?,
            client: self.caller.client.clone(),
            request: self.caller.request.clone(),
        }))
    }

    /// What whoever made the change is told of it.
    pub(super) fn told(&self, resource: &ResourceKey) -> Issue {
        let text = format!(
            "more than {} referrals share {resource}; the change is stored, and those who see it through them are shown it when all of \
             them have been dealt with",
            self.tasks_at_once
        );
        Issue::information(Key::ChangeFollows, "", text)
    }

    /// What the resource led to, and does not any more.
    async fn withdrawn(&self, changed: &ResourceKey, before: Node<'_>, after: Node<'_>) -> Result<Vec<ResourceKey>> {
        let now = followed(after, self.base);
        let gone: BTreeSet<ResourceKey> =
            followed(before, self.base).into_iter().filter(|to| !now.contains(to) && to != changed).collect();
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let still = self.reachable(now, changed).await?;
        let gone = self.reachable(gone, changed).await?;
        Ok(gone.difference(&still).cloned().collect())
    }

    /// These, and all that they lead to, but for what leads on from `changed`.
    async fn reachable(&self, from: BTreeSet<ResourceKey>, changed: &ResourceKey) -> Result<BTreeSet<ResourceKey>> {
        let mut found = from.clone();
        let mut next: Vec<ResourceKey> = from.into_iter().collect();
        while !next.is_empty() && found.len() <= MAX_SHARED {
            let stored = self.store.read_each(&Scope::Gateway, &next).await?;
            next.clear();
            for stored in stored.iter().flatten() {
                for to in followed(stored.document.root(), self.base) {
                    if to != *changed && found.insert(to.clone()) {
                        next.push(to);
                    }
                }
            }
        }
        Ok(found)
    }
}
