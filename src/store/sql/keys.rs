//! The narrow ids of what has long names, looked up: types, resources, code systems, search parameters.

use crate::error::Result;

use super::{Ask, Database, values};

/// The id of a resource type, if any resource has it.
pub(in crate::store) fn kind(connection: &dyn Database, name: &str) -> Result<Option<i64>> {
    connection.row("SELECT id FROM kind WHERE name = ?1", values![name], |row| row.get(0))
}

/// The id of a resource, if it is stored or named.
pub(in crate::store) fn resource(connection: &dyn Database, kind: &str, id: &str) -> Result<Option<i64>> {
    let sql = "SELECT r.id FROM kind k JOIN resource r ON r.kind = k.id WHERE k.name = ?1 AND r.logical = ?2";
    connection.row(sql, values![kind, id], |row| row.get(0))
}

/// The id of a code system, if any index row has it.
pub(in crate::store) fn system(connection: &dyn Database, uri: &str) -> Result<Option<i64>> {
    connection.row("SELECT id FROM system WHERE uri = ?1", values![uri], |row| row.get(0))
}

/// The id of a search parameter of a type, if it has one.
pub(in crate::store) fn parameter(connection: &dyn Database, kind: i64, code: &str) -> Result<Option<i64>> {
    connection.row("SELECT id FROM parameter WHERE kind = ?1 AND code = ?2", values![kind, code], |row| row.get(0))
}
