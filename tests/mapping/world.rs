//! What the tests share: the program types, a referral with everything in it, a source of ids.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use handoff::definitions::Definitions;
use handoff::fhir::Document;
use handoff::mapping::ProgramTypes;
use handoff::referral::{Graph, Referral};
use serde_json::Value;

/// FHIR R4.
pub(crate) fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::r4().unwrap())
}

/// The program types that come with the program.
pub(crate) fn programs() -> &'static ProgramTypes {
    static PROGRAMS: OnceLock<ProgramTypes> = OnceLock::new();
    PROGRAMS.get_or_init(|| ProgramTypes::shipped(definitions()).unwrap_or_else(|error| panic!("{error}")))
}

/// The text of a file of the repository.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The graph of a Bundle.
pub(crate) fn graph(text: &str) -> Graph {
    Graph::from_bundle(&Arc::new(Document::parse(text).unwrap())).unwrap()
}

/// The Bundles that graphs of a program type are made from: a referral that has something of everything, and the end of
/// the type's journey.
pub(crate) fn seeds(kind: &str) -> Vec<Value> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let end = std::fs::read_to_string(root.join(format!("fixtures/cases/programs/{kind}/end.json")));
    let texts = [file("fixtures/cases/translate/full.json")].into_iter().chain(end);
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// The referral of a graph.
pub(crate) fn referral(graph: &Graph) -> Referral<'_> {
    Referral::read(graph, graph.only_task().unwrap()).unwrap()
}

/// Ids that come in order and never twice: `new-1`, `new-2`, ...
pub(crate) fn ids() -> impl FnMut() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    || format!("new-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}
