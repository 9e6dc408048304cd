//! Elements in the snapshot of a type that are not of that type. A type defines each of its elements in its differential
//! or takes it from its base (<https://hl7.org/fhir/R4/structuredefinition.html#interpretation>), so what stands in the
//! snapshot alone was put there by somebody else; copies of R4 core go round that have elements of later releases.
//!
//! A check that took them for R4 would let pass what every other system refuses. They are left out, and that is said.

use std::collections::HashSet;

use crate::fhir::{Issue, Key, Node};

/// What is wrong with the snapshot of a type.
#[derive(Debug, Default)]
pub(super) struct ForeignElements<'a> {
    /// Elements that do not belong to it
    elements: Vec<Node<'a>>,
    /// The snapshot as a whole, where it lacks elements of the type too
    snapshot: Option<Node<'a>>,
}

impl<'a> ForeignElements<'a> {
    /// Compares the snapshot of a StructureDefinition with its differential. Profiles and logical models are left alone:
    /// they are written by all kinds of tools.
    pub(super) fn find(node: Node<'a>) -> Self {
        let is = |name: &str, value: &str| node.get(name).is_some_and(|member| member.is_str(value));
        let lists = (node.get("snapshot"), node.get("differential"));
        let (Some(snapshot), Some(differential), true) = (lists.0, lists.1, is("derivation", "specialization")) else {
            return Self::default();
        };
        if is("kind", "logical") {
            return Self::default();
        }
        let paths = |list: Node<'a>| -> HashSet<String> {
            list.list("element").filter_map(|element| Some(element.str("path")?.into_owned())).collect()
        };
        let (defined, there) = (paths(differential), paths(snapshot));
        let mut elements: Vec<Node<'a>> = Vec::new();
        let mut above = String::new();
        for element in snapshot.list("element") {
            let path = element.str("path").unwrap_or_default();
            let base = element.get("base").and_then(|base| base.str("path"));
            let is_inside = path.strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('.'));
            if !above.is_empty() && is_inside {
                elements.push(element);
            } else if path.contains('.') && !defined.contains(&*path) && base.is_none_or(|base| base == path) {
                above = path.into_owned();
                elements.push(element);
            }
        }
        let lacks = defined.iter().any(|path| !there.contains(path));
        Self { snapshot: (lacks && !elements.is_empty()).then_some(snapshot), elements }
    }

    /// Is this left out?
    pub(super) fn contains(&self, node: Node<'_>) -> bool {
        self.snapshot.is_some_and(|snapshot| snapshot.index() == node.index())
            || self.elements.iter().any(|element| element.index() == node.index())
    }

    /// Says what is left out of the definition at `url`; nothing where all is well.
    pub(super) fn issue(&self, url: &str) -> Option<Issue> {
        let first = self.elements.first()?;
        let paths: Vec<_> = self.elements.iter().filter_map(|element| element.str("path")).collect();
        let shown = paths.iter().take(3).map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
        let more = if paths.len() > 3 { format!(" and {} more", paths.len() - 3) } else { String::new() };
        let what = if self.snapshot.is_some() { "its differential is used instead" } else { "they are left out" };
        let text = format!(
            "the snapshot of {url} has elements that neither its differential nor its base defines; {what}: {shown}{more}"
        );
        Some(Issue::information(Key::DefinitionInvalid, "", text).at(first.position()))
    }
}
