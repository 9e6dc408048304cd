//! Reads of resources by their key, and whether a scope sees them.

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::error::{Category, Error, Result};
use crate::fhir::{Document, Issue, Key, ResourceKey};
use crate::referral::VersionRange;
use crate::referral::plan::Idempotency;
use crate::referral::scope::Scope;
use crate::referral::withheld::{Withheld, without};
use crate::store::document;
use crate::store::visibility::{NOBODY, Visibility};
use crate::store::{Stored, Unreadable, Versions};

use super::database::Wanted;
use super::shown::ShownVersions;
use super::{Ask, Database, Row, keys, values, withheld};

/// The SQL condition that the resource `r` is seen by the Organization `?1`: through any Task, but for one that it may have been
/// withdrawn from (see `renewals`).
pub(in crate::store) const SEEN: &str = "(r.author = ?1 OR r.public = 1 OR EXISTS (
    SELECT 1 FROM seen s WHERE s.organization = ?1 AND s.kind = r.kind AND s.resource = r.id)
    AND (NOT EXISTS (SELECT 1 FROM withdrawal w WHERE w.resource = r.id) OR EXISTS (
        SELECT 1 FROM task_resource d CROSS JOIN task_party p
        WHERE d.resource = r.id AND d.until IS NULL AND p.task = d.task AND p.organization = ?1 AND p.until IS NULL
          AND NOT EXISTS (SELECT 1 FROM undecided u WHERE u.resource = d.resource AND u.task = d.task))))";

/// The SQL of the version (its id) of the resource `r` that the Organization `?1` is shown.
pub(in crate::store) const SHOWN: &str =
    "CASE WHEN r.shown IS NULL OR r.author = ?1 OR r.public = 1 THEN r.current ELSE r.shown END";

/// The ids of a scope.
pub(in crate::store) fn visibility(connection: &dyn Database, scope: &Scope) -> Result<Visibility> {
    match scope {
        Scope::Gateway => Ok(Visibility::All),
        Scope::Public => Ok(Visibility::Of(NOBODY)),
        Scope::Organization(id) => {
            Ok(Visibility::Of(keys::resource(connection, "Organization", id)?.unwrap_or(NOBODY)))
        }
    }
}

/// The id of this resource, if it is stored and seen.
pub(in crate::store) fn find(
    connection: &dyn Database,
    visibility: Visibility,
    key: &ResourceKey,
) -> Result<Option<i64>> {
    let Some(kind) = keys::kind(connection, &key.kind)? else { return Ok(None) };
    match visibility {
        Visibility::All => connection.row(
            "SELECT id FROM resource WHERE kind = ?1 AND logical = ?2 AND version > 0",
            values![kind, &key.id],
            |row| row.get(0),
        ),
        Visibility::Of(organization) => connection.row(
            &format!("SELECT r.id FROM resource r WHERE r.kind = ?2 AND r.logical = ?3 AND r.version > 0 AND {SEEN}"),
            values![organization, kind, &key.id],
            |row| row.get(0),
        ),
    }
}

/// Is the resource with this id seen?
pub(in crate::store) fn sees(connection: &dyn Database, visibility: Visibility, id: i64) -> Result<bool> {
    let Visibility::Of(organization) = visibility else { return Ok(true) };
    let sql = format!("SELECT 1 FROM resource r WHERE r.id = ?2 AND {SEEN}");
    connection.exists(&sql, values![organization, id])
}

/// Columns of a version `v` of the resource `r` of type `k`, for [`stored`].
pub(in crate::store) const COLUMNS: &str =
    "v.version, v.updated, coalesce(v.shown, v.seq), v.document, k.name, r.logical, r.public,
    (SELECT o.logical FROM resource o WHERE o.id = r.author), r.id, r.author";

/// The newest version of a resource, or the version named; of what is seen no longer the last that was shown.
pub(in crate::store) fn read(
    connection: &dyn Database,
    scope: &Scope,
    key: &ResourceKey,
    version: Option<u64>,
) -> Result<Option<Stored>> {
    read_as(connection, visibility(connection, scope)?, key, version)
}

