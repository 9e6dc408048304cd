//! Errors about a part of a Bundle say where in it they stand.

use crate::error::Error;
use crate::fhir::{Issue, Node};

/// The error at this node.
pub(super) fn located(error: Error, node: Node<'_>) -> Error {
    let issues = error.issues.into_iter().map(|issue| {
        let is_located = issue.path.starts_with("Bundle.");
        let path = if is_located { issue.path.clone() } else { node.path() };
        if issue.position.is_some() { Issue { path, ..issue } } else { Issue { path, ..issue }.at(node.position()) }
    });
    Error { category: error.category, issues: issues.collect() }
}
