//! The directory as it is by now: the version that is at hand, brought up to what the store announces whenever that is newer.
//! What changed is read and put in its place, once, whoever waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{Mutex, mpsc, watch};

use crate::error::{Error, Result};
use crate::routing::{Directory, Rulebook};
use crate::store::{DirectoryPosition, Resources, Stored};

/// How many resources are read ahead of the one that is put in its place.
const MAX_READ_AHEAD: usize = 32;

/// See the module head.
pub(super) struct CurrentDirectory(Arc<Shared>);

struct Shared {
    store: Arc<dyn Resources>,
    rules: Arc<Rulebook>,
    /// The URL under which FHIR is served
    base: Option<Arc<str>>,
    current: ArcSwap<DirectoryVersion>,
    /// Held by whoever brings it up to date; up to which commit it could not be used, and why
    unusable: Mutex<Option<(u64, Error)>>,
    newest: watch::Receiver<u64>,
    updates: AtomicU64,
    resources: AtomicU64,
}

/// A version of the directory, and how far in the store it is.
struct DirectoryVersion {
    position: DirectoryPosition,
    directory: Arc<Directory>,
}

impl DirectoryVersion {
    /// From before anything was stored.
    fn empty(rules: &Rulebook, base: Option<&Arc<str>>) -> Self {
        let mut directory = Directory::new(rules);
        if let Some(base) = base {
            directory = directory.served_at(base.clone());
        }
        Self { position: DirectoryPosition::default(), directory: Arc::new(directory) }
    }
}

/// What was done so far to keep the directory as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryWork {
    /// How often it was brought up to date
    pub updates: u64,
    /// How many resources were read for that
    pub resources: u64,
}

impl CurrentDirectory {
    /// Compiles what the store holds.
    ///
    /// # Errors
    /// If it cannot be used.
    pub(super) async fn open(store: Arc<dyn Resources>, rules: Arc<Rulebook>, base: Option<&str>) -> Result<Self> {
        let base = base.map(Arc::from);
        let nothing = DirectoryVersion::empty(&rules, base.as_ref());
        let newest = store.directory_version();
        let current = Self(Arc::new(Shared {
            store,
            rules,
            base,
            current: ArcSwap::from_pointee(nothing),
            unusable: Mutex::new(None),
            newest,
            updates: AtomicU64::new(0),
            resources: AtomicU64::new(0),
        }));
        current.get().await?;
        Ok(current)
    }

    /// The directory, no older than what was announced when it was asked for.
    ///
    /// # Errors
    /// If it has changed and cannot be used any more.
    pub(super) async fn get(&self) -> Result<Arc<Directory>> {
        let newest = *self.0.newest.borrow();
        let current = self.0.current.load();
        if current.position.seq >= newest {
            return Ok(current.directory.clone());
        }
        // It goes on when whoever asked first goes away: the others wait for the same.
        tokio::spawn(bring_up_to(self.0.clone(), newest)).await.map_err(Error::fault)?
    }

    /// What was done so far to keep it as it is.
    pub(super) fn work(&self) -> DirectoryWork {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        DirectoryWork { updates: of(&self.0.updates), resources: of(&self.0.resources) }
    }
}

/// The directory at this commit or a later one.
async fn bring_up_to(shared: Arc<Shared>, seq: u64) -> Result<Arc<Directory>> {
    let mut unusable = shared.unusable.lock().await;
    let current = shared.current.load_full();
    if current.position.seq >= seq {
        // Somebody brought it there meanwhile.
        return Ok(current.directory.clone());
    }
    if let Some((_, error)) = unusable.as_ref().filter(|(at, _)| *at >= seq) {
        return Err(error.clone());
    }
    let next = match shared.update(&current).await? {
        // Something is not of the directory any more; what that was nobody says.
        (position, Ok(directory)) if directory.resource_count() as u64 != position.count => {
            shared.update(&DirectoryVersion::empty(&shared.rules, shared.base.as_ref())).await?
        }
        next => next,
    };
    let (position, directory) = match next {
        (position, Ok(directory)) => (position, Arc::new(directory)),
        (position, Err(error)) => {
            *unusable = Some((position.seq, error.clone()));
            return Err(error);
        }
    };
    tracing::debug!(commit = position.seq, placed = directory.placed(), "the directory is up to date");
    shared.current.store(Arc::new(DirectoryVersion { position, directory: directory.clone() }));
    Ok(directory)
}

impl Shared {
    /// How far the store is by now, and the directory there if it can be used.
    async fn update(&self, before: &DirectoryVersion) -> Result<(DirectoryPosition, Result<Directory>)> {
        self.updates.fetch_add(1, Ordering::Relaxed);
        let count = || _ = self.resources.fetch_add(1, Ordering::Relaxed);
        read_changes(&*self.store, before, &self.rules, count).await
    }
}

/// Compiles the directory of a store that nobody else is at.
///
/// # Errors
/// If it cannot be read, or cannot be used.
pub async fn compile_directory(store: &dyn Resources, rules: &Rulebook, base: Option<&str>) -> Result<Directory> {
    let nothing = DirectoryVersion::empty(rules, base.map(Arc::from).as_ref());
    read_changes(store, &nothing, rules, || {}).await?.1
}

/// What changed since a version, put in its place as it is read; each resource is counted.
async fn read_changes(
    store: &dyn Resources,
    before: &DirectoryVersion,
    rules: &Rulebook,
    count: impl Fn(),
) -> Result<(DirectoryPosition, Result<Directory>)> {
    let (changes, mut changed) = mpsc::channel::<Stored>(MAX_READ_AHEAD);
    let mut update = before.directory.update(rules);
    let add_all = async {
        while let Some(stored) = changed.recv().await {
            count();
            update.add(stored.document.root());
        }
    };
    let (position, ()) = tokio::join!(store.directory_changes(before.position, changes), add_all);
    Ok((position?, update.finish()))
}
