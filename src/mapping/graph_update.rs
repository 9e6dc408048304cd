//! What putting a record changes in the graph of a referral, as data.

use std::sync::Arc;

use serde_json::Value;

use crate::error::Result;
use crate::fhir::{Document, Issue};
use crate::referral::{Graph, Resource};

use super::fidelity::Fidelity;

/// What a changed record changes. Empty where the record says what the graph says.
#[derive(Debug, Clone)]
pub struct GraphUpdate {
    /// Resources of the graph that change
    pub changes: Vec<Change>,
    /// Resources that come into being; they are referenced by what changed
    pub created: Vec<Created>,
    /// What the record holds that FHIR has no place for; null where there is nothing
    pub extras: Value,
    /// Are the extras others than before?
    pub extras_changed: bool,
    /// What is worth knowing; never an error
    pub issues: Vec<Issue>,
    /// The totals, and the rows where they were asked for
    pub fidelity: Fidelity,
}

/// What is told of the values that were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// How many had which outcome
    Totals,
    /// The same, and a row for each
    Rows,
}

/// A resource of the graph that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// How the graph names it: `Task/7`
    pub url: String,
    /// The version that the change was made to
    pub version: u64,
    /// The whole resource; what did not change is there byte for byte
    pub json: String,
}

/// A resource that comes into being.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The resource type
    pub kind: String,
    /// Its id, from the caller's source of ids
    pub id: String,
    /// The whole resource
    pub json: String,
}

impl GraphUpdate {
    /// Does nothing change, neither in the graph nor beside it?
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.created.is_empty() && !self.extras_changed
    }

    /// This change and the next, which was made to the graph as it is after this one.
    pub(super) fn then(mut self, next: Self) -> Self {
        for change in next.changes {
            let of = |created: &&mut Created| change.url == format!("{}/{}", created.kind, created.id);
            if let Some(created) = self.created.iter_mut().find(of) {
                created.json = change.json;
            } else if let Some(before) = self.changes.iter_mut().find(|before| before.url == change.url) {
                before.json = change.json;
            } else {
                self.changes.push(change);
            }
        }
        self.created.extend(next.created);
        Self { changes: self.changes, created: self.created, ..next }
    }

    /// The graph as it is after the change. Versions stay; whoever stores it counts them.
    ///
    /// # Errors
    /// A fault, if a changed resource cannot be read back.
    pub fn apply(&self, graph: &Graph) -> Result<Graph> {
        let mut after = graph.clone();
        for change in &self.changes {
            let document = Arc::new(Document::parse(change.json.as_str())?);
            after.insert(Resource::new(change.url.as_str(), change.version, document));
        }
        for created in &self.created {
            let document = Arc::new(Document::parse(created.json.as_str())?);
            after.insert(Resource::new(format!("{}/{}", created.kind, created.id), 0, document));
        }
        Ok(after)
    }
}
