//! What a map is compiled with.

use crate::definitions::Definitions;

use super::super::crosswalk::AskedTables;
use super::super::schema::RecordSchema;
use super::super::source::MapFile;

/// What a map is compiled with.
pub(in crate::mapping) struct CompileContext<'f> {
    /// The program type
    pub(in crate::mapping) kind: &'f str,
    /// The name of the program type for people
    pub(in crate::mapping) title: &'f str,
    /// The files of the map, what it extends first
    pub(in crate::mapping) files: Vec<(&'f str, &'f MapFile)>,
    /// The types of FHIR
    pub(in crate::mapping) definitions: &'f Definitions,
    /// The record's schema
    pub(in crate::mapping) schema: &'f RecordSchema,
    /// The tables of codes
    pub(in crate::mapping) crosswalks: &'f AskedTables<'f, 'f>,
}
