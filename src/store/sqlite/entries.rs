//! What a plan does to the search index, computed by its sender: the writer only writes.

use std::collections::HashMap;

use crate::error::Result;
use crate::fhir::{Document, ResourceKey};
use crate::referral::plan::{Plan, Write};
use crate::store::index::{IndexEntry, SearchParameters};

use super::read;
use super::reader::Readers;

/// What a plan does to the entries of one resource.
#[derive(Debug)]
pub(super) struct Reindexed {
    pub(super) key: ResourceKey,
    /// Of the version that the plan replaces. None where that version is not there yet: then the plan is refused, or its
    /// old rows would stay for ever
    pub(super) before: Option<Vec<IndexEntry>>,
    /// Of the newest version in the plan
    pub(super) after: Vec<IndexEntry>,
}

/// What the plan does to the entries of the resources that it writes.
pub(super) async fn changes(readers: &Readers, parameters: &SearchParameters, plan: &Plan) -> Result<Vec<Reindexed>> {
    let mut changes = Vec::with_capacity(plan.writes.len());
    let mut replaced = Vec::new();
    for (first, last) in spans(&plan.writes) {
        let before = (first.version <= 1).then(Vec::new);
        if before.is_none() {
            replaced.push((first.key.clone(), first.version - 1));
        }
        changes.push(Reindexed { key: first.key.clone(), before, after: of(parameters, &last.document)? });
    }
    if replaced.is_empty() {
        return Ok(changes);
    }
    let found = readers.read(move |reader| read::documents(reader, &replaced)).await?;
    for (key, document) in found {
        if let Some(change) = changes.iter_mut().find(|change| change.key == key) {
            change.before = Some(of(parameters, &document)?);
        }
    }
    Ok(changes)
}

/// The entries of a resource, in the order in which their rows are written.
pub(super) fn of(parameters: &SearchParameters, document: &Document) -> Result<Vec<IndexEntry>> {
    let mut entries = parameters.entries(document.root())?;
    entries.sort_unstable();
    Ok(entries)
}

/// The first and the last version that a plan writes of each resource: only the last is found.
fn spans(writes: &[Write]) -> Vec<(&Write, &Write)> {
    let mut spans: Vec<(&Write, &Write)> = Vec::with_capacity(writes.len());
    let mut places = HashMap::with_capacity(writes.len());
    for write in writes {
        match places.get(&write.key) {
            Some(place) => {
                let span: &mut (&Write, &Write) = &mut spans[*place];
                span.1 = write;
            }
            None => {
                places.insert(&write.key, spans.len());
                spans.push((write, write));
            }
        }
    }
    spans
}
