//! The resources of a referral as a graph: documents, found by how references name them.
//!
//! A graph is what maps read, what routing and consent look at, and what a plan changes. It holds whole documents and
//! never copies them. It must not know where they came from.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::fhir::{Document, Key, Node, Reference, ResourceKey};

use super::withheld::Withheld;

/// One resource of a graph: a node of a document (of its own, or of the bundle that it came in).
#[derive(Debug, Clone)]
pub struct Resource {
    /// How references name it: `Task/7`, or the `fullUrl` of a bundle entry
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
    /// Earlier versions of the root Task, oldest first; what a history is told from
    history: Vec<Resource>,
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

    /// Adds a resource, or puts it in the place of the one that had this URL.
    pub fn insert(&mut self, resource: Resource) -> usize {
        if let Some(position) = self.by_url.get(&resource.url) {
            self.resources[*position] = resource;
            return *position;
        }
        self.by_url.insert(resource.url.clone(), self.resources.len());
        self.resources.push(resource);
        self.resources.len() - 1
    }

    /// Lets references name the resource at `position` by `url` too (the `fullUrl` of its entry).
    pub fn alias(&mut self, url: impl Into<String>, position: usize) {
        self.by_url.entry(url.into()).or_insert(position);
    }

    /// All resources, in order of insertion.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
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

    /// The resource that the Reference in the member `name` of `node` points at.
    pub fn follow(&self, node: Node<'_>, name: &str) -> Option<&Resource> {
        self.resolve(&node.get(name)?.str("reference")?)
    }

    /// The resources that the list of References in the member `name` of `node` points at.
    pub fn follow_each(&self, node: Node<'_>, name: &str) -> Vec<&Resource> {
        let list = node.get(name).into_iter().flat_map(Node::each);
        list.filter_map(|item| self.resolve(&item.str("reference")?)).collect()
    }

    /// The resources of this type.
    pub fn of_kind<'g>(&'g self, kind: &'g str) -> impl Iterator<Item = &'g Resource> {
        self.resources.iter().filter(move |resource| resource.kind() == kind)
    }

    /// The graph with all of its resources, whoever looks at it.
    #[must_use]
    pub fn whole(&self) -> Self {
        let whole = |resources: &[Resource]| resources.iter().map(Resource::whole).collect();
        Self { resources: whole(&self.resources), by_url: self.by_url.clone(), history: whole(&self.history) }
    }

    /// Earlier versions of the root Task, oldest first.
    pub fn history(&self) -> &[Resource] {
        &self.history
    }

    /// Sets the earlier versions of the root Task, oldest first.
    pub fn set_history(&mut self, versions: Vec<Resource>) {
        self.history = versions;
    }
}
