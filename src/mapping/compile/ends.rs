//! Places of the graph as maps name them (`request.status`), and the words of a map inside its values.

use std::collections::HashMap;

use serde_json::Value;

use crate::record::syntax::split;

use super::super::model::{End, Model};
use super::super::path::Paths;

/// The index of a node by its name, among those that are known.
pub(super) type NodeIndex = HashMap<String, usize>;

/// Reads `node.path`.
pub(super) fn end(model: &Model, paths: Paths<'_>, known: &NodeIndex, text: &str) -> Result<End, String> {
    let text = text.trim();
    let name_ends = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(name_ends);
    let Some(&node) = known.get(name) else {
        return Err(format!("there is no node {name} (before this one)"));
    };
    let rest = rest.strip_prefix('.').ok_or_else(|| format!("expected {name}. and an element"))?;
    let rule = &model.nodes[node];
    let path = paths.compile(&rule.start, rest)?;
    let identity = rest == "id" && rule.resource.is_some();
    Ok(End { node, path, identity, slot: 0, reference: None })
}

/// Reads alternatives: `node.path | node.path`.
pub(super) fn ends(model: &Model, paths: Paths<'_>, known: &NodeIndex, text: &str) -> Result<Vec<End>, String> {
    split(text, '|')?.iter().map(|text| end(model, paths, known, text)).collect()
}

/// Names of the map inside a literal are what they stand for.
pub(super) fn literal(paths: Paths<'_>, value: &Value) -> Value {
    match value {
        Value::String(text) => paths.word(text).into(),
        Value::Array(items) => items.iter().map(|item| literal(paths, item)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), literal(paths, value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}
