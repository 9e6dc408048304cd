//! The directory as it is by now: compiled once for each version that the store has of it.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::error::Result;
use crate::fhir::Node;
use crate::routing::{Directory, Rulebook};
use crate::store::Resources;

/// See the module head.
pub(super) struct CurrentDirectory {
    store: Arc<dyn Resources>,
    rules: Arc<Rulebook>,
    compiled: ArcSwap<CompiledDirectory>,
    version: watch::Receiver<u64>,
}

/// The directory, compiled, and which version of the store's it is.
struct CompiledDirectory {
    version: Option<u64>,
    directory: Arc<Directory>,
}

impl CurrentDirectory {
    /// Compiles what the store holds.
    ///
    /// # Errors
    /// If it cannot be used.
    pub(super) async fn open(store: Arc<dyn Resources>, rules: Arc<Rulebook>) -> Result<Self> {
        let version = store.directory_version();
        let nothing = CompiledDirectory { version: None, directory: Arc::new(Directory::default()) };
        let current = Self { store, rules, compiled: ArcSwap::from_pointee(nothing), version };
        current.get().await?;
        Ok(current)
    }

    /// The directory.
    ///
    /// # Errors
    /// If it has changed and cannot be used any more.
    pub(super) async fn get(&self) -> Result<Arc<Directory>> {
        let version = Some(*self.version.borrow());
        let compiled = self.compiled.load();
        if compiled.version == version {
            return Ok(compiled.directory.clone());
        }
        let stored = self.store.directory().await?;
        let nodes: Vec<Node<'_>> = stored.iter().map(|stored| stored.document.root()).collect();
        let directory = Arc::new(Directory::compile(nodes, &self.rules)?);
        self.compiled.store(Arc::new(CompiledDirectory { version, directory: directory.clone() }));
        Ok(directory)
    }
}
