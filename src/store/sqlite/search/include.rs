//! `_include` and `_revinclude` (<https://hl7.org/fhir/R4/search.html#include>): one step, and only to what is seen.

use std::collections::{BTreeSet, HashSet};

use rusqlite::Connection;

use crate::error::{Error, Result};
use crate::fhir::{Key, ResourceKey};
use crate::store::Stored;
use crate::store::index::IndexValue;
use crate::store::query::{Include, Query};
use crate::store::search::order::MatchPosition;
use crate::store::visibility::Visibility;

use super::withheld;
use crate::store::sqlite::index::Index;
use crate::store::sqlite::read::{self, find, sees};

/// How many resources a page may add. More is refused, not cut: what is left out would look as if it were not there.
const MAX_INCLUDED: usize = 1000;

/// What the query adds to these matches, each once.
pub(super) fn included(
    connection: &Connection,
    index: &Index,
    visibility: Visibility,
    query: &Query,
    positions: &[MatchPosition],
    matches: &[Stored],
) -> Result<Vec<Stored>> {
    let mut wanted = BTreeSet::new();
    for key in referenced(index, &query.include, matches)? {
        wanted.extend(find(connection, visibility, &key)?);
        bounded(wanted.len())?;
    }
    for include in &query.revinclude {
        for position in positions {
            let found = referencing(connection, index.id(include.parameter), position.resource, visibility)?;
            let target = ResourceKey::new(&query.kind, &position.logical);
            for id in found {
                if withheld::shows_reference(connection, index, visibility, id, (include.parameter, &target))? {
                    wanted.insert(id);
                    bounded(wanted.len())?;
                }
            }
        }
    }
    for position in positions {
        wanted.remove(&position.resource);
    }
    let mut included = Vec::with_capacity(wanted.len());
    for id in wanted {
        included.extend(read::newest(connection, visibility, id)?);
    }
    Ok(included)
}

/// What the matches reference by these parameters.
fn referenced(index: &Index, includes: &[Include], matches: &[Stored]) -> Result<HashSet<ResourceKey>> {
    let mut keys = HashSet::new();
    if includes.is_empty() {
        return Ok(keys);
    }
    for stored in matches {
        for entry in index.definition.parameters.entries(stored.document.root())? {
            let IndexValue::Reference(key) = entry.value else { continue };
            let asked = |include: &Include| {
                include.parameter == entry.parameter && include.target.as_ref().is_none_or(|kind| *kind == key.kind)
            };
            if includes.iter().any(asked) {
                keys.insert(key);
            }
        }
    }
    Ok(keys)
}

/// What references the resource by this parameter, as far as it is seen.
fn referencing(connection: &Connection, parameter: i64, target: i64, visibility: Visibility) -> Result<Vec<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT resource FROM reference WHERE parameter = ?1 AND target = ?2")?;
    let mut rows = statement.query([parameter, target])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        if sees(connection, visibility, id)? {
            found.push(id);
            bounded(found.len())?;
        }
    }
    Ok(found)
}

fn bounded(count: usize) -> Result<()> {
    if count <= MAX_INCLUDED {
        return Ok(());
    }
    let message = format!(
        "more than {MAX_INCLUDED} resources would be included; ask for fewer matches with _count, or leave it out"
    );
    let mut error = Error::incorrect(Key::Parameter, message);
    error.issues.iter_mut().for_each(|issue| "_include".clone_into(&mut issue.path));
    Err(error)
}
