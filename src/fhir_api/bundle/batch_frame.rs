//! A batch without the resources in it: what is wrong with the Bundle itself, which nobody can carry out then, and what is
//! wrong with each of its entries, which keeps that one alone from being done. Each resource is checked with its entry.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::fhir::edit::quote;
use crate::fhir::{Document, Issue, Node};
use crate::profile::{Checker, Request};
use crate::referral::modifiers;

/// What stands in the way of the entries of a batch.
pub(super) struct BatchFrame {
    /// By the number of the entry
    findings: HashMap<usize, Vec<Issue>>,
}

impl BatchFrame {
    /// Checks the batch around its resources.
    ///
    /// # Errors
    /// What is wrong with the Bundle itself.
    pub(super) fn check(checker: &Checker, batch: Node<'_>) -> Result<Self> {
        let frame = Document::parse(without_resources(batch))?;
        let mut found = checker.report(frame.root(), &Request::default()).issues;
        found.extend(modifiers::not_understood(frame.root()));
        let (mut own, mut findings) = (Vec::new(), HashMap::<usize, Vec<Issue>>::new());
        for issue in found.into_iter().filter(Issue::is_error) {
            match entry_of(&issue.path) {
                None => own.push(issue),
                // The resource is checked with its entry, and where its request leads is told as of the request alone.
                Some((_, rest)) if rest.starts_with(".resource") || rest == ".request.url" => {}
                Some((number, _)) => findings.entry(number).or_default().push(issue),
            }
        }
        if own.is_empty() { Ok(Self { findings }) } else { Err(Error::unprocessable(own)) }
    }

    /// Is the entry with this number as an entry has to be?
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn entry(&self, number: usize) -> Result<()> {
        self.findings.get(&number).map_or(Ok(()), |issues| Err(Error::unprocessable(issues.clone())))
    }
}

/// The number of the entry that a path leads into, and how it goes on from there.
fn entry_of(path: &str) -> Option<(usize, &str)> {
    let (number, rest) = path.strip_prefix("Bundle.entry[")?.split_once(']')?;
    Some((number.parse().ok()?, rest))
}

/// The text of a batch in which of each resource its type and id are left; what stands behind it keeps its line and column.
fn without_resources(batch: Node<'_>) -> String {
    let text = batch.text();
    let start = batch.range().start;
    let (mut frame, mut at) = (String::with_capacity(text.len()), 0);
    for resource in batch.list("entry").filter_map(|entry| entry.get("resource")).filter(|node| node.is_object()) {
        let range = resource.range();
        frame.push_str(&text[at..range.start - start]);
        let named = named(resource);
        let lines = resource.text().matches('\n').count();
        let last = resource.text().rsplit('\n').next().unwrap_or_default().chars().count();
        let used = if lines == 0 { named.chars().count() } else { 0 };
        frame.push_str(&named);
        frame.extend(std::iter::repeat_n('\n', lines));
        frame.extend(std::iter::repeat_n(' ', last.saturating_sub(used)));
        at = range.end - start;
    }
    frame.push_str(&text[at..]);
    frame
}

fn named(resource: Node<'_>) -> String {
    let member = |name: &str| resource.str(name).map(|value| format!("\"{name}\":{}", quote(&value)));
    let members: Vec<String> = ["resourceType", "id"].into_iter().filter_map(member).collect();
    format!("{{{}}}", members.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_resource_keeps_its_place() {
        let text = "{\"resourceType\":\"Bundle\",\"entry\":[{\"resource\":{\"resourceType\":\"Patient\",\"id\":\"p\",\"name\":[{\"text\":\"Ünal\"}]},\"x\":1},
            {\"resource\":{\"resourceType\":\"Task\",
              \"status\":\"draft\"
            }, \"y\":2}, {\"resource\":\"z\"}]}";
        let batch = Document::parse(text).unwrap();
        let frame = Document::parse(without_resources(batch.root())).unwrap();
        let place = |document: &Document, number: usize, name: &str| {
            document.root().list("entry").nth(number).and_then(|entry| entry.get(name)).map(Node::position)
        };
        for (number, name) in [(0, "x"), (1, "y"), (2, "resource")] {
            assert!(place(&batch, number, name).is_some());
            assert_eq!(place(&frame, number, name), place(&batch, number, name), "{name}");
        }
        let first = frame.root().list("entry").next().and_then(|entry| entry.get("resource"));
        assert_eq!(first.map(Node::text), Some(r#"{"resourceType":"Patient","id":"p"}"#));
    }

    #[test]
    fn a_path_names_its_entry() {
        assert_eq!(entry_of("Bundle.entry[12].request.url"), Some((12, ".request.url")));
        assert_eq!(entry_of("Bundle.entry[0]"), Some((0, "")));
        assert_eq!(entry_of("Bundle.entry"), None);
        assert_eq!(entry_of("Bundle.type"), None);
    }
}
