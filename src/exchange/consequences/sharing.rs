//! What a referral discloses: what its Task references, and what that references in turn, as far as whoever put a reference
//! there may share what it names.
//!
//! A reference gives no right. What is shared already stays shared while anything of the referral leads to it. Anything
//! else is shared when whoever changes the referral adds a reference to it and may share it; and what such a resource
//! references itself, where its own sender may share that, too. A reference that is there, and led nowhere for whoever
//! wrote it, leads nowhere for those who write later, whatever they see.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::error::{Error, Result};
use crate::fhir::{Issue, Key, Node, Reference, ResourceKey};
use crate::referral::plan::{GivenResource, Plan, Write};
use crate::referral::{Graph, Resource};
use crate::security::Caller;
use crate::store::Resources;

use super::concerned::Concerned;
use crate::exchange::directory::CurrentDirectory;
use crate::exchange::disclosure::may_follow;
use crate::exchange::message::references;

/// How many resources one referral discloses.
pub(super) const MAX_SHARED: usize = 1000;

/// The Tasks through which a resource is shared that gets a new version. What is public is shown by no Task.
pub(super) async fn concerned(store: &dyn Resources, write: &Write) -> Result<Vec<ResourceKey>> {
    match (write.version, &*write.key.kind) {
        (1, _) => Ok(Vec::new()),
        _ if write.public => Ok(Vec::new()),
        (_, "Task") => Ok(vec![write.key.clone()]),
        _ => store.sharing(&write.key).await,
    }
}

/// What decides what a change adds to a referral.
pub(super) struct Giving<'g> {
    pub(super) store: &'g dyn Resources,
    pub(super) directory: &'g CurrentDirectory,
    /// The URL under which FHIR is served, so that absolute references to it are known as local
    pub(super) base: Option<&'g str>,
    pub(super) caller: &'g Caller,
}

/// Shares the referral as it is with the change.
///
/// # Errors
/// If it would disclose more than a referral may.
pub(super) async fn apply(giving: &Giving<'_>, plan: &mut Plan, referral: &Concerned) -> Result<()> {
    let before: BTreeMap<ResourceKey, String> = {
        let share = referral.share(plan)?;
        share.before.resources.iter().map(|given| (given.resource.clone(), given.giver.clone())).collect()
    };
    let resources = Walk::new(giving, plan, referral, &before).run().await?;
    referral.share(plan)?.after.resources = resources;
    Ok(())
}

/// A way through a referral, from the Task on.
struct Walk<'w> {
    giving: &'w Giving<'w>,
    task: &'w ResourceKey,
    graph: &'w Graph,
    /// What was shared before, and who gave it
    before: &'w BTreeMap<ResourceKey, String>,
    /// What the change writes, with what its first version in the plan replaces
    written: HashMap<&'w ResourceKey, Option<Node<'w>>>,
    waiting: Vec<ResourceKey>,
    given: BTreeMap<ResourceKey, String>,
}

impl<'w> Walk<'w> {
    fn new(
        giving: &'w Giving<'w>,
        plan: &'w Plan,
        referral: &'w Concerned,
        before: &'w BTreeMap<ResourceKey, String>,
    ) -> Self {
        let mut written = HashMap::new();
        for write in referral.changes(plan) {
            written.entry(&write.key).or_insert_with(|| write.replaces.as_ref().map(|document| document.root()));
        }
        let task = referral.task.clone();
        let giver = before.get(&task).cloned().unwrap_or_else(|| giving.caller.organization.clone());
        let given = BTreeMap::from([(task.clone(), giver)]);
        Self { giving, task: &referral.task, graph: &referral.graph, before, written, waiting: vec![task], given }
    }

