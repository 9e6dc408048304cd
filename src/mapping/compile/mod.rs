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
mod context;
mod declarations;
mod ends;
mod fields;
mod findings;
mod nodes;
mod record_position;
mod shape;

use crate::fhir::Issue;

use super::model::Model;
use super::path::Paths;

pub(super) use context::CompileContext;

use declarations::Declarations;
use findings::Findings;

/// Compiles a map.
///
/// # Errors
/// All findings.
pub(super) fn compile(context: &CompileContext<'_>) -> Result<Model, Vec<Issue>> {
    let declared = Declarations::gather(&context.files);
    let paths = Paths { definitions: context.definitions, names: &declared.names };
    let mut findings = Findings::default();
    let mut model = Model {
        nodes: Vec::new(),
        singles: Vec::new(),
        fields: Vec::new(),
        conditional: Vec::new(),
        shape: Vec::new(),
        withhold: Vec::new(),
        reference_count: 0,
        slot_count: 0,
    };
    let known = nodes::compile(&mut model, context.kind, &declared, paths, &mut findings);
    let sources = fields::compile(&mut model, context, &declared, paths, &known, &mut findings);
    if findings.0.is_empty() {
        check::check(&model, context, &declared, &sources, &mut findings);
    }
    if findings.0.is_empty() { Ok(model) } else { Err(findings.0) }
}
