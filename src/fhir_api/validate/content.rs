//! What is wrong with a resource, whatever it is for.

use crate::exchange::Exchange;
use crate::fhir::{Issue, Key, Node};

/// What is wrong with it, whatever it is for.
pub(super) async fn check_content(
    exchange: &Exchange,
    kind: Option<&str>,
    profiles: &[String],
    resource: Node<'_>,
) -> Vec<Issue> {
    let named = resource.str("resourceType").unwrap_or_default();
    if let Some(kind) = kind.filter(|kind| *kind != named) {
        let message = format!("expected a {kind}, as the URL says");
        let node = resource.get("resourceType").unwrap_or(resource);
        return vec![Issue::error_at(Key::NotAResource, node, message)];
    }
    let profiles: Vec<&str> = profiles.iter().map(String::as_str).collect();
    exchange.validate(resource, &profiles, false).await
}
