//! Reads of resources by their key, and whose eyes see them.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Error, Result};
use crate::fhir::{Document, ResourceKey};
use crate::referral::plan::Idempotency;
use crate::referral::scope::Scope;
use crate::store::Stored;

use super::{STORED, keys};

/// A scope by ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Eyes {
    /// Everything
    All,
    /// What this Organization sees; 0, which nobody is, where it is not even named: what is public
    Of(i64),
}

/// The SQL condition that the resource `r` is seen by the Organization `?1`.
pub(super) const SEEN: &str = "(r.author = ?1 OR r.public = 1 OR EXISTS (
    SELECT 1 FROM seen s WHERE s.organization = ?1 AND s.kind = r.kind AND s.resource = r.id))";

impl Eyes {
    /// The ids of a scope.
    pub(super) fn of(connection: &Connection, scope: &Scope) -> Result<Self> {
        match scope {
            Scope::Gateway => Ok(Self::All),
            Scope::Organization(id) => Ok(Self::Of(keys::resource(connection, "Organization", id)?.unwrap_or(0))),
        }
    }

    /// The id of this resource, if it is stored and seen.
    pub(super) fn find(self, connection: &Connection, key: &ResourceKey) -> Result<Option<i64>> {
        let Some(kind) = keys::kind(connection, &key.kind)? else { return Ok(None) };
        let found = match self {
            Self::All => connection
                .prepare_cached("SELECT id FROM resource WHERE kind = ?1 AND logical = ?2 AND version > 0")?
                .query_row(params![kind, key.id], |row| row.get(0))
                .optional()?,
            Self::Of(organization) => connection
                .prepare_cached(&format!(
                    "SELECT r.id FROM resource r WHERE r.kind = ?2 AND r.logical = ?3 AND r.version > 0 AND {SEEN}"
                ))?
                .query_row(params![organization, kind, key.id], |row| row.get(0))
                .optional()?,
        };
        Ok(found)
    }
}

/// The newest version of a resource, or the version named.
pub(super) fn read(
    connection: &Connection,
    scope: &Scope,
    key: &ResourceKey,
    version: Option<u64>,
) -> Result<Option<Stored>> {
    let Some(id) = Eyes::of(connection, scope)?.find(connection, key)? else { return Ok(None) };
    let stored = |row: &Row<'_>| version_row(row, key.clone());
    match version {
        None => connection
            .prepare_cached(
                "SELECT v.version, v.updated, v.seq, v.document FROM resource r CROSS JOIN version v
                 WHERE r.id = ?1 AND v.id = r.current",
            )?
            .query_and_then([id], stored)?
            .next()
            .transpose(),
        Some(version) => connection
            .prepare_cached("SELECT version, updated, seq, document FROM version WHERE resource = ?1 AND version = ?2")?
            .query_and_then([id, version.cast_signed()], stored)?
            .next()
            .transpose(),
    }
}

/// The newest versions of a resource, newest first.
pub(super) fn history(connection: &Connection, scope: &Scope, key: &ResourceKey, count: usize) -> Result<Vec<Stored>> {
    let Some(id) = Eyes::of(connection, scope)?.find(connection, key)? else { return Ok(Vec::new()) };
    versions(connection, id, key, count)
}

/// The newest versions of the resource with this id, newest first.
pub(super) fn versions(connection: &Connection, id: i64, key: &ResourceKey, count: usize) -> Result<Vec<Stored>> {
    connection
        .prepare_cached(
            "SELECT version, updated, seq, document FROM version WHERE resource = ?1 ORDER BY version DESC LIMIT ?2",
        )?
        .query_and_then([id, i64::try_from(count).unwrap_or(i64::MAX)], |row| version_row(row, key.clone()))?
        .collect()
}

/// Which of these are stored and seen.
pub(super) fn visible(connection: &Connection, scope: &Scope, keys: &[ResourceKey]) -> Result<Vec<bool>> {
    let eyes = Eyes::of(connection, scope)?;
    keys.iter().map(|key| Ok(eyes.find(connection, key)?.is_some())).collect()
}

/// All public resources, by type in the order of their making.
pub(super) fn directory(connection: &Connection) -> Result<Vec<Stored>> {
    connection
        .prepare_cached(
            "SELECT v.version, v.updated, v.seq, v.document, k.name, r.logical
             FROM resource r CROSS JOIN version v CROSS JOIN kind k
             WHERE r.public = 1 AND v.id = r.current AND k.id = r.kind ORDER BY r.kind, r.id",
        )?
        .query_and_then([], keyed_row)?
        .collect()
}

/// What was answered under this key.
pub(super) fn idempotent(connection: &Connection, client: &str, key: &str) -> Result<Option<Idempotency>> {
    let mut statement =
        connection.prepare_cached("SELECT digest, answer FROM idempotency WHERE client = ?1 AND key = ?2")?;
    let found = statement.query_row([client, key], |row| {
        Ok(Idempotency { client: client.to_owned(), key: key.to_owned(), digest: row.get(0)?, answer: row.get(1)? })
    });
    Ok(found.optional()?)
}

/// Version, updated, sequence and document, in the first four columns; type and id in the next two.
pub(super) fn keyed_row(row: &Row<'_>) -> Result<Stored> {
    let key = ResourceKey::new(row.get::<_, String>(4)?, row.get::<_, String>(5)?);
    version_row(row, key)
}

/// Version, updated, sequence and document, in the first four columns.
fn version_row(row: &Row<'_>, key: ResourceKey) -> Result<Stored> {
    let text = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(Stored {
        key,
        version: row.get::<_, i64>(0)?.cast_unsigned(),
        updated: moment(row.get(1)?)?,
        seq: row.get::<_, i64>(2)?.cast_unsigned(),
        document: Arc::new(Document::parse_within(text, STORED)?),
    })
}

/// A time as it is stored.
pub(super) fn moment(milliseconds: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(Error::fault)
}