/// The newest versions of these resources, as [`read`].
pub(in crate::store) fn read_each(
    connection: &dyn Database,
    scope: &Scope,
    keys: &[ResourceKey],
) -> Result<Vec<Option<Stored>>> {
    let visibility = visibility(connection, scope)?;
    keys.iter().map(|key| read_as(connection, visibility, key, None)).collect()
}

fn read_as(
    connection: &dyn Database,
    visibility: Visibility,
    key: &ResourceKey,
    version: Option<u64>,
) -> Result<Option<Stored>> {
    if version.is_none()
        && let Some(id) = find(connection, visibility, key)?
    {
        return newest(connection, visibility, id);
    }
    let Some(id) = find(connection, Visibility::All, key)? else { return Ok(None) };
    let shown = ShownVersions::of(connection, visibility, id)?;
    let until = shown.end().map(i64::cast_unsigned);
    let found = versions(connection, visibility, id, &shown, version, VersionRange::newest(1))?.pop();
    Ok(readable(found)?.map(|stored| Stored { until, ..stored }))
}

/// Versions of the resource with this id that are shown, newest first; of them only the one with the number `wanted`, if one
/// is. One that cannot be read is told in its place.
fn versions(
    connection: &dyn Database,
    visibility: Visibility,
    id: i64,
    shown: &ShownVersions,
    wanted: Option<u64>,
    range: VersionRange,
) -> Result<Vec<Found>> {
    let sql = format!(
        "SELECT {COLUMNS}, CASE WHEN v.id > r.shown THEN 1 ELSE 0 END FROM resource r CROSS JOIN kind k CROSS JOIN version v
         WHERE r.id = ?1 AND k.id = r.kind AND v.resource = r.id ORDER BY v.version DESC"
    );
    let is_in_range =
        |number: u64| wanted.is_none_or(|wanted| wanted == number) && range.before.is_none_or(|before| number < before);
    let mut versions = Vec::new();
    let mut replaced = None;
    let mut bytes = 0_usize;
    if range.count == 0 || range.bytes == 0 {
        return Ok(versions);
    }
    connection.each_row(&sql, values![id], Wanted::Some, &mut |row| {
        let (number, made, held_back): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(10)?);
        let made = if held_back > 0 { i64::MAX } else { made };
        // A document is read and parsed only if it is given.
        if is_in_range(number.cast_unsigned()) && shown.hold(made, replaced) {
            match found(connection, visibility, row) {
                // A history is told without what is not kept any more.
                Err(error) if wanted.is_none() && is_removed(&error) => {}
                found => {
                    let version = found?;
                    bytes = bytes.saturating_add(version.as_ref().map_or(0, |stored| stored.document.text().len()));
                    if bytes > range.bytes && !versions.is_empty() {
                        return Ok(ControlFlow::Break(()));
                    }
                    versions.push(version);
                }
            }
        }
        replaced = Some(made);
        let is_full = versions.len() >= range.count || bytes >= range.bytes;
        Ok(if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(versions)
}

/// The newest version of the resource with this id that is shown.
pub(in crate::store) fn newest(connection: &dyn Database, visibility: Visibility, id: i64) -> Result<Option<Stored>> {
    readable(find_newest(connection, visibility, id)?)
}

/// As [`newest`]; what cannot be read is told in its place.
pub(in crate::store) fn find_newest(
    connection: &dyn Database,
    visibility: Visibility,
    id: i64,
) -> Result<Option<Found>> {
    let (shown, organization) = match visibility {
        Visibility::All => ("r.current", 0),
        Visibility::Of(organization) => (SHOWN, organization),
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM resource r CROSS JOIN kind k CROSS JOIN version v
         WHERE r.id = ?2 AND k.id = r.kind AND v.id = {shown} AND ?1 = ?1"
    );
    connection.row(&sql, values![organization, id], |row| match found(connection, visibility, row) {
        Err(error) if is_removed(&error) => Ok(Err(unreadable(row, nothing_is_kept())?)),
        found => found,
    })
}

/// What was found, where it can be read.
///
/// # Errors
/// Why it cannot be.
fn readable(found: Option<Found>) -> Result<Option<Stored>> {
    found.transpose().map_err(|unreadable| unreadable.error)
}

/// Nothing is there of a version that is never removed.
pub(in crate::store) fn nothing_is_kept() -> Error {
    Error::stored_unreadable(Issue::error(Key::StoredUnreadable, "", "nothing is there of its newest version"))
}

/// Versions of a resource that are shown, newest first.
pub(in crate::store) fn history(
    connection: &dyn Database,
    scope: &Scope,
    key: &ResourceKey,
    range: VersionRange,
) -> Result<Versions> {
    let mut history = Versions::default();
    let Some(id) = find(connection, Visibility::All, key)? else { return Ok(history) };
    let visibility = visibility(connection, scope)?;
    let shown = ShownVersions::of(connection, visibility, id)?;
    let given = if range.only_counted { VersionRange { count: 1, ..range } } else { range };
    for version in versions(connection, visibility, id, &shown, None, given)? {
        match version {
            Ok(stored) => history.found.push(stored),
            Err(unreadable) => history.unreadable.push(Unreadable { place: history.found.len(), ..unreadable }),
        }
    }
    if range.only_counted {
        history.counted = count_versions(connection, id, &shown, range)?.saturating_sub(history.len());
    }
    Ok(history)
}

/// How many versions in this range are kept and shown; no document is read.
fn count_versions(connection: &dyn Database, id: i64, shown: &ShownVersions, range: VersionRange) -> Result<usize> {
    let sql = "SELECT version, seq, CAST(octet_length(document) AS BIGINT) FROM version WHERE resource = ?1
               ORDER BY version DESC";
    let (mut count, mut replaced) = (0, None);
    connection.each_row(sql, values![id], Wanted::Some, &mut |row| {
        let (number, made, length): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let is_in_range = range.before.is_none_or(|before| number.cast_unsigned() < before);
        if is_in_range && shown.hold(made, replaced) && length > 0 {
            count += 1;
        }
        replaced = Some(made);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(count)
}

/// The documents of these versions, as far as they are stored.
pub(in crate::store) fn documents(
    connection: &dyn Database,
    keys: &[(ResourceKey, u64)],
) -> Result<Vec<(ResourceKey, Document)>> {
    let mut documents = Vec::with_capacity(keys.len());
    for (key, version) in keys {
        let document = connection.row(
            "SELECT v.document FROM kind k CROSS JOIN resource r CROSS JOIN version v
             WHERE k.name = ?1 AND r.kind = k.id AND r.logical = ?2 AND v.resource = r.id AND v.version = ?3",
            values![&key.kind, &key.id, version.cast_signed()],
            |row| document::parse(row.get::<&str>(0)?),
        )?;
        documents.extend(document.map(|document| (key.clone(), document)));
    }
    Ok(documents)
}

/// Which of these are stored and seen.
pub(in crate::store) fn visible(connection: &dyn Database, scope: &Scope, keys: &[ResourceKey]) -> Result<Vec<bool>> {
    let visibility = visibility(connection, scope)?;
    keys.iter().map(|key| Ok(find(connection, visibility, key)?.is_some())).collect()
}

/// May this organization share the resource on?
pub(in crate::store) fn may_share(connection: &dyn Database, organization: &str, key: &ResourceKey) -> Result<bool> {
    let (Some(kind), organization) =
        (keys::kind(connection, &key.kind)?, keys::resource(connection, "Organization", organization)?)
    else {
        return Ok(false);
    };
    connection.exists(
        "SELECT 1 FROM resource r WHERE r.kind = ?1 AND r.logical = ?2 AND r.version > 0 AND (
             r.public = 1 OR r.author = ?3 OR EXISTS (
                 SELECT 1 FROM task_resource t CROSS JOIN task_party p
                 WHERE t.resource = r.id AND t.until IS NULL AND p.task = t.task AND p.organization = ?3
                   AND p.party = 'requester' AND p.until IS NULL
                   AND NOT EXISTS (SELECT 1 FROM undecided u WHERE u.resource = t.resource AND u.task = t.task)))",
        values![kind, &key.id, organization.unwrap_or(NOBODY)],
    )
}

/// The Tasks through which this resource is shared.
pub(in crate::store) fn sharing(connection: &dyn Database, key: &ResourceKey) -> Result<Vec<ResourceKey>> {
    let Some(id) = keys::resource(connection, &key.kind, &key.id)? else { return Ok(Vec::new()) };
    connection.rows(
        "SELECT k.name, r.logical FROM task_resource t CROSS JOIN resource r CROSS JOIN kind k
         WHERE t.resource = ?1 AND t.until IS NULL AND r.id = t.task AND k.id = r.kind ORDER BY r.id",
        values![id],
        |row| Ok(ResourceKey { kind: row.get(0)?, id: row.get(1)? }),
    )
}

/// What was answered under this key.
pub(in crate::store) fn idempotent(connection: &dyn Database, client: &str, key: &str) -> Result<Option<Idempotency>> {
    let sql = "SELECT digest, answer FROM idempotency WHERE client = ?1 AND key = ?2";
    connection.row(sql, values![client, key], |row| {
        Ok(Idempotency { client: client.to_owned(), key: key.to_owned(), digest: row.get(0)?, answer: row.get(1)? })
    })
}

/// What is found in a row, or what is told in its place.
pub(in crate::store) type Found = std::result::Result<Stored, Unreadable>;

/// As [`stored`]; what cannot be read is told in its place.
fn found(connection: &dyn Database, visibility: Visibility, row: &Row<'_>) -> Result<Found> {
    match stored(connection, visibility, row) {
        Err(error) if error.is_stored_unreadable() => Ok(Err(unreadable(row, error)?)),
        stored => stored.map(Ok),
    }
}

/// What is told in the place of a row of [`COLUMNS`]. Its place among others is for whoever knows them.
fn unreadable(row: &Row<'_>, error: Error) -> Result<Unreadable> {
    let key = ResourceKey { kind: row.get(4)?, id: row.get(5)? };
    let version = row.get::<i64>(0)?.cast_unsigned();
    Ok(Unreadable { key, version, place: 0, public: row.get(6)?, error })
}

/// A row of [`COLUMNS`], without what is withheld: everything that is read for somebody comes through here.
pub(in crate::store) fn stored(connection: &dyn Database, visibility: Visibility, row: &Row<'_>) -> Result<Stored> {
    let whole = whole(row)?;
    if whole.public {
        return Ok(whole);
    }
    let hidden = withheld::hidden(connection, visibility, row.get(8)?, row.get(9)?)?;
    Ok(match without(&whole.document, &hidden)? {
        Some(document) => {
            let withheld = Some(Arc::new(Withheld { whole: whole.document, hidden }));
            Stored { document: Arc::new(document), withheld, ..whole }
        }
        None => whole,
    })
}

/// The document of this version is not kept any more: see `retention`.
fn removed(row: &Row<'_>) -> Result<Error> {
    let (kind, id, version): (String, String, i64) = (row.get(4)?, row.get(5)?, row.get(0)?);
    let text = format!("version {version} of {kind}/{id} was replaced, and is not kept any longer; the newest is");
    Ok(Error::new(Category::NotFound, Issue::error(Key::VersionRemoved, "", text)))
}

/// Is it that a version is not kept any more?
pub(in crate::store) fn is_removed(error: &Error) -> bool {
    error.issues.first().is_some_and(|issue| issue.key == Key::VersionRemoved)
}

/// What stands in the place of a document is none.
fn damaged(what: &str) -> Error {
    Error::stored_unreadable(Issue::error(Key::StoredUnreadable, "", format!("what is stored {what}")))
}

fn whole(row: &Row<'_>) -> Result<Stored> {
    let Ok(text) = row.get::<&str>(3) else { return Err(damaged("is no text")) };
    if text.is_empty() {
        return Err(removed(row)?);
    }
    let key = ResourceKey { kind: row.get(4)?, id: row.get(5)? };
    let document = Arc::new(document::parse(text)?);
    if !document.root().get("resourceType").is_some_and(|kind| kind.is_str(&key.kind)) {
        return Err(damaged("is no resource of its type"));
    }
    Ok(Stored {
        key,
        version: row.get::<i64>(0)?.cast_unsigned(),
        updated: Timestamp::from_microsecond(row.get(1)?).map_err(Error::fault)?,
        seq: row.get::<i64>(2)?.cast_unsigned(),
        author: row.get(7)?,
        public: row.get(6)?,
        until: None,
        document,
        withheld: None,
    })
}

/// A time as it is stored, but for the time of a change, which is in microseconds.
pub(in crate::store) fn moment(milliseconds: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(milliseconds).map_err(Error::fault)
}
