//! The audit log: one chain for the whole file, because its writers take turns.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::error::Result;
use crate::referral::plan::AuditEntry;
use crate::store::audit_chain::{AuditRow, ChainEnd, START, checkpoint};
use crate::store::sql::Ask;
use crate::store::sql::audit::{COLUMNS, row};

use super::session::Session;
use super::statement::Connection;

/// Writes the entries behind the newest row.
pub(super) fn write(session: &mut Session<'_>, entries: &[AuditEntry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let connection = session.connection;
    let mut end = own_end(connection)?;
    for entry in entries {
        let about = match &entry.subject {
            Some(subject) => session.keys.known_resource(connection, subject)?,
            None => None,
        };
        let next = end.followed_by(entry);
        insert(connection, &end, &next, entry, about)?;
        end = next;
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

/// Writes the row that leads from one end of the chain to the next.
fn insert(
    connection: &Connection,
    before: &ChainEnd,
    row: &ChainEnd,
    entry: &AuditEntry,
    about: Option<i64>,
) -> Result<()> {
    let entities: Vec<String> = entry.entities.iter().map(ToString::to_string).collect();
    connection
        .prepare_cached(
            "INSERT INTO audit (chain, number, previous, hash, at, action, outcome, client, organization, request,
                 correlation, subject, about, entities, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
        )?
        .execute(params![
            row.chain,
            row.number.cast_signed(),
            before.hash,
            row.hash,
            entry.at.as_millisecond(),
            entry.action,
            entry.outcome.code(),
            entry.client,
            entry.organization,
            entry.request,
            entry.correlation,
            entry.subject.as_ref().map(ToString::to_string),
            about,
            (!entities.is_empty()).then(|| entities.join(" ")),
            entry.detail,
        ])?;
    Ok(())
}

/// Chains the rows that were written before there were chains, in their order.
pub(super) fn chain_existing(connection: &Connection) -> Result<()> {
    let mut end = own_end(connection)?;
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE chain IS NULL ORDER BY id");
    let mut update = connection
        .prepare_cached("UPDATE audit SET chain = ?2, number = ?3, previous = ?4, hash = ?5 WHERE id = ?1")?;
    for AuditRow { position, entry, .. } in connection.rows(&sql, &[], row)? {
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
pub(super) fn prune(session: &mut Session<'_>, before: Timestamp, entry: AuditEntry) -> Result<u64> {
    let connection = session.connection;
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
    write(session, &[AuditEntry { detail, ..entry }])?;
    Ok(removed as u64)
}
