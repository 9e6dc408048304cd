//! The resources of a referral as a graph: documents, found by how references name them.
//!
//! A graph is what maps read, what routing and consent look at, and what a plan changes. It holds whole documents and
//! never copies them. It must not know where they came from.
//!
//! What a resource contains (<https://hl7.org/fhir/R4/references.html#contained>) is part of the graph too, by the address of
//! what contains it and its own id: `Task/7#request`. It has no key, so nobody is given a right by what it says of itself;
//! nothing but references from inside its container lead to it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::{Document, Key, Node, Reference, ResourceKey};

use super::withheld::Withheld;

/// One resource of a graph: a node of a document (of its own, or of the bundle that it came in).
#[derive(Debug, Clone)]
pub struct Resource {
    /// How references name it: `Task/7`, or the `fullUrl` of a bundle entry; with `#id` behind it, where it is contained
    pub url: String,
    /// The stored version; 0 where it is not stored yet
    pub version: u64,
    /// Id of the Organization whose client sent it, where that is known
    pub author: Option<Arc<str>>,
    /// What is withheld of it from whoever looks at the graph, and so not in it
    pub withheld: Option<Arc<Withheld>>,
    document: Arc<Document>,
    root: u32,
}

impl Resource {
    /// A resource that is a document of its own.
    pub fn new(url: impl Into<String>, version: u64, document: Arc<Document>) -> Self {
        Self { url: url.into(), version, author: None, withheld: None, document, root: 0 }
    }

    /// A resource inside a bundle.
    pub fn within(url: impl Into<String>, document: Arc<Document>, root: u32) -> Self {
        Self { url: url.into(), version: 0, author: None, withheld: None, document, root }
    }

    /// The resource, sent by the client of this Organization (its id).
    #[must_use]
    pub fn sent_by(self, organization: Option<&str>) -> Self {
        Self { author: organization.map(Arc::from), ..self }
    }

    /// The resource, in the place of this stored version.
    #[must_use]
    pub fn replacing(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// The resource, without what is withheld of it.
    #[must_use]
    pub fn without(self, withheld: Option<Arc<Withheld>>) -> Self {
        Self { withheld, ..self }
    }

    /// The resource with all of it.
    #[must_use]
    pub fn whole(&self) -> Self {
        match &self.withheld {
            Some(withheld) => Self { document: withheld.whole.clone(), root: 0, withheld: None, ..self.clone() },
            None => self.clone(),
        }
    }

    /// Its outermost node.
    pub fn node(&self) -> Node<'_> {
        self.document.node(self.root)
    }

    /// The document that holds it.
    pub fn document(&self) -> &Arc<Document> {
        &self.document
    }

    /// Its resource type, "" if it names none.
    pub fn kind(&self) -> &str {
        // A type name has no escapes, so the text between the quotes is the name.
        self.node().get("resourceType").map_or("", |kind| kind.text().trim_matches('"'))
    }

    /// Is this node part of it?
    fn holds(&self, node: Node<'_>) -> bool {
        let own = self.node();
        std::ptr::eq(own.document(), node.document()) && (own.index()..own.after()).contains(&node.index())
    }

    /// Is it contained in another one?
    pub fn is_contained(&self) -> bool {
        self.url.contains('#')
    }

    /// Its key, where it is known by type and id.
    pub fn key(&self) -> Option<ResourceKey> {
        ResourceKey::parse(&self.url)
    }
}

/// Resources that reference each other. Order is the order of insertion.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    resources: Vec<Resource>,
    by_url: HashMap<String, usize>,
    /// What the resources contain, of each in order
    contained: Vec<Resource>,
    contained_by_url: HashMap<String, usize>,
    /// What a history is told from
    history: History,
}

/// The earlier versions of a referral's Task by which it moved.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Each as [`task_step`](super::task_step) keeps it, oldest first
    pub steps: Vec<Resource>,
    /// There are older ones, which are in the history of the Task alone
    pub is_cut: bool,
}

