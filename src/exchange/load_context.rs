//! A message together with what it references here: the graph that checks, routes and maps look at, and the references
//! that lead nowhere.
//!
//! Everything is read with the caller's own eyes. A reference to something that the caller may not see is the same as a
//! reference to nothing, so nobody can show others what was never shown to them.

use std::collections::{HashMap, HashSet};

use crate::error::{Error, Result};
use crate::fhir::issue::MAX_FINDINGS;
use crate::fhir::{Issue, Key, Locator, Node, Reference, ResourceKey};
use crate::limits::{ContentLimits, MEGABYTE};
use crate::referral::{Graph, Resource};
use crate::security::Caller;
use crate::store::Resources;

use super::disclosure;
use super::message::{Entry, Message, Names, references};
use super::write_target::WriteTarget;

/// So many resources are read at one time, before it is looked at how large they are.
const READ_AT_ONCE: usize = 16;

/// A message's graph and what its references are worth.
#[derive(Debug)]
pub(super) struct MessageContext {
    /// The resources of the message under the names that they get, and what they reference here
    pub(super) graph: Graph,
    /// References that lead nowhere: errors where a referral cannot do without, else warnings
    pub(super) dangling: Vec<Issue>,
}

/// From where, and how much, a context is read.
#[derive(Clone, Copy)]
pub(super) struct ContextSource<'s> {
    pub(super) store: &'s dyn Resources,
    /// The URL under which FHIR is served here
    pub(super) base: Option<&'s str>,
    pub(super) limits: &'s ContentLimits,
}

/// Puts the message's resources into a graph and reads what they reference, step by step.
///
/// # Errors
/// More than may be read for one message; those of the store.
pub(super) async fn load_context(
    source: ContextSource<'_>,
    caller: &Caller,
    message: Message<'_>,
    targets: &[WriteTarget],
    names: &Names<'_>,
) -> Result<MessageContext> {
    let ContextSource { store, base, limits } = source;
    let scope = caller.scope();
    let mut graph = message_graph(message, targets);
    let mut conditional: HashMap<&ResourceKey, Vec<&str>> = HashMap::new();
    for (name, key) in names.iter().filter(|(name, _)| name.contains('?')) {
        conditional.entry(key).or_default().push(name);
        if let Some(position) = graph.position(&key.to_string()) {
            graph.alias(name, position);
        }
    }
    let count = graph.resources().len();
    let mut asked: HashSet<ResourceKey> = HashSet::new();
    let mut missing: HashSet<ResourceKey> = HashSet::new();
    let mut bytes = 0_usize;
    let mut next = 0;
    while next < graph.resources().len() {
        // What one step leads to is read at one time.
        let mut wanted = Vec::new();
        while next < graph.resources().len() {
            for key in referenced_keys(&graph, next, next < count, names, base) {
                if graph.position(&key.to_string()).is_none() && asked.insert(key.clone()) {
                    wanted.push(key);
                }
            }
            if asked.len() > limits.references {
                return Err(too_much(message.root, &format!("more than {} resources", limits.references)));
            }
            next += 1;
        }
        for wanted in wanted.chunks(READ_AT_ONCE) {
            let read = store.read_each(&scope, wanted).await?;
            for (key, stored) in wanted.iter().zip(read) {
                // What is seen no longer is not there either: nobody shares anew what they were shown once.
                let Some(stored) = stored.filter(|stored| stored.until.is_none()) else {
                    missing.insert(key.clone());
                    continue;
                };
                bytes = bytes.saturating_add(stored.document.text().len());
                if bytes > limits.reference_bytes {
                    let most = limits.reference_bytes / MEGABYTE;
                    return Err(too_much(message.root, &format!("resources of more than {most} MB")));
                }
                let position = graph.insert(
                    Resource::new(key.to_string(), stored.version, stored.document)
                        .sent_by(stored.author.as_deref())
                        .without(stored.withheld),
                );
                if let Some(base) = base {
                    graph.alias(format!("{}/{key}", base.trim_end_matches('/')), position);
                }
                for name in conditional.get(key).into_iter().flatten() {
                    graph.alias(*name, position);
                }
            }
        }
    }
    Ok(MessageContext { graph, dangling: missing_references(message, &missing, base) })
}

