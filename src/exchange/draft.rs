//! A referral while a step changes it: what is written so far, seen as a graph at every moment, until it becomes a plan.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::fhir::edit::Edits;
use crate::fhir::{Document, Node, ResourceKey};
use crate::mapping::GraphUpdate;
use crate::referral::plan::Write;
use crate::referral::withheld;
use crate::referral::{Graph, Referral, Resource};

/// The graph as it is by now, and what of it has changed.
#[derive(Debug)]
pub(super) struct Draft {
    /// The referral's resources, changes included
    pub(super) graph: Graph,
    task: ResourceKey,
    /// What is changed, in the order of the first change
    changed: Vec<ChangedResource>,
    changed_keys: HashSet<ResourceKey>,
    /// Versions to write before the last ones
    through: Vec<Write>,
    /// What the record holds beside the graph
    pub(super) extras: Value,
    extras_changed: bool,
}

/// A resource that a draft changes, as it was stored.
#[derive(Debug)]
struct ChangedResource {
    key: ResourceKey,
    /// 0: it is new
    version: u64,
    /// None: it is new
    stored: Option<Resource>,
}

impl Draft {
    /// Nothing changed yet.
    pub(super) fn new(graph: Graph, task: ResourceKey, extras: Value) -> Self {
        Self {
            graph,
            task,
            changed: Vec::new(),
            changed_keys: HashSet::new(),
            through: Vec::new(),
            extras,
            extras_changed: false,
        }
    }

    /// The Task that carries the referral.
    pub(super) fn task(&self) -> &ResourceKey {
        &self.task
    }

    /// How long the Task is by now.
    pub(super) fn task_bytes(&self) -> usize {
        self.graph.resolve(&self.task.to_string()).map_or(0, |task| task.node().text().len())
    }

    /// What the record then holds beside the graph, where that changed.
    pub(super) fn changed_extras(&self) -> Option<Value> {
        self.extras_changed.then(|| self.extras.clone())
    }

    /// The referral as it is by now.
    ///
    /// # Errors
    /// If it is not whole.
    pub(super) fn referral(&self) -> Result<Referral<'_>> {
        let task = self.graph.resolve(&self.task.to_string()).ok_or_else(|| Error::not_found("the referral"))?;
        Referral::read(&self.graph, task)
    }

    /// Changes the Task.
    ///
    /// # Errors
    /// A fault, if the text that results cannot be read.
    pub(super) fn edit_task(&mut self, change: impl for<'t> FnOnce(&mut Edits<'t>, Node<'t>)) -> Result<()> {
        let url = self.task.to_string();
        let Some(task) = self.graph.resolve(&url) else { return Err(Error::not_found("the referral")) };
        let mut edits = Edits::new(task.node());
        change(&mut edits, task.node());
        let (version, text) = (task.version, edits.finish());
        self.replace(self.task.clone(), version, text)
    }

    /// Puts a Task that somebody wrote in the place of the one that is there.
    ///
    /// # Errors
    /// A fault, if the text cannot be read.
    pub(super) fn write_task(&mut self, text: &str) -> Result<()> {
        let version = self.graph.resolve(&self.task.to_string()).map_or(0, |task| task.version);
        self.replace(self.task.clone(), version, text.to_owned())
    }

    /// The resources that are changed, or new.
    pub(super) fn changed_keys(&self) -> impl Iterator<Item = &ResourceKey> {
        self.changed.iter().map(|changed| &changed.key)
    }

    /// Puts this text in the place of a resource, or adds a new one (`version` 0).
    fn replace(&mut self, key: ResourceKey, version: u64, text: String) -> Result<()> {
        let document = Arc::new(Document::parse(text)?);
        let before = self.graph.resolve(&key.to_string()).cloned();
        let author = before.as_ref().and_then(|before| before.author.as_deref());
        let withheld = before.as_ref().and_then(|before| before.withheld.clone());
        self.graph.insert(Resource::new(key.to_string(), version, document).sent_by(author).without(withheld));
        if self.changed_keys.insert(key.clone()) {
            let stored = before.filter(|_| version > 0);
            self.changed.push(ChangedResource { key, version, stored });
        }
        Ok(())
    }

    /// Takes in what a map changed.
    ///
    /// # Errors
    /// A fault, if a text of it cannot be read.
    pub(super) fn apply(&mut self, put: &GraphUpdate) -> Result<()> {
        for change in &put.changes {
            let key =
                ResourceKey::parse(&change.url).ok_or_else(|| Error::fault(format!("a map changed {}", change.url)))?;
            self.replace(key, change.version, change.json.clone())?;
        }
        for created in &put.created {
            self.replace(ResourceKey::new(&created.kind, &created.id), 0, created.json.clone())?;
        }
        if put.extras_changed {
            self.extras = put.extras.clone();
            self.extras_changed = true;
        }
        Ok(())
    }

    /// Keeps the Task as it is by now as a version of its own: the last one follows behind it.
    ///
    /// # Errors
    /// A fault, if the text that results cannot be read.
    pub(super) fn keep_version(&mut self, at: Timestamp) -> Result<()> {
        let Some(task) = self.graph.resolve(&self.task.to_string()) else { return Ok(()) };
        let version = task.version + 1;
        let document = stamped(task, &self.task.id, version, at)?;
        let changed = self.changed.iter().find(|changed| changed.key == self.task);
        let stored = changed.and_then(|changed| changed.stored.as_ref());
        let (key, author) = (self.task.clone(), task.author.as_deref().map(str::to_owned));
        let replaces = stored.map(|stored| stored.whole().document().clone());
        self.through.push(Write { key, version, document, updated: at, author, public: false, replaces });
        Ok(())
    }

    /// Everything that changed, stamped for the store. What was there before stays its author's; what is new is
    /// `author`'s.
    ///
    /// # Errors
    /// A fault, if a text that results cannot be read.
    pub(super) fn writes(&self, author: &str, at: Timestamp) -> Result<Vec<Write>> {
        let mut writes = self.through.clone();
        for ChangedResource { key, version, stored } in &self.changed {
            let Some(resource) = self.graph.resolve(&key.to_string()) else { continue };
            let before = self.through.iter().filter(|write| write.key == *key).count() as u64;
            let version = version + before + 1;
            let document = stamped(resource, &key.id, version, at)?;
            let (author, replaces) = match stored {
                Some(stored) => (stored.author.as_deref().map(str::to_owned), Some(stored.whole().document().clone())),
                None => (Some(author.to_owned()), None),
            };
            let replaces = self
                .through
                .iter()
                .rev()
                .find(|write| write.key == *key)
                .map_or(replaces, |write| Some(write.document.clone()));
            writes.push(Write { key: key.clone(), version, document, updated: at, author, public: false, replaces });
        }
        Ok(writes)
    }
}

/// The version as it is stored: what is withheld from whoever changes the resource is in its place.
fn stamped(resource: &Resource, id: &str, version: u64, at: Timestamp) -> Result<Arc<Document>> {
    let mut edits = Edits::new(resource.node());
    edits.stamp(id, version, at);
    let document = Document::parse(edits.finish())?;
    Ok(Arc::new(match &resource.withheld {
        Some(withheld) => withheld::put_back(&document, withheld)?,
        None => document,
    }))
}
