//! What the tests share: the program types, a referral with everything in it, a source of ids.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use handoff::definitions::Definitions;
use handoff::fhir::Document;
use handoff::mapping::Programs;
use handoff::referral::{Graph, Referral};

/// FHIR R4.
pub(crate) fn definitions() -> &'static Definitions {
    static DEFINITIONS: OnceLock<Definitions> = OnceLock::new();
    DEFINITIONS.get_or_init(|| Definitions::r4().unwrap())
}

/// The program types that come with the program.
pub(crate) fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| Programs::shipped(definitions()).unwrap_or_else(|error| panic!("{error}")))
}

/// The text of a file of the repository.
pub(crate) fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The graph of a Bundle.
pub(crate) fn graph(text: &str) -> Graph {
    Graph::from_bundle(&Arc::new(Document::parse(text).unwrap())).unwrap()
}

/// The Bundle of a referral that has something of everything.
pub(crate) fn full_text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| file("fixtures/cases/translate/full.json"))
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
