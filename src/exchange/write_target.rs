//! Where each resource of a message goes: a new id, the next version of a stored one, or one that is already there
//! (<https://hl7.org/fhir/R4/http.html#ccreate>).

use std::sync::Arc;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, ResourceKey};
use crate::referral::plan::Guard;
use crate::security::Caller;
use crate::store::index::SearchParameters;
use crate::store::query::Query;
use crate::store::{Resources, Stored};

use super::message::{Entry, EntryRequest};
use super::parts::Ids;
use super::rights;
use super::stale::stale;

/// Where an entry's resource goes.
#[derive(Debug, Clone)]
pub(super) enum WriteTarget {
    /// It becomes the first version under this key
    New {
        /// Its key
        key: ResourceKey,
        /// The condition that must still find nothing when it is committed
        guard: Option<Guard>,
    },
    /// It becomes the next version of this one
    Next(Box<Stored>),
    /// Its condition found this one; nothing is written
    Found(Box<Stored>),
    /// The entry writes nothing
    Nowhere,
}

impl WriteTarget {
    /// The key under which the resource is, or will be, stored.
    pub(super) fn key(&self) -> Option<&ResourceKey> {
        match self {
            Self::New { key, .. } => Some(key),
            Self::Next(stored) | Self::Found(stored) => Some(&stored.key),
            Self::Nowhere => None,
        }
    }

    /// Who keeps seeing the resource because they sent it.
    pub(super) fn author(&self, caller: &Caller) -> Option<String> {
        match self {
            Self::Next(stored) | Self::Found(stored) => stored.author.clone(),
            Self::New { .. } | Self::Nowhere => Some(caller.organization.clone()),
        }
    }

    /// The condition that must still find nothing when it is committed.
    pub(super) fn guard(&self) -> Option<Guard> {
        match self {
            Self::New { guard, .. } => guard.clone(),
            _ => None,
        }
    }

    /// The version that the written one replaces.
    pub(super) fn replaces(&self) -> Option<Arc<Document>> {
        match self {
            Self::Next(stored) => Some(stored.document.clone()),
            Self::New { .. } | Self::Found(_) | Self::Nowhere => None,
        }
    }

    /// The version that is written; nothing where none is.
    pub(super) fn version(&self) -> Option<u64> {
        match self {
            Self::New { .. } => Some(1),
            Self::Next(stored) => Some(stored.version + 1),
            Self::Found(_) | Self::Nowhere => None,
        }
    }
}

/// What finds where the resources of a message go.
pub(super) struct Targets {
    pub(super) store: Arc<dyn Resources>,
    pub(super) parameters: Arc<SearchParameters>,
    pub(super) ids: Arc<dyn Ids>,
}

impl Targets {
    /// Finds the place of every entry.
    ///
    /// # Errors
    /// A condition that matches several, a stale version, an update of what is not there or not the caller's.
    pub(super) async fn find(&self, caller: &Caller, entries: &[Entry<'_>]) -> Result<Vec<WriteTarget>> {
        let mut targets = Vec::with_capacity(entries.len());
        for entry in entries {
            targets.push(match &entry.ask {
                EntryRequest::Create { if_none_exist: Some(condition) } => {
                    self.conditional(caller, entry, condition).await?
                }
                EntryRequest::Create { if_none_exist: None } => {
                    WriteTarget::New { key: ResourceKey::new(entry.kind(), self.ids.next()), guard: None }
                }
                EntryRequest::Update { key, if_match } => self.next_version(caller, entry, key, *if_match).await?,
                EntryRequest::Read(_) | EntryRequest::Nothing => WriteTarget::Nowhere,
            });
        }
        Ok(targets)
    }

    async fn conditional(&self, caller: &Caller, entry: &Entry<'_>, condition: &str) -> Result<WriteTarget> {
        let kind = &*entry.kind();
        let parameters = entry.condition_parameters(condition)?;
        if parameters.is_empty() {
            return Err(Error::incorrect(
                Key::Parameter,
                "the condition of a conditional create has no search parameter",
            ));
        }
        let query = Query::parse(&self.parameters, kind, &parameters)
            .map_err(|issues| Error { category: Category::Incorrect, issues })?;
        let mut found = self.store.search(&caller.scope(), &query).await?.matches;
        match found.len() {
            0 => {
                let guard =
                    Guard::NoneMatch { kind: kind.to_owned(), parameters, organization: caller.organization.clone() };
                Ok(WriteTarget::New { key: ResourceKey::new(kind, self.ids.next()), guard: Some(guard) })
            }
            1 => Ok(WriteTarget::Found(Box::new(found.remove(0)))),
            several => {
                let text = format!("the condition of the conditional create matches {several} resources");
                Err(Error::new(Category::Precondition, Issue::error(Key::MultipleMatches, "", text)))
            }
        }
    }

    async fn next_version(
        &self,
        caller: &Caller,
        entry: &Entry<'_>,
        key: &ResourceKey,
        if_match: Option<u64>,
    ) -> Result<WriteTarget> {
        let stored = self.store.read(&caller.scope(), key, None).await?;
        let stored = stored.ok_or_else(|| rights::no_update_as_create(key))?;
        if stored.until.is_some() {
            return Err(Error::forbidden(format!(
                "{key} is no longer shared with your organization; it stays as it was"
            )));
        }
        rights::may_replace(caller, &stored)?;
        let own_id = entry.resource.and_then(|resource| resource.str("id"));
        if own_id.is_some_and(|id| id != key.id) {
            let text = format!("the resource's id is another one than that of the request, {}", key.id);
            return Err(Error::incorrect(Key::InvalidId, text));
        }
        match if_match {
            Some(version) if version != stored.version => Err(stale(key, stored.version)),
            None if key.kind == "Task" => {
                let issue = Issue::error(
                    Key::VersionRequired,
                    "",
                    "the update of a Task needs If-Match with the version that was read",
                );
                Err(Error::new(Category::Incorrect, issue))
            }
            _ => Ok(WriteTarget::Next(Box::new(stored))),
        }
    }
}
