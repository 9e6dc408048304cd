//! Where each resource of a message goes: a new id, the next version of a stored one, or one that is already there
//! (<https://hl7.org/fhir/R4/http.html#ccreate>).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use crate::error::{Category, Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::precondition::Validators;
use crate::fhir::{Document, Issue, Key, Node, Preconditions, ResourceKey};
use crate::limits::ContentLimits;
use crate::referral::plan::Guard;
use crate::referral::{task_edits, withheld};
use crate::security::Caller;
use crate::store::index::SearchParameters;
use crate::store::query::{Query, SearchCondition, check_limits};
use crate::store::{Resources, Stored};

use super::message::{Entry, EntryRequest, Names};
use super::parts::Ids;
use super::rights;
use super::stale::{self, stale};

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
    /// Its condition is that of an entry before it, which makes this one; nothing more is written
    Repeated(ResourceKey),
    /// The entry writes nothing
    Nowhere,
}

impl WriteTarget {
    /// The key under which the resource is, or will be, stored.
    pub(super) fn key(&self) -> Option<&ResourceKey> {
        match self {
            Self::New { key, .. } | Self::Repeated(key) => Some(key),
            Self::Next(stored) | Self::Found(stored) => Some(&stored.key),
            Self::Nowhere => None,
        }
    }

    /// Who keeps seeing the resource because they sent it.
    pub(super) fn author(&self, caller: &Caller) -> Option<String> {
        match self {
            Self::Next(stored) | Self::Found(stored) => stored.author.clone(),
            Self::New { .. } | Self::Repeated(_) | Self::Nowhere => Some(caller.organization.clone()),
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
            Self::Next(stored) => Some(stored.whole().clone()),
            Self::New { .. } | Self::Found(_) | Self::Repeated(_) | Self::Nowhere => None,
        }
    }

    /// Lets new notes of a Task that is another organization's say which organization wrote them: whoever has the referral
    /// next is not to read them, whomever they name.
    pub(super) fn sign_notes<'t>(&self, edits: &mut Edits<'t>, resource: Node<'t>, caller: &Caller) {
        let Self::Next(stored) = self else { return };
        if stored.key.kind != "Task" || stored.author.as_ref() == Some(&caller.organization) {
            return;
        }
        let known: HashSet<Value> = stored.document.root().list("note").map(Node::to_value).collect();
        for note in resource.list("note").filter(|note| !known.contains(&note.to_value())) {
            task_edits::sign_note(edits, note, &caller.organization);
        }
    }

    /// A version of it as the writer sees it.
    pub(super) fn seen(&self, written: &Arc<Document>) -> Arc<Document> {
        let Self::Next(stored) = self else { return written.clone() };
        let hidden = stored.withheld.as_ref().map_or(&[][..], |withheld| &withheld.hidden);
        match withheld::without(written, hidden) {
            Ok(Some(seen)) => Arc::new(seen),
            Ok(None) => written.clone(),
            // Rather what it was than what is not the writer's to see.
            Err(_) => stored.document.clone(),
        }
    }

    /// What is written in its place: with what is withheld from the writer, which is not the writer's to take away.
    ///
    /// # Errors
    /// If it brings something where something is withheld, or was made from a part and all of it is seen now.
    pub(super) fn completed(&self, written: Document) -> Result<Document> {
        let Self::Next(stored) = self else { return Ok(written) };
        match &stored.withheld {
            Some(withheld) => withheld::put_back(&written, withheld),
            None if withheld::is_part(written.root()) && !withheld::is_part(stored.document.root()) => {
                let text = format!("what is sent was made from a part of {} (meta.tag SUBSETTED)", stored.key);
                let issue = Issue::error(Key::StaleVersion, format!("{}.meta.tag", stored.key.kind), text)
                    .hint("read it again: all of it is yours to see now; then send it whole");
                Err(Error::new(Category::Precondition, issue))
            }
            None => Ok(written),
        }
    }

    /// The version that is written; nothing where none is.
    pub(super) fn version(&self) -> Option<u64> {
        match self {
            Self::New { .. } => Some(1),
            Self::Next(stored) => Some(stored.version + 1),
            Self::Found(_) | Self::Repeated(_) | Self::Nowhere => None,
        }
    }
}

