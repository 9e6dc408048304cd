//! What a CodeSystem says (<https://hl7.org/fhir/R4/codesystem.html>): its codes and which stands below which.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::fhir::{Issue, Key, Kind, Node};

/// A code system, without the texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSystem {
    /// Canonical URL; the `system` of a Coding
    pub url: String,
    /// Business version
    pub version: Option<String>,
    /// How much of the system is listed here
    pub content: Content,
    /// Every code of the system is listed here
    pub is_complete: bool,
    /// `a` and `A` are two codes
    pub is_case_sensitive: bool,
    /// Canonical URL of the code system to which this one adds properties or designations
    pub supplements: Option<String>,
    /// Canonical URL of the value set of all its codes
    pub value_set: Option<String>,
    concepts: Vec<Concept>,
    by_code: HashMap<String, u32>,
}

/// How much of a code system its definition lists (<https://hl7.org/fhir/R4/valueset-codesystem-content-mode.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Nothing; the codes are kept elsewhere
    NotPresent,
    /// A few, to show what they look like
    Example,
    /// Some
    Fragment,
    /// All
    Complete,
    /// Nothing of its own: it adds to another system
    Supplement,
}

/// One code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concept {
    /// The code
    pub code: String,
    /// Positions of the codes that it stands below
    pub parents: Vec<u32>,
    /// Not in use any more
    pub is_inactive: bool,
    /// For grouping only: no instance holds it
    pub is_abstract: bool,
    /// Properties: name and value as text
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
            return Err(Box::new(Issue::error(Key::DefinitionInvalid, node.path(), text).at(node.position())));
        };
        let content = Content::from_code(&node.str("content").unwrap_or_default());
        let text = |name: &str| node.str(name).map(Cow::into_owned);
        let mut system = Self {
            url: url.into_owned(),
            version: text("version"),
            content,
            is_complete: content == Content::Complete,
            is_case_sensitive: node.get("caseSensitive").and_then(Node::as_bool).unwrap_or(true),
            supplements: text("supplements"),
            value_set: text("valueSet"),
            concepts: Vec::new(),
            by_code: HashMap::new(),
        };
        let meanings = Meanings::read(node);
        for concept in node.list("concept") {
            system.add(concept, None, &meanings);
        }
        system.link_parent_properties();
        Ok(system)
    }

    /// Its codes, in the order of the definition.
    pub fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// Does it have this code, as far as its codes are listed?
    pub fn has(&self, code: &str) -> bool {
        self.position(code).is_some()
            || (!self.is_case_sensitive && self.concepts.iter().any(|concept| concept.code.eq_ignore_ascii_case(code)))
    }

    /// The code's position among the concepts.
    pub fn position(&self, code: &str) -> Option<u32> {
        self.by_code.get(&*self.key(code)).copied()
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

    fn add(&mut self, node: Node<'_>, parent: Option<u32>, meanings: &Meanings) {
        let Some(code) = node.str("code") else { return };
        let position = self.concepts.len() as u32;
        let properties: Vec<_> = node.list("property").filter_map(property).collect();
        self.by_code.insert(self.key(&code).into_owned(), position);
        self.concepts.push(Concept {
            code: code.into_owned(),
            parents: parent.into_iter().collect(),
            is_inactive: meanings.is_inactive(&properties),
            is_abstract: meanings.is_abstract(&properties),
            properties,
        });
        for child in node.list("concept") {
            self.add(child, Some(position), meanings);
        }
    }

    /// What a code is found by.
    fn key<'a>(&self, code: &'a str) -> Cow<'a, str> {
        if self.is_case_sensitive { Cow::Borrowed(code) } else { Cow::Owned(code.to_lowercase()) }
    }

    /// A concept with several parents names the others in properties, or is named by them as a child.
    fn link_parent_properties(&mut self) {
        for position in 0..self.concepts.len() {
            let named = |names: &[&str]| -> Vec<u32> {
                let properties = self.concepts[position].properties.iter();
                let named = properties.filter(|(name, _)| names.contains(&name.as_str()));
                named.filter_map(|(_, code)| self.position(code)).collect()
            };
            let (parents, children) = (named(&["parent", "subsumedBy"]), named(&["child"]));
            self.concepts[position].parents.extend(parents);
            for child in children {
                self.concepts[child as usize].parents.push(position as u32);
            }
        }
        for concept in &mut self.concepts {
            concept.parents.sort_unstable();
            concept.parents.dedup();
        }
    }
}

impl Content {
    fn from_code(code: &str) -> Self {
        match code {
            "complete" => Self::Complete,
            "example" => Self::Example,
            "fragment" => Self::Fragment,
            "supplement" => Self::Supplement,
            _ => Self::NotPresent,
        }
    }
}

/// Name and value of a property, the value as text.
fn property(node: Node<'_>) -> Option<(String, String)> {
    let value = node.members().find(|member| member.name().starts_with("value"))?;
    let text = match value.kind() {
        Kind::String => value.as_str()?.into_owned(),
        Kind::Object => value.str("code")?.into_owned(),
        _ => value.text().to_owned(),
    };
    Some((node.str("code")?.into_owned(), text))
}

/// What the properties of a code system are called that FHIR gives a meaning
/// (<https://hl7.org/fhir/R4/codesystem.html#defined-props>); a system may have names of its own for them.
struct Meanings {
    inactive: Vec<String>,
    status: Vec<String>,
    not_selectable: Vec<String>,
}

impl Meanings {
    fn read(node: Node<'_>) -> Self {
        let names = |name: &str, also: &[&str]| {
            let uri = format!("http://hl7.org/fhir/concept-properties#{name}");
            let declared = node.list("property").filter(|one| one.get("uri").is_some_and(|at| at.is_str(&uri)));
            let mut names: Vec<String> = declared.filter_map(|one| Some(one.str("code")?.into_owned())).collect();
            names.extend(also.iter().map(ToString::to_string));
            names
        };
        Self {
            inactive: names("inactive", &["inactive"]),
            status: names("status", &["status"]),
            not_selectable: names("notSelectable", &["notSelectable", "abstract"]),
        }
    }

    fn is_inactive(&self, properties: &[(String, String)]) -> bool {
        properties.iter().any(|(name, value)| {
            (self.inactive.contains(name) && value == "true")
                || (self.status.contains(name) && matches!(value.as_str(), "retired" | "inactive"))
        })
    }

    fn is_abstract(&self, properties: &[(String, String)]) -> bool {
        properties.iter().any(|(name, value)| self.not_selectable.contains(name) && value == "true")
    }
}
