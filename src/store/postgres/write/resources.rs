//! The newest state of each resource.

use std::collections::HashMap;

use crate::error::Result;
use crate::fhir::ResourceKey;

use super::batch::{Batch, owned};
use super::keys::{NewNames, StoredVersion};
use super::session::Session;

/// What a plan does to one resource.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) stored: StoredVersion,
    pub(super) id: i64,
    /// The version that the writes seen so far have brought it to, and its lastUpdated, row, author
    pub(super) version: i64,
    pub(super) updated: i64,
    pub(super) current: i64,
    pub(super) author: i64,
    pub(super) public: bool,
}

pub(super) type Targets = HashMap<ResourceKey, Target>;

/// The columns of a row of `resource`: id, version, current, updated, seq, author, public.
type StateColumns = (i64, i64, i64, i64, i64, i64, i64);

/// What becomes of a resource; one that is only named has no version.
fn state(id: i64, target: Option<&Target>, seq: i64) -> StateColumns {
    match target {
        Some(target) => {
            (id, target.version, target.current, target.updated, seq, target.author, i64::from(target.public))
        }
        None => (id, 0, 0, 0, 0, 0, 0),
    }
}

/// Writes the newest state of each resource, and a row for each that is only named.
pub(super) fn write_resources(
    session: &Session<'_>,
    new: &NewNames,
    targets: &Targets,
    batch: &mut Batch<'_>,
) -> Result<()> {
    let seq = session.progress.seq;
    let mut inserted = Vec::with_capacity(new.resource_ids.len());
    for (id, key) in new.resource_ids.iter().zip(&new.resource_keys) {
        let (id, version, current, updated, seq, author, public) = state(*id, targets.get(key), seq);
        inserted.push((
            id,
            session.keys.kind(&key.kind)?,
            key.id.clone(),
            version,
            current,
            updated,
            seq,
            author,
            public,
        ));
    }
    batch.add_rows(
        "INSERT INTO resource (id, kind, logical, version, current, updated, seq, author, public)
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[],
             $7::bigint[], $8::bigint[], $9::bigint[])",
        inserted,
        owned![],
    );
    let changed = targets.values().filter(|target| target.stored.id > 0);
    batch.add_rows(
        "UPDATE resource r SET version = n.version, current = n.current, updated = n.updated, seq = n.seq,
             author = n.author, public = n.public
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
             n (id, version, current, updated, seq, author, public)
         WHERE r.id = n.id",
        changed.map(|target| state(target.id, Some(target), seq)),
        owned![],
    );
    Ok(())
}