    async fn run(mut self) -> Result<Vec<GivenResource>> {
        while let Some(key) = self.waiting.pop() {
            let Some(resource) = self.graph.resolve(&key.to_string()) else { continue };
            for to in self.references(resource) {
                if self.given.contains_key(&to) {
                    continue;
                }
                let Some(giver) = self.giver(&key, resource, &to).await? else { continue };
                self.given.insert(to.clone(), giver);
                self.waiting.push(to);
            }
            if self.given.len() > MAX_SHARED {
                let text = format!("a referral discloses at most {MAX_SHARED} resources; this one references more");
                return Err(Error::unprocessable(vec![Issue::error(Key::TooLarge, self.task.to_string(), text)]));
            }
        }
        Ok(self.given.into_iter().map(|(resource, giver)| GivenResource { resource, giver }).collect())
    }

    /// What a resource references here that is of the same matter.
    fn references(&self, resource: &Resource) -> BTreeSet<ResourceKey> {
        followed(resource.node(), self.giving.base)
    }

    /// Who gives what a resource references; nobody where it is not shared.
    async fn giver(&self, from: &ResourceKey, resource: &Resource, to: &ResourceKey) -> Result<Option<String>> {
        if let Some(giver) = self.before.get(to) {
            return Ok(Some(giver.clone()));
        }
        let Giving { base, caller, .. } = self.giving;
        let own = || Some(caller.organization.clone());
        if self.written.get(to).is_some_and(Option::is_none) {
            // It did not exist before: only the change itself can name it.
            return Ok(own());
        }
        if !self.may_share(&caller.organization, to).await? {
            return Ok(None);
        }
        let is_given = match self.written.get(from) {
            Some(None) => true,
            Some(Some(replaced)) if !local_references(*replaced, *base).any(|(.., there)| there == *to) => true,
            // The reference is older than this change; so is that the resource is shared.
            _ if self.before.contains_key(from) => false,
            _ => match resource.author.as_deref() {
                Some(author) => self.may_share(author, to).await?,
                None => self.is_public(to).await?,
            },
        };
        Ok(own().filter(|_| is_given))
    }
}

impl Walk<'_> {
    /// May this organization share what is named?
    async fn may_share(&self, organization: &str, key: &ResourceKey) -> Result<bool> {
        // What it sent itself, where that is at hand, needs no question.
        let known = self.graph.resolve(&key.to_string());
        let is_own = known.is_some_and(|it| it.version > 0 && it.author.as_deref() == Some(organization));
        Ok(is_own || self.is_public(key).await? || self.giving.store.may_share(organization, key).await?)
    }

    /// Is it of the directory's organizations and programs, which everybody sees?
    async fn is_public(&self, key: &ResourceKey) -> Result<bool> {
        let directory = self.giving.directory.get().await?;
        Ok(match &*key.kind {
            "Organization" if directory.organization(&key.id).is_some() => true,
            "HealthcareService" if directory.program(&key.id).is_some() => true,
            _ => false,
        })
    }
}

/// What a resource references here that is of the same matter.
pub(super) fn followed(resource: Node<'_>, base: Option<&str>) -> BTreeSet<ResourceKey> {
    local_references(resource, base)
        .filter(|(kind, member, to)| may_follow(kind, member, &to.kind))
        .map(|(.., to)| to)
        .collect()
}

/// What the References inside a resource, and inside what it contains, name here: each with the type and the member that
/// hold it.
fn local_references<'n>(
    resource: Node<'n>,
    base: Option<&'n str>,
) -> impl Iterator<Item = (Cow<'n, str>, &'n str, ResourceKey)> {
    let own = resource.members().filter(|member| member.name() != "contained").map(move |member| (resource, member));
    let contained = resource.list("contained").flat_map(|one| one.members().map(move |member| (one, member)));
    own.chain(contained).flat_map(move |(holder, member)| {
        references(member).filter_map(move |(_, text)| {
            let to = Reference::parse(&text)?.local(base)?;
            Some((holder.str("resourceType").unwrap_or_default(), member.name(), to))
        })
    })
}
