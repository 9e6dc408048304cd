//! The audit log: one chain for the whole file, because its writers take turns.

use std::fmt::Write as _;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params, params_from_iter};

use crate::error::Result;
use crate::fhir::ResourceKey;
use crate::referral::plan::{AuditEntry, AuditOutcome};
use crate::store::audit_chain::{AuditRow, ChainEnd, START, checkpoint};
use crate::store::audit_log::{AuditPage, AuditQuery};

use super::read::moment;
use super::statement::Connection;

/// The columns of a row, for [`row`].
const COLUMNS: &str = "id, chain, number, previous, hash, at, action, outcome, client, organization, request, correlation, \
                       subject, entities, detail";

// === what is written ===

/// Writes the entries behind the newest row.
pub(super) fn write(connection: &Connection, entries: Vec<AuditEntry>) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut end = own_end(connection)?;
    for entry in entries {
        let row = AuditRow::following(&end, entry);
        insert(connection, &row)?;
        end = row.end();
    }
    connection
        .prepare_cached(
            "INSERT INTO audit_chain (chain, number, hash) VALUES (?1, ?2, ?3)
             ON CONFLICT (chain) DO UPDATE SET number = excluded.number, hash = excluded.hash",
        )?
        .execute(params![end.chain, end.number.cast_signed(), end.hash])?;
    Ok(())
}

/// The end of the chain of this file.
fn own_end(connection: &Connection) -> Result<ChainEnd> {
    let found = connection
        .prepare_cached(
            "SELECT s.id, coalesce(c.number, 0), c.hash FROM store s LEFT JOIN audit_chain c ON c.chain = s.id",
        )?
        .query_row([], |row| {
            let number = row.get::<_, i64>(1)?.cast_unsigned();
            Ok(ChainEnd { chain: row.get(0)?, number, hash: row.get::<_, Option<_>>(2)?.unwrap_or(START) })
        })?;
    Ok(found)
}

fn insert(connection: &Connection, row: &AuditRow) -> Result<()> {
    let AuditRow { position: _, chain, number, previous, hash, entry } = row;
    let entities: Vec<String> = entry.entities.iter().map(ToString::to_string).collect();
    connection
        .prepare_cached(
            "INSERT INTO audit (chain, number, previous, hash, at, action, outcome, client, organization, request,
                 correlation, subject, entities, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            chain,
            number.cast_signed(),
            previous,
            hash,
            entry.at.as_millisecond(),
            entry.action,
            entry.outcome.code(),
            entry.client,
            entry.organization,
            entry.request,
            entry.correlation,
            entry.subject.as_ref().map(ToString::to_string),
            (!entities.is_empty()).then(|| entities.join(" ")),
            entry.detail,
        ])?;
    Ok(())
}

/// Chains the rows that were written before there were chains, in their order.
pub(super) fn chain_existing(connection: &Connection) -> Result<()> {
    let mut end = own_end(connection)?;
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE chain IS NULL ORDER BY id");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut update = connection
        .prepare_cached("UPDATE audit SET chain = ?2, number = ?3, previous = ?4, hash = ?5 WHERE id = ?1")?;
    for found in statement.query_and_then([], row)? {
        let AuditRow { position, entry, .. } = found?;
        let row = AuditRow::following(&end, entry);
        let (number, position) = (row.number.cast_signed(), position.cast_signed());
        update.execute(params![position, row.chain, number, row.previous, row.hash])?;
        end = row.end();
    }
    if end.number > 0 {
        let sql = "INSERT INTO audit_chain (chain, number, hash) VALUES (?1, ?2, ?3)";
        connection.execute(sql, params![end.chain, end.number.cast_signed(), end.hash])?;
    }
    Ok(())
}

/// Removes what is older than `before`, up to the first row that is not, and writes where the chain now begins.
pub(super) fn prune(connection: &Connection, before: Timestamp, entry: AuditEntry) -> Result<u64> {
    let end = own_end(connection)?;
    let kept: Option<i64> = connection
        .prepare_cached("SELECT min(number) FROM audit WHERE chain = ?1 AND at >= ?2")?
        .query_row(params![end.chain, before.as_millisecond()], |row| row.get(0))?;
    let last = kept.map_or(end.number, |number| number.cast_unsigned() - 1);
    let hash = connection
        .prepare_cached("SELECT hash FROM audit WHERE chain = ?1 AND number = ?2")?
        .query_row(params![end.chain, last.cast_signed()], |row| row.get(0))
        .optional()?;
    // Where there is no such row, nothing is old enough.
    let Some(hash) = hash else { return Ok(0) };
    let removed = connection
        .prepare_cached("DELETE FROM audit WHERE chain = ?1 AND number <= ?2")?
        .execute(params![end.chain, last.cast_signed()])?;
    let detail = checkpoint(&ChainEnd { number: last, hash, ..end });
    write(connection, vec![AuditEntry { detail, ..entry }])?;
    Ok(removed as u64)
}

// === what is read ===

/// The rows that are wanted.
pub(super) fn rows(connection: &Connection, query: &AuditQuery) -> Result<AuditPage> {
    let (condition, mut values) = condition(query);
    let order = if query.descending { "DESC" } else { "ASC" };
    // One more than is wanted tells whether there is another page.
    let limit = query.limit.saturating_add(1);
    values.push(i64::try_from(limit).unwrap_or(i64::MAX).into());
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE {condition} ORDER BY id {order} LIMIT ?{}", values.len());
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_and_then(params_from_iter(values), row)?;
    let mut rows: Vec<AuditRow> = found.collect::<Result<_>>()?;
    let more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = if more { rows.last().map(|row| row.position) } else { None };
    Ok(AuditPage { rows, next })
}

