//! Narrow ids for what has long names: types, resources, code systems.
//!
//! Whoever holds the row of `store` gives ids, so each gateway may remember those that it has seen committed: they never
//! change. What a plan was given that is taken back is forgotten.

use std::collections::{BTreeSet, HashMap};

use tokio_postgres::Row;

use crate::error::{Error, Result};
use crate::fhir::ResourceKey;
use crate::store::index::{IndexEntry, IndexValue};

use super::batch::{Batch, owned};
use super::progress::Progress;
use crate::store::postgres::index_value::fit;

/// How many resources are remembered before it starts anew. They are the ones that others reference, mostly the
/// organizations and people of the directory.
const MAX_CACHED: usize = 20_000;

/// A resource as the transaction found it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StoredVersion {
    /// 0: not even named
    pub(super) id: i64,
    /// 0: not stored
    pub(super) version: i64,
    pub(super) updated: i64,
    pub(super) public: bool,
}

/// The ids that the writer knows.
#[derive(Debug, Default)]
pub(super) struct Keys {
    kinds: HashMap<String, i64>,
    resources: HashMap<ResourceKey, i64>,
    systems: HashMap<String, i64>,
    given: Given,
}

/// What was given since the last savepoint.
#[derive(Debug, Default)]
struct Given {
    kinds: Vec<String>,
    resources: Vec<ResourceKey>,
    systems: Vec<String>,
}

/// What a plan names, before its ids are known.
#[derive(Debug, Default)]
pub(super) struct Names<'p> {
    /// Resources of which the newest version counts
    pub(super) states: BTreeSet<&'p ResourceKey>,
    /// Resources that only have to be as they were: they are given no id
    pub(super) guarded: BTreeSet<&'p ResourceKey>,
    /// Resources of which the id is enough
    pub(super) resources: BTreeSet<ResourceKey>,
    /// Code systems
    pub(super) systems: BTreeSet<&'p str>,
}

/// Where the answers about [`Names`] stand in a batch.
pub(super) struct Asked {
    kinds: Option<usize>,
    resources: Option<usize>,
    systems: Option<usize>,
}

/// What is stored for the first time under a name.
#[derive(Debug, Default)]
pub(super) struct NewNames {
    kinds: Vec<(i64, String)>,
    pub(super) resource_ids: Vec<i64>,
    pub(super) resource_keys: Vec<ResourceKey>,
    systems: Vec<(i64, String)>,
}

impl Keys {
    /// Forgets everything.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets what was given since the last savepoint.
    pub(super) fn forget_given(&mut self) {
        let Given { kinds, resources, systems } = std::mem::take(&mut self.given);
        for name in &kinds {
            self.kinds.remove(name);
        }
        for key in &resources {
            self.resources.remove(key);
        }
        for uri in &systems {
            self.systems.remove(uri);
        }
    }

    /// What was given since the last savepoint stays.
    pub(super) fn keep_given(&mut self) {
        self.given = Given::default();
    }

    /// The id of a type that [`Names`] named.
    pub(super) fn kind(&self, name: &str) -> Result<i64> {
        self.kinds.get(name).copied().ok_or_else(|| unnamed(name))
    }

    /// The id of a resource that [`Names`] named.
    pub(super) fn resource(&self, key: &ResourceKey) -> Result<i64> {
        self.resources.get(key).copied().ok_or_else(|| unnamed(&key.kind))
    }

    /// The id of an Organization that [`Names`] named.
    pub(super) fn organization(&self, id: &str) -> Result<i64> {
        self.resource(&ResourceKey::new("Organization", id))
    }

    /// The id of a code system that [`Names`] named.
    pub(super) fn system(&self, uri: &str) -> Result<i64> {
        self.systems.get(uri).copied().ok_or_else(|| unnamed("system"))
    }

    /// Asks for what is not known yet.
    pub(super) fn ask(&mut self, names: &Names<'_>, batch: &mut Batch<'_>) -> Asked {
        if self.resources.len() >= MAX_CACHED {
            self.resources.clear();
        }
        let unknown = names.resources.iter().filter(|key| !self.resources.contains_key(*key));
        let wanted: BTreeSet<&ResourceKey> =
            names.states.iter().chain(&names.guarded).copied().chain(unknown).collect();
        // The types are few, and read at once.
        let is_new = |key: &&ResourceKey| !self.kinds.contains_key(&key.kind);
        let kinds = (self.kinds.is_empty() || wanted.iter().any(is_new))
            .then(|| batch.add("SELECT name, id FROM kind", Vec::new()));
        let resources = (!wanted.is_empty()).then(|| {
            let (kinds, ids): (Vec<String>, Vec<String>) =
                wanted.iter().map(|key| (key.kind.clone(), key.id.clone())).unzip();
            batch.add(
                "SELECT w.kind, w.logical, r.id, r.version, r.updated, r.public
                 FROM unnest($1::text[], $2::text[]) w (kind, logical)
                 JOIN kind k ON k.name = w.kind JOIN resource r ON r.kind = k.id AND r.logical = w.logical",
                owned![kinds, ids],
            )
        });
        let unknown: Vec<String> = names
            .systems
            .iter()
            .filter(|uri| !self.systems.contains_key(**uri))
            .map(|uri| fit(uri).into_owned())
            .collect();
        let systems =
            (!unknown.is_empty()).then(|| batch.add("SELECT uri, id FROM system WHERE uri = ANY($1)", owned![unknown]));
        Asked { kinds, resources, systems }
    }

