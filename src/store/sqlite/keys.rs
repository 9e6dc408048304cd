//! Narrow ids for what has long names: types, resources, code systems, search parameters.
//!
//! The writer gives ids and remembers them; readers look them up. An id never changes once its transaction is
//! committed, so what is remembered stays true; after a rollback the writer forgets everything.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Params, params};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::store::sql::keys::{kind, parameter, system};

use super::statement::Connection;

/// How many resources the writer remembers before it starts anew. They are the ones that others reference, mostly the
/// organizations and people of the directory.
const MAX_CACHED: usize = 20_000;

/// The ids that the writer knows.
#[derive(Debug, Default)]
pub(super) struct Keys {
    kinds: HashMap<String, i64>,
    resources: HashMap<ResourceKey, i64>,
    systems: HashMap<String, i64>,
    /// How many ids were given in all
    given: u64,
}

impl Keys {
    /// Forgets everything: what was given may have been rolled back.
    pub(super) fn forget(&mut self) {
        *self = Self { given: self.given, ..Self::default() };
    }

    /// How many ids were given in all: where it has not grown, there is nothing to forget.
    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// The id of a resource type; it is given one if it has none.
    pub(super) fn kind(&mut self, writer: &Connection, name: &str) -> Result<i64> {
        if let Some(id) = self.known_kind(writer, name)? {
            return Ok(id);
        }
        let id = self.give(writer, "INSERT INTO kind (name, resources) VALUES (?1, 0)", [name])?;
        self.kinds.insert(name.to_owned(), id);
        Ok(id)
    }

    /// The id of a resource type, if it has one.
    pub(super) fn known_kind(&mut self, writer: &Connection, name: &str) -> Result<Option<i64>> {
        if let Some(id) = self.kinds.get(name) {
            return Ok(Some(*id));
        }
        let found = kind(writer, name)?;
        if let Some(id) = found {
            self.kinds.insert(name.to_owned(), id);
        }
        Ok(found)
    }

    /// The id of a resource, stored or only named.
    pub(super) fn resource(&mut self, writer: &Connection, key: &ResourceKey) -> Result<i64> {
        if let Some(id) = self.resources.get(key) {
            return Ok(*id);
        }
        let kind = self.kind(writer, &key.kind)?;
        let id = match stored_id(writer, kind, &key.id)? {
            Some(id) => id,
            None => self.give(
                writer,
                "INSERT INTO resource (kind, logical, version, current, updated, seq, author, public)
                 VALUES (?1, ?2, 0, 0, 0, 0, 0, 0)",
                params![kind, key.id],
            )?,
        };
        self.remember(key.clone(), id);
        Ok(id)
    }

    /// The id of a resource, if it has one.
    pub(super) fn known_resource(&mut self, writer: &Connection, key: &ResourceKey) -> Result<Option<i64>> {
        if let Some(id) = self.resources.get(key) {
            return Ok(Some(*id));
        }
        let Some(kind) = self.known_kind(writer, &key.kind)? else { return Ok(None) };
        stored_id(writer, kind, &key.id)
    }

    fn give(&mut self, writer: &Connection, sql: &str, values: impl Params) -> Result<i64> {
        self.given += 1;
        Ok(writer.prepare_cached(sql)?.insert(values)?)
    }

    /// Remembers the id of a resource, which the caller may have given just now.
    pub(super) fn remember(&mut self, key: ResourceKey, id: i64) {
        if self.resources.len() >= MAX_CACHED {
            self.resources.clear();
        }
        self.given += 1;
        self.resources.insert(key, id);
    }

    /// The id of an Organization.
    pub(super) fn organization(&mut self, writer: &Connection, id: &str) -> Result<i64> {
        self.resource(writer, &ResourceKey::new("Organization", id))
    }

    /// The id of a code system.
    pub(super) fn system(&mut self, writer: &Connection, uri: &str) -> Result<i64> {
        if let Some(id) = self.systems.get(uri) {
            return Ok(*id);
        }
        let id = match system(writer, uri)? {
            Some(id) => id,
            None => self.give(writer, "INSERT INTO system (uri) VALUES (?1)", [uri])?,
        };
        self.systems.insert(uri.to_owned(), id);
        Ok(id)
    }

    /// The id of a search parameter of a type. Asked once for each, when the store is opened.
    pub(super) fn parameter(&mut self, writer: &Connection, kind: i64, code: &str) -> Result<i64> {
        match parameter(writer, kind, code)? {
            Some(id) => Ok(id),
            None => self.give(writer, "INSERT INTO parameter (kind, code) VALUES (?1, ?2)", params![kind, code]),
        }
    }
}

fn stored_id(writer: &Connection, kind: i64, logical: &str) -> Result<Option<i64>> {
    let found = writer
        .prepare_cached("SELECT id FROM resource WHERE kind = ?1 AND logical = ?2")?
        .query_row(params![kind, logical], |row| row.get(0))
        .optional()?;
    Ok(found)
}
