//! Resources that lie beside a document, found by how others refer to them: `Type/id`, fullUrl, canonical URL.
//!
//! References lead out of most messages (<https://hl7.org/fhir/R4/references.html>); whoever has the resources that they
//! lead to puts them here.

use std::collections::HashMap;

use super::document::{Document, Node};

/// A set of resources. Of several with one name the first is found.
#[derive(Debug, Default)]
pub struct Resources {
    documents: Vec<Document>,
    /// From every name to the document and the node in it
    names: HashMap<String, (u32, u32)>,
}

impl Resources {
    /// Takes a resource, or the resources of a Bundle, which is found itself too.
    pub fn add(&mut self, document: Document) {
        let index = self.documents.len() as u32;
        let root = document.root();
        let mut found = names(root);
        for entry in root.list("entry") {
            let Some(resource) = entry.get("resource") else { continue };
            found.extend(names(resource));
            found.extend(entry.str("fullUrl").map(|url| (url.into_owned(), resource.index())));
        }
        for (name, node) in found {
            self.names.entry(name).or_insert((index, node));
        }
        self.documents.push(document);
    }

    /// The resource that a reference or canonical names: `Patient/7`, `https://ehr.example/fhir/Patient/7`,
    /// `urn:uuid:...`, `https://example.org/Questionnaire/q|1.0`.
    pub fn find(&self, name: &str) -> Option<Node<'_>> {
        let (document, node) = self.names.get(name)?;
        Some(self.documents.get(*document as usize)?.node(*node))
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }
}

fn names(resource: Node<'_>) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut name = |name: String| found.push((name, resource.index()));
    if let (Some(kind), Some(id)) = (resource.str("resourceType"), resource.str("id")) {
        name(format!("{kind}/{id}"));
    }
    if let Some(url) = resource.str("url") {
        if let Some(version) = resource.str("version") {
            name(format!("{url}|{version}"));
        }
        name(url.into_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_by_every_name() {
        let mut resources = Resources::default();
        let text = r#"{"resourceType":"Bundle","entry":[{"fullUrl":"urn:uuid:1","resource":
            {"resourceType":"Questionnaire","id":"q","url":"urn:q","version":"2"}}]}"#;
        resources.add(Document::parse(text).unwrap());
        for name in ["Questionnaire/q", "urn:uuid:1", "urn:q", "urn:q|2"] {
            let found = resources.find(name).unwrap();
            assert_eq!(found.str("id").as_deref(), Some("q"), "{name}");
        }
        assert!(resources.find("urn:q|1").is_none());
    }
}