    /// Takes the answers; gives the resources of which the newest version counts, as they were found.
    pub(super) fn learn(
        &mut self,
        asked: &Asked,
        names: &Names<'_>,
        answers: &[Vec<Row>],
    ) -> Result<HashMap<ResourceKey, StoredVersion>> {
        let rows = |place: Option<usize>| place.and_then(|place| answers.get(place)).into_iter().flatten();
        for row in rows(asked.kinds) {
            self.kinds.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let mut found = HashMap::new();
        for row in rows(asked.resources) {
            let key = ResourceKey { kind: row.try_get(0)?, id: row.try_get(1)? };
            let id = row.try_get(2)?;
            self.resources.insert(key.clone(), id);
            if names.states.contains(&key) || names.guarded.contains(&key) {
                let public = row.try_get::<_, i64>(5)? == 1;
                found.insert(key, StoredVersion { id, version: row.try_get(3)?, updated: row.try_get(4)?, public });
            }
        }
        // Those that are long are found under what stands for them.
        let fitted: HashMap<_, &str> = names.systems.iter().map(|uri| (fit(uri), *uri)).collect();
        for row in rows(asked.systems) {
            let uri: &str = row.try_get(0)?;
            if let Some(uri) = fitted.get(uri) {
                self.systems.insert((*uri).to_owned(), row.try_get(1)?);
            }
        }
        Ok(found)
    }

    /// Gives ids to what has none yet. The caller writes them: see [`NewNames`].
    pub(super) fn give(&mut self, names: &Names<'_>, progress: &mut Progress) -> NewNames {
        let mut new = NewNames::default();
        let mut newest_kind = self.kinds.values().max().copied().unwrap_or(0);
        for key in names.states.iter().copied().chain(&names.resources) {
            if self.resources.contains_key(key) {
                continue;
            }
            if !self.kinds.contains_key(&key.kind) {
                newest_kind += 1;
                self.kinds.insert(key.kind.clone(), newest_kind);
                self.given.kinds.push(key.kind.clone());
                new.kinds.push((newest_kind, key.kind.clone()));
            }
            progress.resource += 1;
            self.resources.insert(key.clone(), progress.resource);
            self.given.resources.push(key.clone());
            new.resource_ids.push(progress.resource);
            new.resource_keys.push(key.clone());
        }
        for uri in &names.systems {
            if !self.systems.contains_key(*uri) {
                progress.system += 1;
                self.systems.insert((*uri).to_owned(), progress.system);
                self.given.systems.push((*uri).to_owned());
                new.systems.push((progress.system, fit(uri).into_owned()));
            }
        }
        new
    }
}

impl<'p> Names<'p> {
    /// Names what these entries lead to.
    pub(super) fn name_entries(&mut self, entries: impl IntoIterator<Item = &'p IndexEntry>) {
        for entry in entries {
            match &entry.value {
                IndexValue::Reference(key) => drop(self.resources.insert(key.clone())),
                IndexValue::Token { system: Some(system), .. } => drop(self.systems.insert(system)),
                _ => {}
            }
        }
    }
}

impl NewNames {
    /// Writes a row for each resource, none of which is stored.
    pub(super) fn write_named(self, keys: &Keys, batch: &mut Batch<'_>) -> Result<()> {
        let mut rows = Vec::with_capacity(self.resource_ids.len());
        for (id, key) in self.resource_ids.into_iter().zip(self.resource_keys) {
            rows.push((id, keys.kind(&key.kind)?, key.id));
        }
        batch.add_rows(
            "INSERT INTO resource (id, kind, logical, version, current, updated, seq, author, public)
             SELECT n.id, n.kind, n.logical, 0, 0, 0, 0, 0, 0
             FROM unnest($1::bigint[], $2::bigint[], $3::text[]) n (id, kind, logical)",
            rows,
            owned![],
        );
        Ok(())
    }

    /// Writes the types and the code systems; resources are written by whoever knows what becomes of them.
    pub(super) fn write(&mut self, batch: &mut Batch<'_>) {
        batch.add_rows(
            "INSERT INTO kind (id, name, resources) SELECT id, name, 0 FROM unnest($1::bigint[], $2::text[]) n (id, name)",
            std::mem::take(&mut self.kinds),
            owned![],
        );
        batch.add_rows(
            "INSERT INTO system (id, uri) SELECT id, uri FROM unnest($1::bigint[], $2::text[]) n (id, uri)",
            std::mem::take(&mut self.systems),
            owned![],
        );
    }
}

fn unnamed(what: &str) -> Error {
    Error::fault(format!("a {what} that the plan has not named before was to be written"))
}