/// What is placed of a message so far.
#[derive(Default)]
struct Places<'m> {
    /// What its resources are called
    names: Names<'m>,
    /// What its conditions make, by type and parameters: the same condition twice makes one resource
    made: HashMap<ConditionKey, ResourceKey>,
    /// What it updates, and by which of its entries
    updated: HashMap<ResourceKey, usize>,
    /// Its conditions that name no other entry, by the number of the entry
    conditions: HashMap<usize, SearchCondition>,
    /// What these find, by type and parameters: they are all searched for at one time
    found: HashMap<ConditionKey, Vec<Stored>>,
}

/// What is the same of two conditions that are the same: type and parameters.
type ConditionKey = (String, Vec<(String, String)>);

/// What finds where the resources of a message go.
pub(super) struct Targets {
    pub(super) store: Arc<dyn Resources>,
    pub(super) parameters: Arc<SearchParameters>,
    pub(super) ids: Arc<dyn Ids>,
    pub(super) limits: ContentLimits,
}

impl Targets {
    /// Finds the place of every entry.
    ///
    /// # Errors
    /// A condition that matches several, a stale version, an update of what is not there or not the caller's.
    pub(super) async fn find(&self, caller: &Caller, entries: &[Entry<'_>]) -> Result<Vec<WriteTarget>> {
        let mut targets = vec![WriteTarget::Nowhere; entries.len()];
        let mut places = Places::default();
        self.search_conditions(caller, entries, &mut places).await?;
        let needs_names = entries.iter().any(Entry::condition_names_others);
        // A condition may name other entries by their fullUrl (`subject=urn:uuid:...`): those are placed before it.
        for names_others in [false, true] {
            let all = entries.iter().zip(&mut targets).enumerate();
            for (number, (entry, target)) in
                all.filter(|(_, (entry, _))| entry.condition_names_others() == names_others)
            {
                *target =
                    self.find_one(caller, number, entry, &mut places).await.map_err(|error| entry.about(error))?;
                if matches!(target, WriteTarget::Next(_))
                    && let Some(key) = target.key()
                    && let Some(first) = places.updated.insert(key.clone(), number)
                {
                    let first = entries.get(first).map(Entry::path).unwrap_or_default();
                    let text = format!("{key} is written here and by {first}; a message writes each resource once");
                    return Err(entry.about(Error::refused(Key::BundleDuplicate, "", text)));
                }
                if let Some(key) = target.key().filter(|_| needs_names) {
                    places.names.learn(entry, key);
                }
            }
        }
        Ok(targets)
    }

    /// Searches for what the conditions find that need no place of another entry. What is wrong with one is told when it is
    /// its turn.
    async fn search_conditions(
        &self,
        caller: &Caller,
        entries: &[Entry<'_>],
        Places { conditions, found, .. }: &mut Places<'_>,
    ) -> Result<()> {
        let (mut keys, mut queries): (Vec<ConditionKey>, Vec<Query>) = Default::default();
        let mut known = HashSet::new();
        for (number, entry) in entries.iter().enumerate().filter(|(_, entry)| !entry.condition_names_others()) {
            if let EntryRequest::Create { if_none_exist: Some(condition) } = &entry.ask
                && let Ok(condition) = self.condition(entry, condition, &Names::default())
            {
                let key = (entry.kind().into_owned(), condition.parameters.clone());
                if known.insert(key.clone()) {
                    keys.push(key);
                    queries.push(condition.query.clone());
                }
                conditions.insert(number, condition);
            }
        }
        if queries.is_empty() {
            return Ok(());
        }
        let pages = self.store.search_each(&caller.scope(), &queries).await?;
        found.extend(keys.into_iter().zip(pages.into_iter().map(|page| page.matches)));
        Ok(())
    }

    /// The condition of a create.
    fn condition(&self, entry: &Entry<'_>, condition: &str, names: &Names<'_>) -> Result<SearchCondition> {
        let parameters = names.in_parameters(&entry.condition_parameters(&self.parameters, condition)?);
        check_limits(&parameters, &self.limits)?;
        entry.condition(&self.parameters, parameters)
    }

    async fn find_one<'m>(
        &self,
        caller: &Caller,
        number: usize,
        entry: &Entry<'m>,
        places: &mut Places<'m>,
    ) -> Result<WriteTarget> {
        Ok(match &entry.ask {
            EntryRequest::Create { if_none_exist: Some(condition) } => {
                let condition = match places.conditions.remove(&number) {
                    Some(read) => read,
                    None => self.condition(entry, condition, &places.names)?,
                };
                self.conditional(caller, entry, condition, places).await?
            }
            EntryRequest::Create { if_none_exist: None } => {
                WriteTarget::New { key: ResourceKey::new(entry.kind(), self.ids.next()), guard: None }
            }
            EntryRequest::Update { key, conditions } => self.next_version(caller, entry, key, conditions).await?,
            EntryRequest::Read(_) | EntryRequest::Nothing => WriteTarget::Nowhere,
        })
    }

    async fn conditional(
        &self,
        caller: &Caller,
        entry: &Entry<'_>,
        SearchCondition { query, parameters }: SearchCondition,
        Places { made, found, .. }: &mut Places<'_>,
    ) -> Result<WriteTarget> {
        let condition = (entry.kind().into_owned(), parameters);
        if let Some(key) = made.get(&condition) {
            return Ok(WriteTarget::Repeated(key.clone()));
        }
        let mut found = match found.get(&condition) {
            Some(found) => found.clone(),
            None => self.store.search(&caller.scope(), &query).await?.matches,
        };
        match found.len() {
            0 => {
                let key = ResourceKey::new(&*condition.0, self.ids.next());
                made.insert(condition.clone(), key.clone());
                let organization = caller.organization.clone();
                let (kind, parameters) = condition;
                let guard = Guard::NoneMatch { kind, parameters, organization };
                Ok(WriteTarget::New { key, guard: Some(guard) })
            }
            1 => Ok(WriteTarget::Found(Box::new(found.remove(0)))),
            _ => {
                let kind = condition.0;
                let text = format!("the condition of the conditional create matches several {kind} resources");
                Err(Error::new(Category::Precondition, Issue::error(Key::MultipleMatches, "", text)))
            }
        }
    }

    async fn next_version(
        &self,
        caller: &Caller,
        entry: &Entry<'_>,
        key: &ResourceKey,
        conditions: &Preconditions,
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
        stale::check(conditions, key, Validators::of(stored.version, stored.updated))?;
        if !conditions.names_base() {
            check_base_of_body(entry, &stored)?;
        }
        Ok(WriteTarget::Next(Box::new(stored)))
    }
}

/// Client libraries send no If-Match; what they send says in `meta.versionId` which version they have read. A Task has two
/// parties, so there one of the two has to say it. Of anything else the sender is the only writer: what says nothing is
/// taken, and so is a version that the gateway never gave, which is one of the sender's own system.
fn check_base_of_body(entry: &Entry<'_>, stored: &Stored) -> Result<()> {
    let base = entry.resource.and_then(|resource| resource.get("meta")?.str("versionId"));
    let number = base.as_deref().and_then(|base| base.parse::<u64>().ok());
    let is_task = stored.key.kind == "Task";
    match (base, number) {
        (_, Some(number)) if number == stored.version => Ok(()),
        (_, Some(number)) if number < stored.version => Err(stale(&stored.key, stored.version)),
        (Some(_), _) if is_task => Err(stale(&stored.key, stored.version)),
        (None, _) if is_task => {
            let text = "the update of a Task says which version was read: with If-Match, or in meta.versionId";
            Err(Error::new(Category::Incorrect, Issue::error(Key::VersionRequired, "", text)))
        }
        _ => Ok(()),
    }
}
