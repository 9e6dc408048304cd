//! A message together with what it references here: the graph that checks, routes and maps look at, and the references
//! that lead nowhere.
//!
//! Everything is read with the caller's own eyes. A reference to something that the caller may not see is the same as a
//! reference to nothing, so nobody can show others what was never shown to them.

use std::collections::HashSet;
use std::sync::Arc;

use crate::error::Result;
use crate::fhir::{Document, Issue, Key, Reference, ResourceKey};
use crate::referral::{Graph, Resource, Scope};
use crate::store::Store;

use super::disclosure;
use super::message::{Entry, references};
use super::place::Place;

/// How many resources of the store a message may stand on.
const MOST: usize = 500;

/// A message's graph and what its references are worth.
#[derive(Debug)]
pub struct Surroundings {
    /// The resources of the message under the names that they get, and what they reference here
    pub graph: Graph,
    /// References that lead nowhere: errors where a referral cannot do without, else warnings
    pub dangling: Vec<Issue>,
}

/// Puts the message's resources into a graph and reads what they reference, step by step.
///
/// # Errors
/// Those of the store.
pub async fn look(
    store: &dyn Store,
    scope: &Scope,
    document: &Arc<Document>,
    entries: &[Entry<'_>],
    places: &[Place],
    base: Option<&str>,
) -> Result<Surroundings> {
    let mut graph = Graph::default();
    for (entry, place) in entries.iter().zip(places) {
        let Some(key) = place.key() else { continue };
        let position = match place {
            Place::Found(stored) => graph.insert(Resource::new(key.to_string(), stored.version, stored.document.clone())),
            _ => match entry.resource {
                Some(node) => graph.insert(Resource::within(key.to_string(), document.clone(), node.index())),
                None => continue,
            },
        };
        let mut names = super::message::Names::default();
        names.learn(entry, key);
        for (name, _) in names.iter() {
            graph.alias(name.to_owned(), position);
        }
    }
    let own = graph.resources().len();
    let mut missing: HashSet<ResourceKey> = HashSet::new();
    let mut next = 0;
    while next < graph.resources().len() && graph.resources().len() < MOST {
        let wanted: Vec<ResourceKey> = {
            let resource = &graph.resources()[next];
            references(resource.node())
                .filter(|(_, text)| graph.position(text).is_none())
                .filter_map(|(_, text)| Reference::parse(&text)?.local(base))
                .filter(|key| !missing.contains(key) && (next < own || disclosure::is_same_matter(&key.kind)))
                .collect()
        };
        for key in wanted {
            if graph.position(&key.to_string()).is_some() || missing.contains(&key) {
                continue;
            }
            match store.read(scope, &key, None).await? {
                Some(stored) => {
                    let position = graph.insert(Resource::new(key.to_string(), stored.version, stored.document));
                    if let Some(base) = base {
                        graph.alias(format!("{}/{key}", base.trim_end_matches('/')), position);
                    }
                }
                None => {
                    missing.insert(key);
                }
            }
        }
        next += 1;
    }
    let dangling = dangling(entries, &missing, base);
    Ok(Surroundings { graph, dangling })
}

/// The references of the message's own resources that lead nowhere.
fn dangling(entries: &[Entry<'_>], missing: &HashSet<ResourceKey>, base: Option<&str>) -> Vec<Issue> {
    let mut issues = Vec::new();
    if missing.is_empty() {
        return issues;
    }
    for resource in entries.iter().filter_map(|entry| entry.resource) {
        for (node, text) in references(resource) {
            let Some(key) = Reference::parse(&text).and_then(|reference| reference.local(base)) else { continue };
            if !missing.contains(&key) {
                continue;
            }
            let said = format!("references a {} that is neither in this message nor stored here for you", key.kind);
            let issue = if disclosure::is_backbone(resource, node) {
                Issue::error_at(Key::ReferenceDangling, node, said)
            } else {
                Issue::warning(Key::ReferenceDangling, node.path(), said).at(node.place())
            };
            issues.push(issue);
        }
    }
    issues
}
