//! The backends that the suite runs with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use handoff::definitions::Definitions;
use handoff::store::index::SearchParameters;
use handoff::store::postgres::{DatabaseUrl, PostgresStore};
use handoff::store::sqlite::SqliteStore;
use handoff::store::{DirectoryPosition, Resources, Store, Stored};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::postgres::{Database, server};

/// Makes a test of each of these functions for every backend; each is given an empty place for one store.
macro_rules! on_every_backend {
    (@on $backend:ident: $($test:ident),+) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    // What is not installed was said aloud.
                    let Some(backend) = Option::from($crate::backend::Backend::$backend()) else { return };
                    super::$test(backend).await;
                }
            )+
        }
    };
    ($($test:ident),+ $(,)?) => {
        on_every_backend!(@on sqlite_file: $($test),+);
        on_every_backend!(@on sqlite_memory: $($test),+);
        on_every_backend!(@on postgres: $($test),+);
    };
}
pub(crate) use on_every_backend;

/// An empty place for one store.
pub(crate) enum Backend {
    /// SQLite, in a file of this folder
    File(TempDir),
    /// SQLite in memory: one store, which is there as long as this is
    Memory(Arc<dyn Store>),
    /// PostgreSQL, in a database of its own
    Postgres(Database),
}

impl Backend {
    /// A new place for a file.
    pub(crate) fn sqlite_file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    /// A new place in memory.
    pub(crate) fn sqlite_memory() -> Self {
        Self::Memory(Arc::new(SqliteStore::in_memory(parameters()).unwrap()))
    }

    /// A new database; none where PostgreSQL is not installed.
    pub(crate) fn postgres() -> Option<Self> {
        Some(Self::Postgres(server()?.database()))
    }

    /// Where the file of the store is.
    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(folder) => folder.path().join("handoff.db"),
            Self::Memory(_) | Self::Postgres(_) => unreachable!("this store has no file"),
        }
    }

    /// Opens the store; what was there before is there again.
    pub(crate) fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::File(_) => open(&self.path()),
            Self::Memory(store) => store.clone(),
            Self::Postgres(database) => {
                let url = DatabaseUrl::parse(&database.url()).unwrap();
                let opened = PostgresStore::open(&url, parameters());
                Arc::new(tokio::task::block_in_place(|| Handle::current().block_on(opened)).unwrap())
            }
        }
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

/// What changed in the directory since then, in the order in which it is told, and how far that leads.
pub(crate) async fn directory_changes(
    store: &(impl Resources + ?Sized),
    since: DirectoryPosition,
) -> (DirectoryPosition, Vec<Stored>) {
    // Of one, so that whoever tells waits for whoever reads.
    let (sender, mut receiver) = mpsc::channel(1);
    let read = async {
        let mut changed = Vec::new();
        while let Some(stored) = receiver.recv().await {
            changed.push(stored);
        }
        changed
    };
    let (position, changed) = tokio::join!(store.directory_changes(since, sender), read);
    (position.unwrap(), changed)
}