impl Graph {
    /// The resources of a bundle, by `fullUrl` and, where they have an id, by `Type/id`.
    ///
    /// # Errors
    /// If the document is no Bundle.
    pub fn from_bundle(document: &Arc<Document>) -> Result<Self> {
        let root = document.root();
        if !root.get("resourceType").is_some_and(|kind| kind.is_str("Bundle")) {
            return Err(Error::refused(Key::NotAResource, "", "expected a Bundle that holds the referral's resources"));
        }
        let mut graph = Self::default();
        for entry in root.list("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            let kind = resource.str("resourceType").unwrap_or_default();
            let named = resource.str("id").map(|id| format!("{kind}/{id}"));
            let full = entry.str("fullUrl").map(std::borrow::Cow::into_owned);
            let Some(url) = full.or_else(|| named.clone()) else { continue };
            let position = graph.insert(Resource::within(url, document.clone(), resource.index()));
            if let Some(named) = named {
                graph.alias(named, position);
            }
        }
        Ok(graph)
    }

    /// A graph that so many resources go into.
    pub fn with_capacity(count: usize) -> Self {
        // Each has a key, and of those of a message many have a name besides.
        Self { resources: Vec::with_capacity(count), by_url: HashMap::with_capacity(2 * count), ..Self::default() }
    }

    /// Adds a resource, or puts it in the place of the one that had this URL.
    pub fn insert(&mut self, resource: Resource) -> usize {
        if let Some(position) = self.by_url.get(&resource.url).copied() {
            self.forget_contained(&resource.url);
            self.resources[position] = resource;
            self.add_contained(position);
            return position;
        }
        let position = self.resources.len();
        self.by_url.insert(resource.url.clone(), position);
        self.resources.push(resource);
        self.add_contained(position);
        position
    }

    /// Adds what the resource at `position` contains. Of two with one id the first counts.
    fn add_contained(&mut self, position: usize) {
        let resource = &self.resources[position];
        for node in resource.node().list("contained") {
            let Some(id) = node.str("id") else { continue };
            let url = format!("{}#{id}", resource.url);
            let document = resource.document.clone();
            let Resource { version, author, .. } = resource.clone();
            let contained = Resource { url, version, author, withheld: None, document, root: node.index() };
            self.contained_by_url.entry(contained.url.clone()).or_insert(self.contained.len());
            self.contained.push(contained);
        }
    }

    fn forget_contained(&mut self, url: &str) {
        let is_of = |contained: &Resource| contained.url.strip_prefix(url).is_some_and(|rest| rest.starts_with('#'));
        if !self.contained.iter().any(is_of) {
            return;
        }
        self.contained.retain(|contained| !is_of(contained));
        self.contained_by_url.clear();
        for (position, contained) in self.contained.iter().enumerate() {
            self.contained_by_url.entry(contained.url.clone()).or_insert(position);
        }
    }

    /// Lets references name the resource at `position` by `url` too (the `fullUrl` of its entry).
    pub fn alias(&mut self, url: impl Into<String>, position: usize) {
        self.by_url.entry(url.into()).or_insert(position);
    }

    /// All resources, in order of insertion, without what they contain.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// What the resources contain.
    pub fn contained(&self) -> &[Resource] {
        &self.contained
    }

    /// All resources, and behind them what they contain.
    pub fn all(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().chain(&self.contained)
    }

    /// The resource that contains this one.
    pub fn container(&self, contained: &Resource) -> Option<&Resource> {
        let (url, _) = contained.url.rsplit_once('#')?;
        self.by_url.get(url).map(|position| &self.resources[*position])
    }

    /// The resource that this `reference` text names, if it is in the graph. A version in the reference is ignored, as
    /// R4 allows for references that are not version-specific by rule.
    pub fn resolve(&self, reference: &str) -> Option<&Resource> {
        self.position(reference).map(|position| &self.resources[position])
    }

    /// The position in [`Graph::resources`] of what this `reference` text names.
    pub fn position(&self, reference: &str) -> Option<usize> {
        if let Some(position) = self.by_url.get(reference) {
            return Some(*position);
        }
        let Some(Reference::Relative { kind, id, version: Some(_) }) = Reference::parse(reference) else { return None };
        self.by_url.get(&format!("{kind}/{id}")).copied()
    }

    /// The resource that this Reference points at: `#id` at what the resource around it contains, `#` at that resource.
    pub fn target(&self, reference: Node<'_>) -> Option<&Resource> {
        let text = reference.str("reference")?;
        let Some(id) = text.strip_prefix('#') else { return self.resolve(&text) };
        let around = self.resources.iter().find(|resource| resource.holds(reference))?;
        if id.is_empty() {
            return Some(around);
        }
        self.contained_by_url.get(&format!("{}#{id}", around.url)).map(|position| &self.contained[*position])
    }

