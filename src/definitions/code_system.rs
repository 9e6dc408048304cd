//! What a CodeSystem says (<https://hl7.org/fhir/R4/codesystem.html>): its codes and which stands below which.

use std::collections::HashMap;

use crate::fhir::{Issue, Key, Node};

/// A code system, without the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSystem {
    /// Canonical URL; the `system` of a Coding
    pub url: String,
    /// Business version
    pub version: Option<String>,
    /// Every code of the system is listed here
    pub is_complete: bool,
    /// `a` and `A` are two codes
    pub is_case_sensitive: bool,
    concepts: Vec<Concept>,
    by_code: HashMap<String, u32>,
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concept {
    /// The code
    pub code: String,
    /// Positions of the codes that it stands below
    pub parents: Vec<u32>,
    /// Coded properties: name and value
    pub properties: Vec<(String, String)>,
}

impl CodeSystem {
    /// Reads a CodeSystem.
    ///
    /// # Errors
    /// One issue where it has no URL.
    pub fn read(node: Node<'_>) -> Result<Self, Box<Issue>> {
        let Some(url) = node.str("url") else {
            let text = "the code system cannot be used: url is missing";
            return Err(Box::new(Issue::error(Key::DefinitionInvalid, node.path(), text).at(node.place())));
        };
        let mut system = Self {
            url: url.into_owned(),
            version: node.str("version").map(std::borrow::Cow::into_owned),
            is_complete: node.get("content").is_some_and(|content| content.is_str("complete")),
            is_case_sensitive: node.get("caseSensitive").and_then(Node::as_bool).unwrap_or(true),
            concepts: Vec::new(),
            by_code: HashMap::new(),
        };
        for concept in node.list("concept") {
            system.add(concept, None);
        }
        system.tie_parent_properties();
        Ok(system)
    }

    /// Its codes, in the order of the definition.
    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// The code's position among the concepts.
    pub fn position(&self, code: &str) -> Option<u32> {
        self.by_code.get(code).copied()
    }

    /// Is the concept at `position` the one at `above`, or below it?
    pub fn is_a(&self, position: u32, above: u32) -> bool {
        // Bounded by the number of concepts, so a circle of parents ends.
        let mut open = vec![position];
        let mut seen = vec![false; self.concepts.len()];
        while let Some(at) = open.pop() {
            if at == above {
                return true;
            }
            if let Some(first) = seen.get_mut(at as usize).filter(|seen| !**seen) {
                *first = true;
                open.extend(&self.concepts[at as usize].parents);
            }
        }
        false
    }

    fn add(&mut self, node: Node<'_>, parent: Option<u32>) {
        let Some(code) = node.str("code") else { return };
        let position = self.concepts.len() as u32;
        let value = |property: Node<'_>| {
            Some((
                property.str("code")?.into_owned(),
                property.str("valueCode").or_else(|| property.str("valueString"))?.into_owned(),
            ))
        };
        self.by_code.insert(code.clone().into_owned(), position);
        self.concepts.push(Concept {
            code: code.into_owned(),
            parents: parent.into_iter().collect(),
            properties: node.list("property").filter_map(value).collect(),
        });
        for child in node.list("concept") {
            self.add(child, Some(position));
        }
    }

    /// A concept with several parents names the others in properties.
    fn tie_parent_properties(&mut self) {
        for position in 0..self.concepts.len() {
            let named: Vec<u32> = self.concepts[position]
                .properties
                .iter()
                .filter(|(name, _)| matches!(name.as_str(), "parent" | "subsumedBy"))
                .filter_map(|(_, code)| self.by_code.get(code).copied())
                .collect();
            let parents = &mut self.concepts[position].parents;
            parents.extend(named);
            parents.sort_unstable();
            parents.dedup();
        }
    }
}
