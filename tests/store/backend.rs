//! The backend that the suite runs with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use handoff::definitions::Definitions;
use handoff::store::Store;
use handoff::store::index::SearchParameters;
use handoff::store::sqlite::SqliteStore;
use tempfile::TempDir;

/// An empty place for one store.
pub(crate) struct Backend {
    folder: TempDir,
}

impl Backend {
    /// A new place.
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// Where the store is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("handoff.db")
    }

    /// Opens the store; what was there before is there again.
    pub(crate) fn open(&self) -> Arc<dyn Store> {
        open(&self.path())
    }
}

/// Opens the store at this place.
pub(crate) fn open(path: &Path) -> Arc<dyn Store> {
    open_with(path, parameters())
}

/// Opens the store at this place with other search parameters.
pub(crate) fn open_with(path: &Path, parameters: &Arc<SearchParameters>) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(path, parameters).unwrap())
}

/// The search parameters that the gateway ships with.
pub(crate) fn parameters() -> &'static Arc<SearchParameters> {
    static SHIPPED: OnceLock<Arc<SearchParameters>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let definitions = Definitions::r4().unwrap();
        Arc::new(SearchParameters::shipped(&definitions).unwrap())
    })
}