fn too_much(root: Node<'_>, what: &str) -> Error {
    let text = format!("the message refers to {what} outside of it, by itself or by what it refers to");
    Error::unprocessable(vec![Issue::error(Key::TooLarge, root.path(), text).hint("send it in parts")])
}

/// The message's own resources, under the names that they get and those that the message gives them.
fn message_graph(message: Message<'_>, targets: &[WriteTarget]) -> Graph {
    let mut graph = Graph::with_capacity(message.entries.len());
    for (entry, target) in message.entries.iter().zip(targets) {
        let resource = match (target, target.key(), entry.resource) {
            // The entry before it brings what it makes.
            (WriteTarget::Repeated(key), ..) => {
                if let Some(position) = graph.position(&key.to_string()) {
                    alias_names(&mut graph, entry, position);
                }
                continue;
            }
            (WriteTarget::Found(stored), Some(key), _) => {
                Resource::new(key.to_string(), stored.version, stored.document.clone())
                    .sent_by(stored.author.as_deref())
                    .without(stored.withheld.clone())
            }
            (WriteTarget::Next(stored), Some(key), Some(node)) => {
                Resource::within(key.to_string(), message.document.clone(), node.index())
                    .replacing(stored.version)
                    .sent_by(stored.author.as_deref())
            }
            (_, Some(key), Some(node)) => Resource::within(key.to_string(), message.document.clone(), node.index()),
            _ => continue,
        };
        let position = graph.insert(resource);
        alias_names(&mut graph, entry, position);
    }
    graph
}

/// Lets references name a resource as the message does.
fn alias_names(graph: &mut Graph, entry: &Entry<'_>, position: usize) {
    for name in entry.names().into_iter().flatten() {
        graph.alias(name, position);
    }
}

/// What the resource at `position` references here and the graph does not hold yet. From stored resources only what
/// belongs to the same matter is followed.
fn referenced_keys(
    graph: &Graph,
    position: usize,
    own: bool,
    names: &Names<'_>,
    base: Option<&str>,
) -> Vec<ResourceKey> {
    references(graph.resources()[position].node())
        .filter(|(_, text)| graph.position(text).is_none())
        .filter_map(|(_, text)| names.get(&text).cloned().or_else(|| Reference::parse(&text)?.local(base)))
        .filter(|key| own || disclosure::is_same_matter(&key.kind))
        .collect()
}

/// The references of the message's own resources that lead nowhere, as far as they are listed.
fn missing_references(message: Message<'_>, missing: &HashSet<ResourceKey>, base: Option<&str>) -> Vec<Issue> {
    let mut issues = Vec::new();
    if missing.is_empty() {
        return issues;
    }
    let mut locator = Locator::new(message.document.root());
    let mut unlisted = None;
    for resource in message.entries.iter().filter_map(|entry| entry.resource) {
        let kind = resource.str("resourceType").unwrap_or_default();
        let focus = disclosure::focus(resource);
        for member in resource.members() {
            for (node, text) in references(member) {
                let Some(key) = Reference::parse(&text).and_then(|reference| reference.local(base)) else { continue };
                if !missing.contains(&key) {
                    continue;
                }
                let text = format!("references a {} that is neither in this message nor stored here for you", key.kind);
                let issue = if focus == Some(node) && key.kind != "ServiceRequest" {
                    let text = format!("Task.focus references a {}; expected a ServiceRequest", key.kind);
                    Issue::error(Key::FocusNotServiceRequest, "", text)
                } else if disclosure::is_backbone(&kind, member.name()) {
                    Issue::error(Key::ReferenceDangling, "", text)
                } else {
                    Issue::warning(Key::ReferenceDangling, "", text)
                };
                if issues.len() < MAX_FINDINGS {
                    issues.push(Issue { path: locator.path(node).to_owned(), ..issue }.at(locator.position(node)));
                } else {
                    unlisted = unlisted.max(Some(issue.severity));
                }
            }
        }
    }
    issues.extend(unlisted.map(Issue::more_findings));
    issues
}