    /// The resource that the Reference in the member `name` of `node` points at.
    pub fn follow(&self, node: Node<'_>, name: &str) -> Option<&Resource> {
        self.target(node.get(name)?)
    }

    /// The resources that the list of References in the member `name` of `node` points at.
    pub fn follow_each(&self, node: Node<'_>, name: &str) -> Vec<&Resource> {
        let list = node.get(name).into_iter().flat_map(Node::each);
        list.filter_map(|item| self.target(item)).collect()
    }

    /// The resources of this type.
    pub fn of_kind<'g>(&'g self, kind: &'g str) -> impl Iterator<Item = &'g Resource> {
        self.resources.iter().filter(move |resource| resource.kind() == kind)
    }

    /// The graph with all of its resources, whoever looks at it.
    #[must_use]
    pub fn whole(&self) -> Self {
        let whole = |resources: &[Resource]| resources.iter().map(Resource::whole).collect();
        let resources: Vec<Resource> = whole(&self.resources);
        let history = History { steps: whole(&self.history.steps), is_cut: self.history.is_cut };
        let mut graph = Self { resources, by_url: self.by_url.clone(), history, ..Self::default() };
        (0..graph.resources.len()).for_each(|position| graph.add_contained(position));
        graph
    }

    /// The earlier versions of the root Task by which it moved.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Sets the earlier versions of the root Task.
    pub fn set_history(&mut self, history: History) {
        self.history = history;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(request: &str) -> Resource {
        let text = format!(
            r##"{{"resourceType":"Task","contained":[{{"resourceType":"ServiceRequest","id":"sr","subject":{{"reference":"#p"}},
                "status":"{request}"}},{{"resourceType":"Patient","id":"p"}},{{"resourceType":"Patient","id":"p","active":true}}],
                "focus":{{"reference":"#sr"}},"for":{{"reference":"Patient/1"}},"input":[{{"valueReference":{{"reference":"#"}}}}]}}"##
        );
        Resource::new("Task/7", 2, Arc::new(Document::parse(text).unwrap()))
    }

    #[test]
    fn references_lead_to_what_is_contained_from_inside_its_container_alone() {
        let mut graph = Graph::default();
        graph.insert(task("active"));
        let other =
            r##"{"resourceType":"Observation","focus":{"reference":"#sr"},"subject":{"reference":"Task/7#p"}}"##;
        graph.insert(Resource::new("Observation/1", 1, Arc::new(Document::parse(other).unwrap())));
        let task_node = graph.resources()[0].node();
        let request = graph.follow(task_node, "focus").unwrap();
        assert_eq!((request.url.as_str(), request.kind(), request.version), ("Task/7#sr", "ServiceRequest", 2));
        assert_eq!(request.key(), None, "what is contained has no key");
        let person = graph.follow(request.node(), "subject").unwrap();
        assert_eq!(
            (person.url.as_str(), person.node().get("active").is_none()),
            ("Task/7#p", true),
            "the first counts"
        );
        let input = task_node.list("input").next().unwrap();
        assert_eq!(graph.follow(input, "valueReference").map(|found| found.url.as_str()), Some("Task/7"));
        let observation = graph.resources()[1].node();
        assert!(graph.follow(observation, "focus").is_none() && graph.follow(observation, "subject").is_none());
        assert!(graph.follow(task_node, "for").is_none());
    }

    #[test]
    fn a_new_version_brings_what_it_contains() {
        let mut graph = Graph::default();
        graph.insert(task("active"));
        graph.insert(task("revoked"));
        assert_eq!(graph.contained().len(), 3);
        let said = |graph: &Graph| {
            let request = graph.follow(graph.resources()[0].node(), "focus")?;
            request.node().str("status").map(std::borrow::Cow::into_owned)
        };
        assert_eq!(said(&graph).as_deref(), Some("revoked"));
        assert_eq!(said(&graph.whole()).as_deref(), Some("revoked"));
        assert_eq!(graph.container(&graph.contained()[0]).map(|task| task.url.as_str()), Some("Task/7"));
    }
}