/// How many rows are wanted.
pub(super) fn count(connection: &Connection, query: &AuditQuery) -> Result<u64> {
    let (condition, values) = condition(query);
    let sql = format!("SELECT count(*) FROM audit WHERE {condition}");
    let count: i64 = connection.prepare_cached(&sql)?.query_row(params_from_iter(values), |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

fn condition(query: &AuditQuery) -> (String, Vec<Value>) {
    let mut condition = "1".to_owned();
    let mut values: Vec<Value> = Vec::new();
    let mut add = |sql: &str, value: Value| {
        values.push(value);
        // Writing to a string does not fail.
        let _ = write!(condition, " AND {}", sql.replace('?', &format!("?{}", values.len())));
    };
    if let Some(since) = query.since {
        add("at >= ?", since.as_millisecond().into());
    }
    if let Some(until) = query.until {
        add("at <= ?", until.as_millisecond().into());
    }
    if let Some(client) = &query.client {
        add("client = ?", client.clone().into());
    }
    if let Some(organization) = &query.organization {
        add("organization = ?", organization.clone().into());
    }
    if let Some(subject) = &query.subject {
        let sql = "(subject = ? OR (entities IS NOT NULL AND instr(' ' || entities || ' ', ' ' || ? || ' ') > 0))";
        add(sql, subject.to_string().into());
    }
    if let Some(outcome) = query.outcome {
        add("outcome = ?", outcome.code().to_owned().into());
    }
    if let Some(cursor) = query.cursor {
        add(if query.descending { "id < ?" } else { "id > ?" }, cursor.cast_signed().into());
    }
    if !query.actions.is_empty() {
        let first = values.len() + 1;
        let places: Vec<String> = (first..first + query.actions.len()).map(|place| format!("?{place}")).collect();
        values.extend(query.actions.iter().map(|action| Value::from(action.clone())));
        let _ = write!(condition, " AND action IN ({})", places.join(", "));
    }
    (condition, values)
}

/// The row with this number of this chain.
pub(super) fn one(connection: &Connection, chain: &str, number: u64) -> Result<Option<AuditRow>> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE chain = ?1 AND number = ?2");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_and_then(params![chain, number.cast_signed()], row)?.next().transpose()
}

/// Where each chain ends, as it was noted; of a chain that only rows speak of, that it has none.
pub(super) fn ends(connection: &Connection) -> Result<Vec<ChainEnd>> {
    let mut statement = connection.prepare_cached(
        "SELECT chain, number, hash FROM audit_chain
         UNION ALL
         SELECT DISTINCT chain, 0, zeroblob(32) FROM audit
         WHERE chain IS NOT NULL AND chain NOT IN (SELECT chain FROM audit_chain)
         ORDER BY chain",
    )?;
    let found = statement.query_and_then([], |row| {
        Ok(ChainEnd { chain: row.get(0)?, number: row.get::<_, i64>(1)?.cast_unsigned(), hash: row.get(2)? })
    })?;
    found.collect()
}

/// The rows of a chain, or of none, after this number and position.
pub(super) fn chain(
    connection: &Connection,
    chain: &str,
    (number, position): (u64, u64),
    limit: usize,
) -> Result<Vec<AuditRow>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (number, position) = (number.cast_signed(), position.cast_signed());
    if chain.is_empty() {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE chain IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
        return connection.prepare_cached(&sql)?.query_and_then([position, limit], row)?.collect();
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE chain = ?1 AND (number, id) > (?2, ?3) ORDER BY number, id LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_and_then(params![chain, number, position, limit], row)?.collect()
}

/// A row of [`COLUMNS`]. What is damaged is given as it can be read, so that it is found to be damaged.
fn row(row: &Row<'_>) -> Result<AuditRow> {
    let outcome: String = row.get(7)?;
    let entities: Option<String> = row.get(13)?;
    let subject: Option<String> = row.get(12)?;
    let key = |text: &str| {
        let (kind, id) = text.split_once('/').unwrap_or((text, ""));
        ResourceKey::new(kind, id)
    };
    Ok(AuditRow {
        position: row.get::<_, i64>(0)?.cast_unsigned(),
        chain: row.get::<_, Option<String>>(1)?.unwrap_or_default(),
        number: row.get::<_, Option<i64>>(2)?.unwrap_or_default().cast_unsigned(),
        previous: row.get::<_, Option<Vec<u8>>>(3)?.and_then(|hash| hash.try_into().ok()).unwrap_or(START),
        hash: row.get::<_, Option<Vec<u8>>>(4)?.and_then(|hash| hash.try_into().ok()).unwrap_or(START),
        entry: AuditEntry {
            at: moment(row.get(5)?)?,
            action: row.get::<_, String>(6)?.into(),
            outcome: AuditOutcome::from_code(&outcome),
            client: row.get(8)?,
            organization: row.get(9)?,
            request: row.get(10)?,
            correlation: row.get(11)?,
            subject: subject.as_deref().map(key),
            entities: entities.iter().flat_map(|keys| keys.split(' ')).map(key).collect(),
            detail: row.get(14)?,
        },
    })
}
