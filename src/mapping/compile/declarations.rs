//! What the files of a map declare, each with its place.

use std::collections::HashMap;

use serde_saphyr::Location;

use super::super::source::{FieldFile, MapFile, NodeFile, WithholdFile};

/// Something that a file declares, and where.
#[derive(Debug)]
pub(super) struct Declaration<'f, T> {
    pub(super) file: &'f str,
    pub(super) at: Location,
    pub(super) content: &'f T,
}

impl<T> Clone for Declaration<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Declaration<'_, T> {}

/// Everything that the files of a map declare together: what is declared again takes the place of what was there.
pub(super) struct Declarations<'f> {
    pub(super) names: HashMap<String, String>,
    pub(super) nodes: Vec<(&'f str, Declaration<'f, NodeFile>)>,
    pub(super) fields: Vec<Declaration<'f, FieldFile>>,
    pub(super) withhold: Vec<Declaration<'f, WithholdFile>>,
}

impl<'f> Declarations<'f> {
    pub(super) fn gather(files: &[(&'f str, &'f MapFile)]) -> Self {
        let mut all = Self { names: HashMap::new(), nodes: Vec::new(), fields: Vec::new(), withhold: Vec::new() };
        for (file, map) in files {
            all.names.extend(map.names.0.iter().map(|(name, value)| (name.value.clone(), value.clone())));
            for (name, node) in &map.nodes.0 {
                let declared = Declaration { file, at: name.referenced, content: &node.value };
                match all.nodes.iter_mut().find(|(known, _)| *known == name.value) {
                    Some(known) => known.1 = declared,
                    None => all.nodes.push((&name.value, declared)),
                }
            }
            for field in &map.fields {
                let declared = Declaration { file, at: field.referenced, content: &field.value };
                let again = |known: &&mut Declaration<'f, FieldFile>| {
                    known.file != *file && known.content.record.value.0 == field.value.record.value.0
                };
                match all.fields.iter_mut().find(again) {
                    Some(known) => *known = declared,
                    None => all.fields.push(declared),
                }
            }
            all.withhold.extend(map.withhold.iter().map(|rule| Declaration {
                file,
                at: rule.referenced,
                content: &rule.value,
            }));
        }
        all
    }
}
