//! The ids that a search asks for, looked up in the database.

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::store::index_ids::Index;
use crate::store::search::identifiers::Identifiers;
use crate::store::sql::{Ask, Database, keys, values};

/// Looks ids up for a search.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'c> {
    pub(super) connection: &'c dyn Database,
    pub(super) index: &'c Index,
}

impl Identifiers for Lookup<'_> {
    fn kind(&self, name: &str) -> Result<Option<i64>> {
        keys::kind(self.connection, name)
    }

    fn system(&self, uri: &str) -> Result<Option<i64>> {
        keys::system(self.connection, uri)
    }

    fn resource(&self, key: &ResourceKey) -> Result<Option<i64>> {
        keys::resource(self.connection, &key.kind, &key.id)
    }

    fn resources(&self, logical: &str) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT k.name, r.id FROM kind k CROSS JOIN resource r WHERE r.kind = k.id AND r.logical = ?1";
        self.connection.rows(sql, values![logical], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn local(&self, url: &str) -> Option<ResourceKey> {
        self.index.definition.local(url)
    }

    fn parameter(&self, number: u16) -> i64 {
        self.index.id(number)
    }
}
