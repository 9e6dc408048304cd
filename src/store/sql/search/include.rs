//! `_include` and `_revinclude` (<https://hl7.org/fhir/R4/search.html#include>): one step, and only to what is seen.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::ControlFlow;

use crate::error::{Error, Result};
use crate::fhir::{Key, ResourceKey};
use crate::store::index::IndexValue;
use crate::store::query::{Include, Query};
use crate::store::search::order::MatchPosition;
use crate::store::visibility::Visibility;
use crate::store::{Stored, Unreadable};

use super::withheld;
use crate::store::index_ids::Index;
use crate::store::sql::database::Wanted;
use crate::store::sql::read::{self, Found, find, sees};
use crate::store::sql::{Database, values};

/// How many resources a page may add. A page with more ends earlier; where already its first match brings more, the search
/// is refused and not cut: what is left out would look as if it were not there.
const MAX_INCLUDED: usize = 1000;

/// What a page adds to its matches, each once.
pub(super) struct Included<'q> {
    connection: &'q dyn Database,
    index: &'q Index,
    visibility: Visibility,
    query: &'q Query,
    /// By the resource's own id
    found: BTreeMap<i64, Found>,
    /// Bytes of what the last match added
    added: usize,
}

impl<'q> Included<'q> {
    pub(super) fn new(
        connection: &'q dyn Database,
        index: &'q Index,
        visibility: Visibility,
        query: &'q Query,
    ) -> Self {
        Self { connection, index, visibility, query, found: BTreeMap::new(), added: 0 }
    }

    /// Adds what comes with a match, if it has room in so many bytes. Says whether it has; nothing is added if not.
    pub(super) fn add(&mut self, position: &MatchPosition, stored: Option<&Stored>, room: usize) -> Result<bool> {
        self.added = 0;
        let Some(wanted) = self.wanted(position, stored)? else { return Ok(false) };
        let mut new = Vec::new();
        for id in wanted {
            let Some(found) = read::find_newest(self.connection, self.visibility, id)? else { continue };
            match &found {
                Ok(stored) => self.added += stored.document.text().len(),
                Err(damaged) if !self.query.tells_unreadable => return Err(damaged.error.clone()),
                Err(_) => {}
            }
            if self.added > room {
                return Ok(false);
            }
            new.push((id, found));
        }
        self.found.extend(new);
        Ok(true)
    }

    /// How many bytes the last match added.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    /// All of it, but for what is a match of the page itself; and what of it cannot be read.
    pub(super) fn without(mut self, matches: &[MatchPosition]) -> (Vec<Stored>, Vec<Unreadable>) {
        for position in matches {
            self.found.remove(&position.resource);
        }
        let (mut included, mut unreadable) = (Vec::new(), Vec::new());
        for found in self.found.into_values() {
            match found {
                Ok(stored) => included.push(stored),
                Err(damaged) => unreadable.push(damaged),
            }
        }
        (included, unreadable)
    }

    /// The ids of what comes with a match and is not there yet; nothing where they are too many.
    fn wanted(&self, position: &MatchPosition, stored: Option<&Stored>) -> Result<Option<BTreeSet<i64>>> {
        let Self { connection, index, visibility, query, .. } = *self;
        let mut wanted = BTreeSet::new();
        let is_new = |id: &i64| *id != position.resource && !self.found.contains_key(id);
        if let Some(stored) = stored {
            let referenced = referenced(index, &query.include, stored)?;
            if referenced.len() > MAX_INCLUDED {
                return Ok(None);
            }
            for key in referenced {
                wanted.extend(find(connection, visibility, &key)?.filter(is_new));
            }
        }
        for include in &query.revinclude {
            let target = ResourceKey::new(&query.kind, &position.logical);
            let found = referencing(connection, index.id(include.parameter), position.resource, visibility)?;
            if found.len() > MAX_INCLUDED {
                return Ok(None);
            }
            for id in found.into_iter().filter(is_new) {
                if withheld::shows_reference(connection, index, visibility, id, (include.parameter, &target))? {
                    wanted.insert(id);
                }
            }
        }
        Ok((self.found.len() + wanted.len() <= MAX_INCLUDED).then_some(wanted))
    }
}

/// What a match references by these parameters.
fn referenced(index: &Index, includes: &[Include], stored: &Stored) -> Result<HashSet<ResourceKey>> {
    let mut keys = HashSet::new();
    if includes.is_empty() {
        return Ok(keys);
    }
    for entry in index.definition.served_entries(&stored.document)? {
        let IndexValue::Reference(key) = entry.value else { continue };
        let asked = |include: &Include| {
            include.parameter == entry.parameter && include.target.as_ref().is_none_or(|kind| *kind == key.kind)
        };
        if includes.iter().any(asked) {
            keys.insert(key);
        }
    }
    Ok(keys)
}

/// What references the resource by this parameter, as far as it is seen; of more than may be included one more.
fn referencing(connection: &dyn Database, parameter: i64, target: i64, visibility: Visibility) -> Result<Vec<i64>> {
    let sql = "SELECT resource FROM reference WHERE parameter = ?1 AND target = ?2";
    let mut found = Vec::new();
    connection.each_row(sql, values![parameter, target], Wanted::Some, &mut |row| {
        let id = row.get(0)?;
        if sees(connection, visibility, id)? {
            found.push(id);
        }
        Ok(if found.len() > MAX_INCLUDED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// With one match alone more comes than a page has room for.
pub(super) fn too_many(bytes: usize) -> Error {
    let message = format!(
        "more than {MAX_INCLUDED} resources, or {bytes} bytes, would be included with one match; leave it out, and search \
         for them"
    );
    let mut error = Error::incorrect(Key::Parameter, message);
    error.issues.iter_mut().for_each(|issue| "_include".clone_into(&mut issue.path));
    error
}
