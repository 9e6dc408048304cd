//! From the files of a map to the map. Everything that can be wrong with a map is found here, with file, line, column
//! and how to mend it, so that a map that was loaded works.
//!
//! ```text
//! nodes      the graph: how each node is found, created, linked
//! fields     what ties a place of the record to one of the graph
//! shape      the record that the fields make up
//! check      what holds between them: one writer per place, a source for every required element
//! ```

mod check;
mod fields;
mod nodes;
mod shape;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use serde_saphyr::Location;

use crate::definitions::Definitions;
use crate::fhir::{Issue, Key};
use crate::record::RecordPath;
use crate::record::syntax::split;

use super::crosswalk::Crosswalk;
use super::model::{End, Model};
use super::path::Paths;
use super::schema::RecordSchema;
use super::source::{self, FieldFile, MapFile, NodeFile, WithholdFile};

/// What a map is compiled with.
pub(super) struct CompileContext<'f> {
    /// The program type
    pub(super) kind: &'f str,
    /// The name of the program type for people
    pub(super) title: &'f str,
    /// The files of the map, what it extends first
    pub(super) files: Vec<(&'f str, &'f MapFile)>,
    /// The types of FHIR
    pub(super) definitions: &'f Definitions,
    /// The record's schema
    pub(super) schema: &'f RecordSchema,
    /// The tables of codes
    pub(super) crosswalks: &'f HashMap<String, Arc<Crosswalk>>,
}

/// Something that a file declares, and where.
#[derive(Debug)]
struct Declared<'f, T> {
    file: &'f str,
    at: Location,
    what: &'f T,
}

impl<T> Clone for Declared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Declared<'_, T> {}

/// Everything that the files of a map declare together: what is declared again takes the place of what was there.
struct Declarations<'f> {
    names: HashMap<String, String>,
    nodes: Vec<(&'f str, Declared<'f, NodeFile>)>,
    fields: Vec<Declared<'f, FieldFile>>,
    withhold: Vec<Declared<'f, WithholdFile>>,
}

/// What is wrong.
#[derive(Debug, Default)]
struct Findings(Vec<Issue>);

/// Compiles a map.
///
/// # Errors
/// All findings.
pub(super) fn compile(ground: &CompileContext<'_>) -> Result<Model, Vec<Issue>> {
    let declared = Declarations::gather(&ground.files);
    let paths = Paths { definitions: ground.definitions, names: &declared.names };
    let mut findings = Findings::default();
    let mut model = Model {
        nodes: Vec::new(),
        singles: Vec::new(),
        fields: Vec::new(),
        conditional: Vec::new(),
        shape: Vec::new(),
        withhold: Vec::new(),
        links: 0,
        sites: 0,
    };
    let known = nodes::compile(&mut model, ground.kind, &declared, paths, &mut findings);
    let sources = fields::compile(&mut model, ground, &declared, paths, &known, &mut findings);
    if findings.0.is_empty() {
        check::compile(&model, ground, &declared, &sources, &mut findings);
    }
    if findings.0.is_empty() { Ok(model) } else { Err(findings.0) }
}

// ===

impl<'f> Declarations<'f> {
    fn gather(files: &[(&'f str, &'f MapFile)]) -> Self {
        let mut all = Self { names: HashMap::new(), nodes: Vec::new(), fields: Vec::new(), withhold: Vec::new() };
        for (file, map) in files {
            all.names.extend(map.names.0.iter().map(|(name, value)| (name.value.clone(), value.clone())));
            for (name, node) in &map.nodes.0 {
                let declared = Declared { file, at: name.referenced, what: &node.value };
                match all.nodes.iter_mut().find(|(known, _)| *known == name.value) {
                    Some(known) => known.1 = declared,
                    None => all.nodes.push((&name.value, declared)),
                }
            }
            for field in &map.fields {
                let declared = Declared { file, at: field.referenced, what: &field.value };
                let again = |known: &&mut Declared<'f, FieldFile>| {
                    known.file != *file && known.what.record.value.0 == field.value.record.value.0
                };
                match all.fields.iter_mut().find(again) {
                    Some(known) => *known = declared,
                    None => all.fields.push(declared),
                }
            }
            all.withhold.extend(map.withhold.iter().map(|rule| Declared {
                file,
                at: rule.referenced,
                what: &rule.value,
            }));
        }
        all
    }
}

impl Findings {
    /// Something is wrong at this place of this file.
    fn add(&mut self, file: &str, at: Location, message: impl Into<String>, fix: impl Into<String>) {
        let issue = Issue::error(Key::MapInvalid, file, message).at(source::place(at)).hint(fix.into());
        if !self.0.contains(&issue) {
            self.0.push(issue);
        }
    }
}

/// The index of a node by its name, among those that are known.
type Known = HashMap<String, usize>;

/// Reads `node.path`.
fn end(model: &Model, paths: Paths<'_>, known: &Known, text: &str) -> Result<End, String> {
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
    Ok(End { node, path, identity, site: 0, link: None })
}

/// Reads alternatives: `node.path | node.path`.
fn ends(model: &Model, paths: Paths<'_>, known: &Known, text: &str) -> Result<Vec<End>, String> {
    split(text, '|')?.iter().map(|text| end(model, paths, known, text)).collect()
}

/// A position in the record as fields have it: the list that it is in (`services`), and the members from there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RecordPosition {
    list: Option<String>,
    names: Vec<Box<str>>,
    path: RecordPath,
}

impl RecordPosition {
    fn parse(text: &str) -> Result<Self, String> {
        let refuse =
            || format!("{text} is no place of a record; expected names with dots, and [] behind the name of a list");
        let path = RecordPath::parse(text).map_err(|_| refuse())?;
        let (list, within) = match path.split_last_each() {
            Some((list, within)) => (Some(list), within),
            None => (None, path.clone()),
        };
        let names: Vec<Box<str>> = within.members().ok_or_else(refuse)?.into_iter().map(Into::into).collect();
        // A map has fields for each item of a list, or for none.
        if names.is_empty() || !list.as_ref().is_none_or(RecordPath::has_only_lists) {
            return Err(refuse());
        }
        Ok(Self { list: list.map(|list| list.to_string()), names, path })
    }
}

/// Names of the map inside a literal are what they stand for.
fn literal(paths: Paths<'_>, value: &Value) -> Value {
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
